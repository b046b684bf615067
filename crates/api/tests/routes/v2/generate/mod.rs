mod create;
mod get;
mod upload;
