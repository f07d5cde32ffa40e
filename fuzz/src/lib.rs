//! The bodies of the fuzz targets. `tests/fuzz_corpus.rs` includes the same files, and runs them
//! without a fuzzer.
#![forbid(unsafe_code)]

pub mod bodies;
#[path = "../../tests/promises/common/mod.rs"]
mod common;

#[path = "../../src/bin/bft-crdts/name.rs"]
#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
mod name;
#[path = "../../src/bin/bft-crdts/protocol/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
mod protocol;
