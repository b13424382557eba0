//! Tests of duty over the whole of the server.
