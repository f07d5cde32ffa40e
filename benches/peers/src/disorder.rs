//! Nothing is lost and nobody lies, but packets arrive in any order. Four members each want to add to the set, and
//! go on to their next addition as soon as their last one is in their own set.
//!
//! When nothing is under way any more, everybody sends again what it waits for, and asks around if told to, as often as it
//! takes; when that changes nothing for some rounds either, whoever still lacks something lacks it for ever: the network is
//! wedged.
//!
//! What wedges theirs: a proof that overtakes the one before it is refused, and its source stops sending it once a quorum has
//! it. And an answer that comes after the proof counts as the first of a request that nobody will answer again: whoever
//! waits, as documented, until nothing is unanswered waits for ever.
//!
//! What they send again comes out of a hash map, so their numbers differ a little from run to run.

use crate::brb_network::{Network, Set};
use crate::measure::{Chance, member};
use crate::ours::set_cluster;

const MEMBERS: usize = 4;
/// Additions that each member wants to make.
const WANTED: u64 = 25;
/// And all of them together.
pub(crate) const WANTED_OF_ALL: u64 = WANTED * MEMBERS as u64;
/// Rounds of sending again and of asking around, that change nothing, after which no more will.
const ROUNDS: usize = 3;

/// How a network came out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Additions that all members have.
    pub(crate) everywhere: u64,
}

impl Outcome {
    pub(crate) fn is_wedged(&self) -> bool {
        self.everywhere < WANTED_OF_ALL
    }
}

/// What their members do besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// They send again what they wait for an answer to.
    Resends,
    /// And ask everybody for what they lack.
    AsksAround,
    /// And start nothing while anything of their own is unanswered, as their documentation recommends.
    Waits,
}

/// A network of theirs, with packets in the order that `seed` draws.
pub(crate) fn theirs(seed: u64, care: Care) -> Outcome {
    let mut network = Network::<Set>::new(MEMBERS as u8);
    let mut chance = Chance(seed);
    let mut made = [0; MEMBERS];
    let mut still = 0;
    while still < ROUNDS {
        go_on(&mut network, care, &mut made);
        if network.step(|len| chance.below(len)) {
            continue;
        }
        let before = delivered(&network);
        network.resend();
        drain(&mut network, &mut chance);
        if care != Care::Resends {
            network.ask_around();
            drain(&mut network, &mut chance);
        }
        let changed = delivered(&network) != before;
        still = if changed { 0 } else { still + 1 };
    }
    let everywhere = (0..MEMBERS).map(|source| {
        let delivered = (0..MEMBERS).map(|index| network.delivered(index, source));
        delivered.min().unwrap_or_default()
    });
    Outcome {
        everywhere: everywhere.sum(),
    }
}

/// Whoever may go on goes on.
fn go_on(network: &mut Network<Set>, care: Care, made: &mut [u64; MEMBERS]) {
    for (source, made) in made.iter_mut().enumerate() {
        let ready = network.delivered(source, source) == *made;
        let ready = ready && (care != Care::Waits || network.is_idle(source));
        if ready && *made < WANTED {
            let number = *made * MEMBERS as u64 + source as u64;
            let taken = network.propose(source, |set| set.add(member(number)));
            *made += u64::from(taken);
        }
    }
}

fn drain(network: &mut Network<Set>, chance: &mut Chance) {
    while network.step(|len| chance.below(len)) {}
}

/// How many operations of each source each replica has.
fn delivered(network: &Network<Set>) -> Vec<u64> {
    let pairs = (0..MEMBERS).flat_map(|index| (0..MEMBERS).map(move |source| (index, source)));
    pairs
        .map(|(index, source)| network.delivered(index, source))
        .collect()
}

/// The same for a network of ours.
pub(crate) fn ours(seed: u64) -> Outcome {
    let mut cluster = set_cluster(MEMBERS as u8);
    let mut chance = Chance(seed);
    let actors = cluster.actors().to_vec();
    let mut made = [0; MEMBERS];
    let mut still = 0;
    while still < ROUNDS * 10 {
        for (source, made) in made.iter_mut().enumerate() {
            let ready = !cluster.replica(source).is_pending() && *made < WANTED;
            if ready {
                let number = *made * MEMBERS as u64 + source as u64;
                cluster.propose(source, |set| set.add(member(number)));
                *made += 1;
            }
        }
        if cluster.step_in_disorder(|len| chance.below(len)) {
            still = 0;
            continue;
        }
        cluster.tick();
        still += 1;
    }
    let everywhere = actors.iter().map(|source| {
        let heads = (0..MEMBERS).map(|index| cluster.replica(index).head(source));
        let seqs = heads.map(|head| head.map_or(0, |head| head.seq.number()));
        seqs.min().unwrap_or_default()
    });
    Outcome {
        everywhere: everywhere.sum(),
    }
}
