//! The family of types: each keeps the laws, does what a plain model of it does, and bounds what
//! one source can make it keep.

mod attacks;
mod crates;
mod floods;
mod generators;
mod laws;
mod models;
mod product;
