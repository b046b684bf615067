mod assets;
mod auth;
mod errors;
mod generate;
mod generations;
mod models;
mod result;
