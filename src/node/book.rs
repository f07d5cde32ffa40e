//! Where an actor may listen, and who says so.

use std::collections::BTreeMap;

use super::address::Address;
use crate::actor::Actor;

/// Addresses of one actor that the operator's words may fill, of which the oldest gives way.
const NAMED: usize = 8;

/// The addresses of one actor. Each teller has one say, the newest: so that no liar crowds out what others know.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The actor's own word, over a link that proved its key.
    own: Option<Address>,
    /// The operator's words, the newest first.
    named: Vec<Address>,
    hearsay: BTreeMap<Actor, Address>,
}

/// Whose word an address is.
#[derive(Clone, Copy)]
pub(super) enum Word {
    Own,
    Operator,
    Of(Actor),
}

impl Addresses {
    pub(super) fn learn(&mut self, word: Word, address: Address) {
        match word {
            Word::Own => self.own = Some(address),
            Word::Operator => {
                self.named.retain(|named| *named != address);
                self.named.insert(0, address);
                self.named.truncate(NAMED);
            }
            Word::Of(teller) => drop(self.hearsay.insert(teller, address)),
        }
    }

    /// The actor's own word and the operator's, the best first: no hearsay.
    pub(super) fn vouched(&self) -> impl Iterator<Item = &Address> {
        self.own.iter().chain(&self.named)
    }

    /// What to try, the best first.
    pub(super) fn all(&self) -> Vec<Address> {
        let mut all = Vec::new();
        for address in self.vouched().chain(self.hearsay.values()) {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_none() && self.named.is_empty() && self.hearsay.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Address {
        text.parse().expect("an address")
    }

    #[test]
    fn a_teller_has_one_say_and_only_what_is_vouched_for_is_passed_on() {
        let [liar, friend] = [1, 2].map(|byte| Actor::from_bytes([byte; 32]));
        let mut addresses = Addresses::default();
        for lie in 0..9 {
            addresses.learn(Word::Of(liar), at(&format!("lie:{lie}")));
        }
        addresses.learn(Word::Of(friend), at("true:1"));
        assert_eq!(addresses.all(), ["lie:8", "true:1"].map(at));
        assert_eq!(addresses.vouched().next(), None);
        addresses.learn(Word::Operator, at("named:1"));
        addresses.learn(Word::Own, at("true:1"));
        assert_eq!(addresses.all(), ["true:1", "named:1", "lie:8"].map(at));
        assert_eq!(addresses.vouched().next(), Some(&at("true:1")));
    }

    /// One that is reached at another address than it believes is found again after a restart.
    #[test]
    fn what_the_operator_says_is_tried_beside_what_the_actor_says_and_the_newest_first() {
        let mut addresses = Addresses::default();
        for named in 0..20 {
            addresses.learn(Word::Operator, at(&format!("named:{named}")));
            addresses.learn(Word::Operator, at("again:1"));
        }
        addresses.learn(Word::Own, at("own:1"));
        let all = addresses.all();
        assert_eq!(all[..3], ["own:1", "again:1", "named:19"].map(at));
        assert_eq!(all.len(), 1 + NAMED);
    }
}
