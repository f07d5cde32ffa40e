#!/usr/bin/env bash
# Packages: bcs 0.2.1, bincode 1.3.3, serde 1 (crates.io). Seen on 2026-11-28 with Rust 1.95.
#
# Behaviour: BCS, the canonical encoding of the Move and Diem family, writes a BTreeMap in the order of its keys' *encoded* bytes,
# integers being little-endian, and a BTreeSet in the order of the keys. So the same keys stand in two orders in one message:
# a set {1, 2, 256} begins with 1, and a map with these keys with 256. bincode writes both in the order of the keys.
#
# Why one guesses wrong: in memory a BTreeSet is a BTreeMap without values, and serde's formats iterate both; so one expects either
# the order of the keys in both, or a canonical order in both. Who encodes by hand in another language, or replaces
# BTreeMap<K, ()> by BTreeSet<K>, gets bytes that hash to something else, and small numbers do not show it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "orders"
version = "0.0.0"
edition = "2024"

[dependencies]
bcs = "=0.2.1"
bincode = "=1.3.3"
serde = "1"
TOML
cat >src/main.rs <<'RUST'
use std::collections::{BTreeMap, BTreeSet};

/// The keys as they stand in the bytes, after a length of `length` bytes.
fn keys(bytes: &[u8], length: usize) -> Vec<u16> {
    bytes[length..].chunks(2).map(|key| u16::from_le_bytes([key[0], key[1]])).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for numbers in [[1, 2, 3], [1, 2, 256]] {
        let set = BTreeSet::<u16>::from(numbers);
        let map: BTreeMap<u16, ()> = set.iter().map(|number| (*number, ())).collect();
        println!("{numbers:?}");
        println!("  bcs: set {:?}, map {:?}", keys(&bcs::to_bytes(&set)?, 1), keys(&bcs::to_bytes(&map)?, 1));
        let (of_set, of_map) = (bincode::serialize(&set)?, bincode::serialize(&map)?);
        println!("  bincode: set {:?}, map {:?}", keys(&of_set, 8), keys(&of_map, 8));
        assert_eq!(bcs::from_bytes::<BTreeMap<u16, ()>>(&bcs::to_bytes(&map)?)?, map);
    }
    Ok(())
}
RUST

cat >expected <<'TEXT'
[1, 2, 3]
  bcs: set [1, 2, 3], map [1, 2, 3]
  bincode: set [1, 2, 3], map [1, 2, 3]
[1, 2, 256]
  bcs: set [1, 2, 256], map [256, 1, 2]
  bincode: set [1, 2, 256], map [1, 2, 256]
TEXT
CARGO_TARGET_DIR="$folder/target" cargo run --quiet | tee seen
diff expected seen && echo "as described above"
