//! Lip sync on a plain CPU: frames and speech in, frames out. The model mesh-1.
