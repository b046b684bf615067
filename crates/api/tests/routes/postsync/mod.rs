mod deliveries;
mod destinations;
