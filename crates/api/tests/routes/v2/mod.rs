mod assets;
mod auth;
mod batch;
mod errors;
mod generate;
mod generations;
mod models;
mod result;
