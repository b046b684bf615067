mod deliveries;
mod destinations;
mod events;
mod secret;
