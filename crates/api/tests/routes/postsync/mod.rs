mod deliveries;
mod destinations;
mod events;
