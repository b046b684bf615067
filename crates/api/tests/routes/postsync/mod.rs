mod deliveries;
mod destinations;
mod endpoints;
mod events;
mod generations;
mod replays;
mod secret;
mod upstream;
