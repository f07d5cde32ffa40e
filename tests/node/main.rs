//! Nodes that talk over real sockets.

mod hostile;
mod killed;
mod links;
mod process;
