//! The only outgoing HTTP of the postsync server: vetted dialling, TLS, caps, phase times.
