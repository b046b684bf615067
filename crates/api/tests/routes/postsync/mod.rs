mod deliveries;
mod destinations;
mod events;
mod replays;
mod secret;
