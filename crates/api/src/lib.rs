//! The HTTP API of postsync: routes, authentication, wire types, errors, OpenAPI.
