//! The records of a state, which are proven one by one, as people name them.

use bft_crdts::Actor;
use bft_crdts::bank::Money;
use bft_crdts::codec;
use serde_json::Value;

use crate::protocol::Kind;

/// What a state has, or has not, under a key, in words that people know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Whether a text is in a set.
    Member(String, bool),
    /// What an account holds, if there is one.
    Account(Actor, Option<Money>),
    /// What a counter is.
    Count(i64),
    /// What a map has under a text, if anything.
    Put(String, Option<String>),
}

impl Known {
    /// What a record says in a network of this kind. None for bytes that no record of the kind has,
    /// or of which the absence says nothing.
    pub(crate) fn of(kind: Kind, key: &[u8], value: Option<&[u8]>) -> Option<Self> {
        let text = |bytes: &[u8]| codec::decode::<String>(bytes, bytes.len()).ok();
        Some(match (kind, value) {
            (Kind::Set, None) => Self::Member(text(key)?, false),
            (Kind::Set, Some([])) => Self::Member(text(key)?, true),
            (Kind::Bank, value) => {
                let owner = Actor::from_bytes(key.try_into().ok()?);
                let money = value.map(|value| codec::decode(value, value.len()).ok());
                Self::Account(owner, transposed(money)?)
            }
            (Kind::Counter, Some(value)) if key.is_empty() => {
                Self::Count(codec::decode(value, value.len()).ok()?)
            }
            (Kind::Map, value) => Self::Put(text(key)?, transposed(value.map(text))?),
            _ => return None,
        })
    }

    /// The key and the value for programs; `null` where there is none.
    pub(crate) fn machine(&self) -> (Value, Value) {
        match self {
            Self::Member(member, _) => (member.as_str().into(), Value::Null),
            Self::Account(owner, money) => {
                (owner.to_string().into(), money.map(Money::units).into())
            }
            Self::Count(value) => (Value::Null, (*value).into()),
            Self::Put(key, value) => (key.as_str().into(), value.as_deref().into()),
        }
    }
}

/// None where there is a value that makes no sense.
fn transposed<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use bft_crdts::SecureBroadcastAlgorithm;
    use bft_crdts::bank::Bank;
    use bft_crdts::types::Counter;

    use super::*;
    use crate::kinds::{Set, Texts};

    /// What is known of each record of a state.
    fn known<A: SecureBroadcastAlgorithm>(kind: Kind, state: &A) -> Vec<Known> {
        let known = state
            .records()
            .map(|(key, value)| Known::of(kind, &key, Some(&value)));
        known.map(|known| known.expect("a record")).collect()
    }

    #[test]
    fn each_record_of_each_kind_is_known() {
        let owner = Actor::from_bytes([1; 32]);
        let word = |word: &str| word.to_owned();
        let mut set = Set::new(owner);
        set.apply(set.add(word("apple")));
        assert_eq!(known(Kind::Set, &set), [Known::Member(word("apple"), true)]);
        let mut bank = Bank::new(owner);
        bank.apply(bank.open(Money::new(7)));
        let account = Known::Account(owner, Some(Money::new(7)));
        assert_eq!(known(Kind::Bank, &bank), [account]);
        let mut counter = Counter::new(owner);
        counter.apply(counter.add(-2));
        assert_eq!(known(Kind::Counter, &counter), [Known::Count(-2)]);
        let mut map = Texts::new(owner);
        map.apply(map.put(word("apple"), word("red")));
        let put = Known::Put(word("apple"), Some(word("red")));
        assert_eq!(known(Kind::Map, &map), [put]);
    }

    #[test]
    fn bytes_that_no_record_has_are_not_known() {
        let text = codec::encode("apple");
        for (kind, key, value) in [
            (Kind::Set, &text[..], Some(&b"x"[..])),
            (Kind::Set, b"apple", None),
            (Kind::Bank, b"apple", None),
            (Kind::Bank, &[1; 32], Some(b"x")),
            (Kind::Counter, &[], None),
            (Kind::Counter, b"x", Some(&[0; 8])),
            (Kind::Map, &text, Some(b"red")),
            (Kind::Text, &[], Some(&[])),
        ] {
            assert_eq!(Known::of(kind, key, value), None, "{kind}");
        }
    }
}
