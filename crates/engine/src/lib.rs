//! The loops of postsync and the ports that they need: submit, generate, finish, dispatch, settle, sweep.
