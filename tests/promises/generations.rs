//! Every way in which signatures of one generation can meet another one: one dot of one lane, two
//! messages for it, four members, and three generations with the same members.
//!
//! What runs is the real [`Replica`], and the search goes breadth-first over the states of the
//! world, as in [`exhaustive`](crate::exhaustive), but to the end: no number of inputs bounds it.
//! Nothing is ever taken off the wire: what was said once may arrive anywhere, at any time, any
//! number of times, or never. One member lies. In the first case it is the source of the lane and
//! signs both messages in each generation. In the second the source is correct, and signs at most
//! one in each, whichever it likes where the boundary carries none: it is a script of its rules,
//! with any timing.
//!
//! The liar shows any signature of the source in any generation, and each certificate that two
//! correct members' echoes allow. It ends a generation: where two correct members have frozen and
//! reported, it takes any three or four of their reports and its own. In its own it marks the dot
//! with nothing, with a lock of any generation, with a seal of any two signatures, or says that its
//! lane moved where that is certified. What [`GenerationProposal::check`] accepts is decided, once
//! a generation, and each member is shown the decision whenever, or never. The keys of all are in
//! the test's hands, and sign the precommits without an agreement: what is explored is lanes and
//! boundaries, and the agreement alone is in [`exhaustive`](crate::exhaustive) and in `agreement`.
//!
//! What is merged, as no replica can tell it apart or its rules do not ask for it:
//! - correct members other than the source are interchangeable, and so one replica's states are all
//!   of theirs; the world is a set of them with repetitions;
//! - values that found the same boundary count as one: members see no more of a value than its
//!   header and its ending;
//! - certificates that differ only in who else signed count as one; who echoed the message itself
//!   is shown one with its own echo, which asks more of its memory;
//! - echoes of generations that a member has left are kept as far as they may still make a
//!   certificate, without who gave them.
//!
//! Not in it: ticks, crashes, and echoes and proposals that members pass on, of which the liar can
//! make as much; nothing is frozen in the last generation.
//!
//! With a lying source two generations are gone through, which takes seconds. `EXHAUSTIVE=deep`
//! goes through three, in half a minute.
#![allow(clippy::print_stdout, reason = "the counts are the result")]

mod breaches;
mod hands;
mod members;
mod moves;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Instant;

use crate::common::{Set, Table};
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{Proposal, Replica};
use bft_crdts::dot::Dot;
use bft_crdts::environment;
use bft_crdts::membership::{Boundary, GenerationProof, Report};
use bft_crdts::quorum::Generation;

/// The seat whose replica stands for all correct members but a correct source.
const MEMBER: usize = 0;
/// Where a correct source sits.
const SOURCE: usize = 2;
const LIAR: usize = 3;
/// Generations at most.
const MOST: usize = 3;
/// No node, no digest.
const NONE: u32 = u32::MAX;

/// Numbers of ours need no hash that resists an enemy.
#[derive(Default)]
struct Mixer(u64);

type Quick<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0xf135_7aea_2e62_a9c5);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.unsigned_abs() as u64);
    }
}

/// A generation and one of the two messages: a bit for each in a set of them.
type Said = (usize, usize);

fn bit((generation, letter): Said) -> u8 {
    1 << (2 * generation + letter)
}

/// All of one generation.
fn of(generation: usize) -> u8 {
    3 << (2 * generation)
}

fn all(generations: usize) -> impl Iterator<Item = Said> {
    (0..generations).flat_map(|generation| [(generation, 0), (generation, 1)])
}

fn numbered(generation: usize) -> Generation {
    Generation::numbered(generation as u64)
}

/// What a correct member is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Input {
    /// The message with its source's signature of this generation.
    Shown(Said),
    /// A certificate, whether its receiver signed it, and the generation of the message with it.
    Certified(Said, bool, Option<usize>),
    /// The approvals that end this generation.
    Approved(usize),
    Decided(u32),
}

/// What happens in the world.
#[derive(Clone, Copy, Debug)]
enum Event {
    Starts,
    Hears(u32, Input),
    Decides(u32),
    SourceIs(Source),
}

/// A correct source, by the script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Source {
    signed: u8,
    generation: usize,
    frozen: bool,
    delivered: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    /// In ascending order; the third is none where the source is correct.
    members: [u32; 3],
    source: Source,
    /// The newest decision.
    tip: u32,
    certified: u8,
    /// Echoed by one correct member which has left that generation.
    echoed: u8,
}

