//! Nodes that talk over real sockets.

mod links;
