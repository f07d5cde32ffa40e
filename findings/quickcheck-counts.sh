#!/usr/bin/env bash
# Packages: quickcheck 1.1.0, quickcheck_macros 1.2.0 (crates.io). Seen on 2026-11-28 with Rust 1.95.
#
# Behaviour: how many cases a property gets is not always what one wrote, and nothing is said when it is not.
# - `.tests(20_000)` tries 10,000: `.tests` does not raise `max_tests`, as the environment variable does.
# - `#[quickcheck(tests = 7)]` tries 100: the attribute takes arguments and drops them.
# - QUICKCHECK_TESTS=1e3 tries 100: what is not a number is the default.
# - QUICKCHECK_TESTS=0 tries nothing, and the property holds.
# - A property that discards every case holds, unless QUICKCHECK_MIN_TESTS_PASSED is set.
#
# Why one guesses wrong: a builder that is asked for 20,000 and an attribute that compiles are taken at their word, and a green
# test is taken for one that tried something.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "counts"
version = "0.0.0"
edition = "2024"

[dependencies]
quickcheck = { version = "=1.1.0", default-features = false }
quickcheck_macros = "=1.2.0"
TOML
cat >src/main.rs <<'RUST'
use std::sync::atomic::{AtomicU64, Ordering};

use quickcheck::{QuickCheck, TestResult, quickcheck};

static CASES: AtomicU64 = AtomicU64::new(0);

fn holds(_: u8) -> bool {
    CASES.fetch_add(1, Ordering::Relaxed);
    true
}

fn discards(_: u8) -> TestResult {
    CASES.fetch_add(1, Ordering::Relaxed);
    TestResult::discard()
}

fn tell(what: &str, property: impl FnOnce()) {
    CASES.store(0, Ordering::Relaxed);
    property();
    println!("{what}: {} cases, and it holds", CASES.load(Ordering::Relaxed));
}

fn main() {
    if let Ok(asked) = std::env::var("QUICKCHECK_TESTS") {
        return tell(&format!("QUICKCHECK_TESTS={asked}"), || quickcheck(holds as fn(u8) -> bool));
    }
    tell("by default", || quickcheck(holds as fn(u8) -> bool));
    tell(".tests(5_000)", || QuickCheck::new().tests(5_000).quickcheck(holds as fn(u8) -> bool));
    tell(".tests(20_000)", || QuickCheck::new().tests(20_000).quickcheck(holds as fn(u8) -> bool));
    tell("discarding all", || quickcheck(discards as fn(u8) -> TestResult));
}

#[cfg(test)]
#[quickcheck_macros::quickcheck(tests = 7)]
fn with_arguments(_: u8) -> bool {
    println!("case {}", CASES.fetch_add(1, Ordering::Relaxed) + 1);
    true
}
RUST

export CARGO_TARGET_DIR="$folder/target"
cargo build --quiet
unset QUICKCHECK_TESTS QUICKCHECK_MAX_TESTS QUICKCHECK_MIN_TESTS_PASSED
{
    target/debug/counts
    for asked in 20000 1e3 0; do QUICKCHECK_TESTS=$asked target/debug/counts; done
    cases=$(cargo test --quiet -- --nocapture | grep -c '^case')
    echo "#[quickcheck(tests = 7)]: $cases cases, and it holds"
} | tee seen

cat >expected <<'TEXT'
by default: 100 cases, and it holds
.tests(5_000): 5000 cases, and it holds
.tests(20_000): 10000 cases, and it holds
discarding all: 10000 cases, and it holds
QUICKCHECK_TESTS=20000: 20000 cases, and it holds
QUICKCHECK_TESTS=1e3: 100 cases, and it holds
QUICKCHECK_TESTS=0: 0 cases, and it holds
#[quickcheck(tests = 7)]: 100 cases, and it holds
TEXT
diff expected seen && echo "as described above"
