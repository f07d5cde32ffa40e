#!/usr/bin/env bash
# Package: crdts 7.3.2 (crates.io). Seen on 2026-11-28 with Rust 1.95.
#
# Behaviour: Map::validate_op refuses a write unless the actor's write just before was to the same key: the first write to a second
# key, made as documented on the actor's own replica with nothing concurrent, is a gap in the order of the source, for every
# replica. The actor's dot is compared with the clock of the entry, which has seen only the writes to its key. Map::apply takes
# the same operation, and all is as it should be. With Orswot inside it is the same as with MVReg.
#
# Why one guesses wrong: validate_op is documented as what tells whether an operation is safe to apply, so one asks it about all
# that comes over a network. A test with one key passes; with two keys most of what honest actors say is refused.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "second-key"
version = "0.0.0"
edition = "2024"

[dependencies]
crdts = { version = "=7.3.2", default-features = false }
TOML
cat >src/main.rs <<'RUST'
use crdts::{CmRDT, MVReg, Map, Orswot};

const ACTOR: u8 = 7;

fn registers(keys: [&'static str; 2]) {
    let mut map: Map<&str, MVReg<u8, u8>, u8> = Map::new();
    for (key, value) in keys.into_iter().zip(1..) {
        let add = map.read_ctx().derive_add_ctx(ACTOR);
        let op = map.update(key, add, |register, add| register.write(value, add));
        println!("register {key}: {}", judged(map.validate_op(&op)));
        map.apply(op);
        println!("register {key} holds {:?}", map.get(&key).val.map(|register| register.read().val));
    }
}

fn sets(keys: [&'static str; 2]) {
    let mut map: Map<&str, Orswot<u8, u8>, u8> = Map::new();
    for (key, member) in keys.into_iter().zip(1..) {
        let add = map.read_ctx().derive_add_ctx(ACTOR);
        let op = map.update(key, add, |set, add| set.add(member, add));
        println!("set {key}: {}", judged(map.validate_op(&op)));
        map.apply(op);
    }
}

fn judged<E: std::fmt::Debug>(verdict: Result<(), E>) -> String {
    verdict.map_or_else(|error| format!("{error:?}"), |()| "valid".to_owned())
}

fn main() {
    registers(["a", "a"]);
    registers(["a", "b"]);
    sets(["a", "a"]);
    sets(["a", "b"]);
}
RUST

cat >expected <<'TEXT'
register a: valid
register a holds Some([1])
register a: valid
register a holds Some([2])
register a: valid
register a holds Some([1])
register b: SourceOrder(DotRange { actor: 7, counter_range: 1..2 })
register b holds Some([2])
set a: valid
set a: valid
set a: valid
set b: SourceOrder(DotRange { actor: 7, counter_range: 1..2 })
TEXT
CARGO_TARGET_DIR="$folder/target" cargo run --quiet | tee seen
diff expected seen && echo "as described above"