/// A state that a replica can be in.
#[derive(Debug)]
struct Node {
    from: Option<(u32, Input)>,
    /// The decision that founded its generation.
    at: u32,
    generation: usize,
    frozen: bool,
    convicts: bool,
    /// In its generation.
    said: u8,
    report: Option<u32>,
    /// Which message, and the generation in which it was.
    delivered: Option<(usize, usize)>,
    wrong: Option<String>,
    live: Option<Box<Replica<Set>>>,
}

struct Decision {
    before: u32,
    boundary: Boundary,
    proof: Option<Arc<GenerationProof>>,
}

impl Decision {
    fn generation(&self) -> usize {
        usize::try_from(self.boundary.generation().number()).expect("few generations")
    }
}

/// What the liar reports of the dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lie {
    Nothing,
    Moved(usize),
    Lock(Said),
    Seal(Said, Said),
}

struct Explorer {
    lies: bool,
    generations: usize,
    table: Table,
    dot: Dot,
    shown: Vec<Arc<Proposal>>,
    digests: [Digest; 2],
    decisions: Vec<Decision>,
    reports: Vec<Report>,
    values: HashMap<(u32, Vec<u32>), Option<u32>>,
    /// Reports of the liar that have the right form.
    lied: HashMap<(u32, Lie), Option<u32>>,
    endings: HashMap<(u32, Vec<u32>, u8, u8), Vec<u32>>,
    nodes: Vec<Node>,
    node_ids: HashMap<u128, u32>,
    moves: Quick<(u32, Input), (u32, u8)>,
    runs: u64,
}

impl Explorer {
    fn root(&mut self) -> u32 {
        let live = Some(self.fresh());
        self.intern(Node {
            from: None,
            at: 0,
            generation: 0,
            frozen: false,
            convicts: false,
            said: 0,
            report: None,
            delivered: None,
            wrong: None,
            live,
        })
    }

    fn explore(mut self, name: &str) {
        let (started, root) = (Instant::now(), self.root());
        let start = World {
            members: [root, root, if self.lies { root } else { NONE }],
            source: Source::default(),
            tip: 0,
            certified: 0,
            echoed: 0,
        };
        let mut came = Quick::default();
        came.insert(start, (start, Event::Starts));
        let (mut queue, mut steps) = (VecDeque::from([start]), 0_u64);
        while let Some(world) = queue.pop_front() {
            for (after, event) in self.next(&world) {
                steps += 1;
                if came.contains_key(&after) {
                    continue;
                }
                came.insert(after, (world, event));
                if let Some(breach) = self.breach(&after) {
                    panic!("{breach}:\n{}", self.story(&came, after));
                }
                queue.push_back(after);
            }
        }
        println!(
            "{name}: {} states of the world, {steps} steps between them, {} states of single replicas, {} inputs run, {} boundaries, {:?}",
            came.len(),
            self.nodes.len(),
            self.runs,
            self.decisions.len(),
            started.elapsed(),
        );
    }

    /// How a state came about, a line a step.
    fn story(&self, came: &Quick<World, (World, Event)>, world: World) -> String {
        let (mut lines, mut at) = (vec![format!("{world:?}")], world);
        while let Some((before, event)) = came.get(&at) {
            lines.push(match event {
                Event::Starts => break,
                Event::Hears(node, input) => {
                    let (at, said) = (
                        self.nodes[*node as usize].generation,
                        self.nodes[*node as usize].said,
                    );
                    format!("member {node}, in {at}, which echoed {said:06b}: {input:?}")
                }
                Event::Decides(id) => {
                    let ending = self.decisions[*id as usize].boundary.ending();
                    format!("decision {id}: {ending:?}")
                }
                Event::SourceIs(source) => format!("{source:?}"),
            });
            at = *before;
        }
        lines.reverse();
        lines.join("\n")
    }
}

#[test]
fn a_liar_that_signs_two_messages_in_each_generation_makes_no_fork() {
    let most = if environment::is("EXHAUSTIVE", "deep") {
        MOST
    } else {
        2
    };
    Explorer::new(true, most).explore("a lying source");
}

#[test]
fn a_correct_source_that_changes_its_mind_is_never_locked_out_nor_convicted() {
    Explorer::new(false, MOST).explore("a source that changes its mind");
}
