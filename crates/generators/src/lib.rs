//! Adapters behind the Generator port: the built-in lip sync in a child process, and passthrough.
