//! Nodes that talk over real sockets.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::too_many_lines)]

mod attack;
mod contacts;
mod departed;
mod flapping;
mod forged;
mod guests;
mod hostile;
mod idle;
mod ipv6;
mod killed;
mod leaving;
mod liar;
mod life;
mod links;
mod process;
mod readme;
mod relay;
mod restart;
mod tickets;
mod told;
mod weather;
