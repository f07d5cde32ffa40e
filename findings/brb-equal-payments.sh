#!/usr/bin/env bash
# Packages: brb 1.0.10, brb_membership 1.0.11, brb_dt_at2 1.0.8 (crates.io). Seen on 2026-11-28 with Rust 1.95.
#
# Behaviour: the bank of brb takes a second payment of the same amount between the same two accounts, calls it valid, applies it,
# and nothing changes: it keeps payments in a set, and a payment has no number, so that equal ones are one. Only when the payer
# received something between them do they differ. The same holds behind the broadcast, which delivers both.
#
# Why one guesses wrong: the broadcast around it numbers each operation of a source, so that no operation is applied twice, and
# the paper's transfers carry a sequence number. One expects either two payments or a refusal of the second.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "payments"
version = "0.0.0"
edition = "2024"

[dependencies]
brb = "=1.0.10"
brb_membership = "=1.0.11"
brb_dt_at2 = "=1.0.8"
TOML
cat >src/main.rs <<'RUST'
use brb::BRBDataType;
use brb_dt_at2::{Bank, Op};

/// Checks an operation as a replica does that receives it, and applies it.
fn carry_out(bank: &mut Bank<char>, source: char, op: Op<char>) {
    bank.validate(&source, &op).expect("valid");
    bank.apply(op);
}

/// What `a`, who begins with 100, and `b`, who begins with 50, have after these payments.
fn after(payments: &[(char, char, u64)]) -> (u64, u64) {
    let mut bank = Bank::new('a');
    for (owner, balance) in [('a', 100), ('b', 50)] {
        let op = bank.open_account(owner, balance);
        carry_out(&mut bank, owner, op);
    }
    for (from, to, amount) in payments {
        let op = bank.transfer(*from, *to, *amount).expect("the money is there");
        carry_out(&mut bank, *from, op);
    }
    (bank.balance(&'a'), bank.balance(&'b'))
}

fn main() {
    for payments in [
        [('a', 'b', 10), ('a', 'b', 20)].as_slice(),
        &[('a', 'b', 10), ('a', 'b', 10)],
        &[('a', 'b', 10), ('a', 'b', 10), ('a', 'b', 10)],
        &[('a', 'b', 10), ('b', 'a', 5), ('a', 'b', 10)],
    ] {
        let (a, b) = after(payments);
        println!("{payments:?}: a has {a}, b has {b}");
    }
}
RUST

cat >expected <<'TEXT'
[('a', 'b', 10), ('a', 'b', 20)]: a has 70, b has 80
[('a', 'b', 10), ('a', 'b', 10)]: a has 90, b has 60
[('a', 'b', 10), ('a', 'b', 10), ('a', 'b', 10)]: a has 90, b has 60
[('a', 'b', 10), ('b', 'a', 5), ('a', 'b', 10)]: a has 85, b has 65
TEXT
CARGO_TARGET_DIR="$folder/target" cargo run --quiet | tee seen
diff expected seen && echo "as described above"
