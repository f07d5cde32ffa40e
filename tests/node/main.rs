//! Nodes that talk over real sockets.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod attack;
mod contacts;
mod departed;
mod hostile;
mod idle;
mod ipv6;
mod killed;
mod leaving;
mod liar;
mod links;
mod process;
mod readme;
mod relay;
mod restart;
mod weather;
