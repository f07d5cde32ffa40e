//! Where an actor may listen, who says so, and what came of trying.

use std::collections::{BTreeMap, BTreeSet};

use super::address::Address;
use super::error::DialError;
use crate::actor::Actor;

/// Addresses of one actor that the operator's words may fill, of which the oldest gives way.
const NAMED: usize = 8;
/// Failures of one actor's addresses that the operator is told until the actor is heard.
const TOLD: usize = 16;

/// The addresses of one actor. Each teller has one say, the newest: so that no liar crowds out what
/// others know.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The actor's own word, over a link that proved its key.
    ///
    /// The last it said. A newer one takes its place, as a node that has moved says so in its next
    /// greeting.
    own: Option<Address>,
    /// The operator's words, the newest first.
    named: Vec<Address>,
    /// What other peers believe, one address each. They may lie: so these are tried last, and are
    /// not handed on.
    hearsay: BTreeMap<Actor, Address>,
}

/// An address that is worth an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) address: Address,
    /// Whether the actor itself or the operator named it.
    pub(super) vouched: bool,
}

/// Why an actor was not reached at an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Unreached {
    /// Where; `None` when nobody has said where it listens.
    pub address: Option<Address>,
    /// Why not.
    pub why: DialError,
}

/// What came of trying to reach one actor.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Of the last attempt; empty once there is a link.
    failed: Vec<Unreached>,
    /// What is in the log since the actor was heard last, no more than [`TOLD`].
    told: BTreeSet<Unreached>,
}

impl Attempts {
    /// All addresses have failed. What the operator was not told yet: the liar that changes its
    /// address again and again fills no log.
    ///
    /// The caller writes what is returned to the log.
    pub(super) fn fail(&mut self, failed: Vec<Unreached>) -> Vec<Unreached> {
        let told = &mut self.told;
        let news = failed.iter().filter(|failure| {
            let room = told.len() < TOLD;
            room && told.insert((*failure).clone())
        });
        let news = news.cloned().collect();
        self.failed = failed;
        news
    }

    /// There is a link.
    ///
    /// What the operator was told is kept: the other end may yet refuse, and would else be told of
    /// again at each attempt.
    pub(super) fn reach(&mut self) {
        self.failed.clear();
    }

    /// The other end has spoken: what fails from now on is news.
    pub(super) fn hear(&mut self) {
        self.told.clear();
    }

    /// Why the last attempt failed, if it did.
    pub(super) fn failed(&self) -> &[Unreached] {
        &self.failed
    }
}

/// Whose word an address is.
#[derive(Clone, Copy)]
pub(super) enum Word {
    /// It came over a link on which the actor proved its key.
    Own,
    /// From an invitation, the command line, or the book of an earlier run.
    Operator,
    /// From the greeting of this actor.
    Of(Actor),
}

impl Addresses {
    /// Bounded by who may speak: one address of the actor, [`NAMED`] of the operator, one of each
    /// teller.
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
    ///
    /// Each address once, in the words of its best teller.
    pub(super) fn all(&self) -> Vec<Known> {
        let mut all: Vec<Known> = Vec::new();
        let vouched = self.vouched().map(|address| (address, true));
        let hearsay = self.hearsay.values().map(|address| (address, false));
        for (address, vouched) in vouched.chain(hearsay) {
            if all.iter().all(|known| known.address != *address) {
                let address = address.clone();
                all.push(Known { address, vouched });
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

    fn all(addresses: &Addresses) -> Vec<Address> {
        let all = addresses.all().into_iter();
        all.map(|known| known.address).collect()
    }

    #[test]
    fn a_teller_has_one_say_and_only_what_is_vouched_for_is_passed_on() {
        let [liar, friend] = [1, 2].map(|byte| Actor::from_bytes([byte; 32]));
        let mut addresses = Addresses::default();
        for lie in 0..9 {
            addresses.learn(Word::Of(liar), at(&format!("lie:{lie}")));
        }
        addresses.learn(Word::Of(friend), at("true:1"));
        assert_eq!(all(&addresses), ["lie:8", "true:1"].map(at));
        assert_eq!(addresses.vouched().next(), None);
        addresses.learn(Word::Operator, at("named:1"));
        addresses.learn(Word::Own, at("true:1"));
        assert_eq!(all(&addresses), ["true:1", "named:1", "lie:8"].map(at));
        assert_eq!(
            addresses
                .all()
                .iter()
                .map(|known| known.vouched)
                .collect::<Vec<_>>(),
            [true, true, false]
        );
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
        let all = all(&addresses);
        assert_eq!(all[..3], ["own:1", "again:1", "named:19"].map(at));
        assert_eq!(all.len(), 1 + NAMED);
    }

    #[test]
    fn a_failure_is_told_once_until_the_actor_is_heard_and_no_more_than_a_few() {
        let failure = |text: &str, why| Unreached {
            address: Some(at(text)),
            why,
        };
        let mut attempts = Attempts::default();
        let wrong = failure("there:1", DialError::OtherActor);
        let once = [wrong.clone()];
        assert_eq!(attempts.fail(once.to_vec()), once);
        assert_eq!(attempts.fail(once.to_vec()), []);
        let silent = failure("there:1", DialError::NoAnswer);
        let both = vec![wrong, silent.clone()];
        assert_eq!(attempts.fail(both.clone()), [silent]);
        assert_eq!(attempts.failed(), both);
        attempts.reach();
        assert_eq!(attempts.failed(), []);
        assert_eq!(attempts.fail(once.to_vec()), []);
        attempts.hear();
        assert_eq!(attempts.fail(once.to_vec()), once);
        let lies = (0..99).map(|lie| failure(&format!("lie:{lie}"), DialError::NoAnswer));
        assert_eq!(attempts.fail(lies.collect()).len(), TOLD - 1);
    }
}
