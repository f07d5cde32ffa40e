//! The bodies of the fuzz targets. `tests/fuzz_corpus.rs` includes the same files, and runs them without a fuzzer.
#![forbid(unsafe_code)]

pub mod bodies;
#[path = "../../tests/promises/common/mod.rs"]
mod common;
