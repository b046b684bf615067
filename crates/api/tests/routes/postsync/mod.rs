mod deliveries;
mod destinations;
mod endpoints;
mod events;
mod replays;
mod secret;
mod upstream;
