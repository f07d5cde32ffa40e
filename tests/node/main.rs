//! Nodes that talk over real sockets.

mod hostile;
mod idle;
mod killed;
mod liar;
mod links;
mod process;
mod readme;
mod restart;
mod weather;
