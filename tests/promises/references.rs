//! Payments under a reference: each is made once, and what an account remembers of them has an end.

use crate::transfers::actor;
use bft_crdts::bank::{Bank, Money, Op, Reference, ReferenceError, State};
use bft_crdts::codec::{decode, encode};
use bft_crdts::{SecureBroadcastAlgorithm, Verdict};

/// Two open accounts, on the replica of the first.
fn bank(balances: [u64; 2]) -> Bank {
    let mut bank = Bank::new(actor(1));
    for (n, balance) in (1..).zip(balances) {
        deliver(&mut bank, n, Bank::new(actor(n)).open(Money::new(balance)));
    }
    bank
}

fn deliver(bank: &mut Bank, from: u8, op: Op) {
    assert_eq!(bank.verdict(&actor(from), &op), Verdict::Valid, "{op:?}");
    bank.apply(op);
    assert!(bank.is_conserved());
}

fn reference(text: &str) -> Reference {
    text.parse().expect("a short text")
}

/// A payment of the first actor to the second.
fn pay(bank: &Bank, amount: u64, text: &str) -> Op {
    bank.transfer_once(actor(2), Money::new(amount), reference(text))
}

fn is_never(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Never(_))
}

#[test]
fn a_payment_under_a_reference_is_made_once_whoever_asks_again() {
    let mut bank = bank([100, 100]);
    let first = pay(&bank, 10, "invoice 7");
    deliver(&mut bank, 1, first);
    let payment = bank.payment(&actor(1), &reference("invoice 7"));
    let payment = payment.expect("remembered");
    assert_eq!((payment.number, payment.to), (1, actor(2)));
    assert_eq!(payment.amount, Money::new(10));
    for amount in [10, 11] {
        let again = pay(&bank, amount, "invoice 7");
        assert!(is_never(bank.verdict(&actor(1), &again)));
    }
    // Another payer's reference is another one.
    let mut theirs = Bank::new(actor(2));
    theirs.sync_from(bank.state());
    let theirs = theirs.transfer_once(actor(1), Money::new(1), reference("invoice 7"));
    deliver(&mut bank, 2, theirs);
    let other = pay(&bank, 10, "invoice 8");
    deliver(&mut bank, 1, other);
    assert_eq!(bank.balance(&actor(1)), Some(Money::new(81)));
    let kept = bank.payments(&actor(1));
    let kept: Vec<_> = kept.map(|(name, _)| name.as_str()).collect();
    assert_eq!(kept, ["invoice 7", "invoice 8"]);
}

#[test]
fn one_batch_uses_a_reference_once() {
    let bank = bank([100, 100]);
    let first = pay(&bank, 10, "invoice 7");
    let mut ahead = bank.clone();
    deliver(&mut ahead, 1, first.clone());
    let batch = |second: Op| bank.verdict_batch(&actor(1), &[first.clone(), second]);
    assert!(is_never(batch(pay(&ahead, 10, "invoice 7"))));
    assert!(batch(pay(&ahead, 10, "invoice 8")).is_valid());
}

#[test]
fn an_account_remembers_a_reference_for_so_many_transfers_and_no_longer() {
    let mut bank = bank([1 << 20, 0]);
    let first = pay(&bank, 1, "invoice 7");
    deliver(&mut bank, 1, first);
    for _ in 1..Bank::REMEMBERED {
        let op = bank.transfer(actor(2), Money::new(1));
        bank.apply(op);
    }
    let again = pay(&bank, 1, "invoice 7");
    assert!(is_never(bank.verdict(&actor(1), &again)));
    // In a batch the account forgets as it does one by one.
    let op = bank.transfer(actor(2), Money::new(1));
    let mut ahead = bank.clone();
    ahead.apply(op.clone());
    assert_eq!(ahead.payments(&actor(1)).count(), 0);
    let again = pay(&ahead, 1, "invoice 7");
    assert!(ahead.verdict(&actor(1), &again).is_valid());
    assert!(bank.verdict_batch(&actor(1), &[op, again]).is_valid());
}

#[test]
fn a_state_remembers_nothing_that_its_accounts_did_not_do() {
    let mut bank = bank([100, 100]);
    let op = pay(&bank, 10, "invoice 7");
    deliver(&mut bank, 1, op);
    let bytes = encode(&bank.state());
    let read = |bytes: &[u8]| decode::<State>(bytes, 1 << 20);
    assert_eq!(read(&bytes), Ok(bank.state()));
    let text = b"invoice 7";
    let text = bytes.windows(text.len()).position(|window| window == text);
    let text = text.expect("the reference is in the state");
    // Behind the nine bytes of text stand the number of the transfer, the payee and the amount.
    let (number, to, amount) = (text + 9, text + 17, text + 49);
    let owner = *actor(1).as_bytes();
    let forged: [(usize, &[u8]); 5] = [
        (text, &[0]),
        (number, &[0]),
        (number, &[2]),
        (to, &owner),
        (amount, &[0]),
    ];
    for (at, other) in forged {
        let mut forged = bytes.clone();
        forged[at..at + other.len()].copy_from_slice(other);
        assert!(read(&forged).is_err(), "{other:?} at {at}");
    }
}

#[test]
fn a_reference_is_a_short_text_without_control_characters() {
    let parse = |text: &str| text.parse::<Reference>();
    assert_eq!(parse(""), Err(ReferenceError::Empty));
    assert_eq!(parse("a\nb"), Err(ReferenceError::Control));
    let too_long = ReferenceError::TooLong { len: 65 };
    assert_eq!(parse(&"x".repeat(65)), Err(too_long));
    assert!(parse(&"x".repeat(64)).is_ok());
    assert!(decode::<Reference>(&encode(""), 100).is_err());
}
