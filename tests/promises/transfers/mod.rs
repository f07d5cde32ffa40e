//! Random transfers for whatever has balances and transfer numbers: ordinary and hostile ones.

use bft_crdts::Actor;
use bft_crdts::money::{Money, Transfer, TransferId};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// An actor for algorithms, which ask of a name only that it differs from others.
pub(crate) fn actor(n: u8) -> Actor {
    Actor::from_bytes([n; 32])
}

/// What the generator has to know of a state.
pub(crate) struct Ledger<'a> {
    pub(crate) actors: &'a [Actor],
    pub(crate) balance: &'a dyn Fn(&Actor) -> u64,
    pub(crate) transfers: &'a dyn Fn(&Actor) -> u64,
}

impl Ledger<'_> {
    pub(crate) fn anybody(&self, random: &mut ChaCha8Rng) -> Actor {
        self.actors[random.random_range(0..self.actors.len())]
    }

    /// Three quarters ordinary, one quarter hostile, early or a slip.
    pub(crate) fn transfer(&self, random: &mut ChaCha8Rng, from: &Actor) -> Transfer {
        let mut transfer = self.ordinary(random, from);
        if random.random_ratio(1, 4) {
            self.twist(random, &mut transfer);
        }
        transfer
    }

    fn ordinary(&self, random: &mut ChaCha8Rng, from: &Actor) -> Transfer {
        let others: Vec<_> = self.actors.iter().filter(|actor| *actor != from).collect();
        let amount = random.random_range(1..=(self.balance)(from).max(1));
        Transfer {
            id: TransferId {
                source: *from,
                number: (self.transfers)(from) + 1,
            },
            to: *others[random.random_range(0..others.len())],
            amount: Money::new(if random.random() {
                amount
            } else {
                amount.min(5)
            }),
            deps: self.deps(random, from),
        }
    }

    fn deps(&self, random: &mut ChaCha8Rng, from: &Actor) -> Vec<TransferId> {
        let mut deps = Vec::new();
        for source in self.actors.iter().filter(|actor| *actor != from) {
            let transfers = (self.transfers)(source);
            if transfers > 0 && random.random_ratio(1, 3) {
                let number = random.random_range(1..=transfers);
                deps.push(TransferId {
                    source: *source,
                    number,
                });
            }
        }
        deps.sort();
        deps
    }

    fn twist(&self, random: &mut ChaCha8Rng, transfer: &mut Transfer) {
        let source = self.anybody(random);
        match random.random_range(0..13) {
            0 => transfer.id.source = source,
            1 => transfer.to = transfer.id.source,
            2 => transfer.amount = Money::ZERO,
            3 => transfer.amount = Money::MAX,
            4 => {
                let beyond = transfer
                    .amount
                    .units()
                    .saturating_add(random.random_range(1..200));
                transfer.amount = Money::new(beyond);
            }
            5 => transfer.id.number += 1,
            6 => transfer.id.number -= 1,
            7 => transfer.id.number = u64::MAX,
            8 => transfer.deps = vec![TransferId { source, number: 0 }],
            9 => {
                let number = (self.transfers)(&source) + random.random_range(1..3);
                transfer.deps = vec![TransferId { source, number }];
            }
            10 => transfer.deps = [2, 1].map(|number| TransferId { source, number }).to_vec(),
            11 => {
                transfer.deps = vec![TransferId {
                    source,
                    number: u64::MAX,
                }]
            }
            _ => {
                let many = 1..=u8::try_from(Transfer::MOST_DEPS).expect("a small bound") + 1;
                let dep = |n| TransferId {
                    source: actor(n),
                    number: 1,
                };
                transfer.deps = many.map(dep).collect();
            }
        }
    }
}
