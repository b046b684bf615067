mod create;
mod get;
mod keyed;
mod upload;
