//! What may happen next in a state of the world.

use std::collections::BTreeSet;

use super::{Event, Explorer, Input, Lie, NONE, Node, Said, Source, World, all, bit, of};
use bft_crdts::membership::{Mark, Report};

impl Explorer {
    pub(super) fn next(&mut self, world: &World) -> Vec<(World, Event)> {
        let mut next = Vec::new();
        for place in 0..3 {
            let node = world.members[place];
            if node == NONE || (place > 0 && world.members[place - 1] == node) {
                continue;
            }
            for input in self.inputs(world, node) {
                let (moved, left) = self.go(node, input);
                if moved != node {
                    let mut after = *world;
                    after.members[place] = moved;
                    after.members.sort_unstable();
                    self.count(&mut after, left);
                    next.push((after, Event::Hears(node, input)));
                }
            }
        }
        if !self.lies {
            self.script(world, &mut next);
        }
        for tip in self.endings(world) {
            next.push((World { tip, ..*world }, Event::Decides(tip)));
        }
        next
    }

    /// Whether the source has signed it, or signs it as it likes.
    pub(super) fn signs(&self, world: &World, said: Said) -> bool {
        self.lies || world.source.signed & bit(said) != 0
    }

    pub(super) fn inputs(&self, world: &World, node: u32) -> Vec<Input> {
        let node = &self.nodes[node as usize];
        let signed = |said: &Said| self.signs(world, *said);
        let mut inputs: Vec<_> = all(self.generations)
            .filter(signed)
            .map(Input::Shown)
            .collect();
        for said in all(self.generations).filter(|said| world.certified & bit(*said) != 0) {
            // What a boundary carries on may be certified though its source signed it before alone.
            let from = (0..=said.0)
                .rev()
                .find(|generation| signed(&(*generation, said.1)));
            let own = node.said & bit(said) != 0;
            assert!(from.is_some(), "the source signed it");
            inputs.extend([None, from].map(|from| Input::Certified(said, own, from)));
        }
        if !node.frozen && node.generation + 1 < self.generations {
            inputs.push(Input::Approved(node.generation));
        }
        let later = self
            .chain(world.tip)
            .filter(|(_, known)| known.generation() > node.generation);
        inputs.extend(later.map(|(id, _)| Input::Decided(id)));
        inputs
    }

    /// Which certificates there can be now, and which echoes may still make one.
    pub(super) fn count(&self, world: &mut World, left: u8) {
        let members = world.members.iter().filter(|node| **node != NONE);
        let members: Vec<&Node> = members.map(|node| &self.nodes[*node as usize]).collect();
        let script = (!self.lies).then_some(world.source.generation);
        let oldest = members.iter().map(|node| node.generation).chain(script);
        let oldest = oldest.min().expect("a member");
        for said in all(self.generations) {
            let bit = bit(said);
            let voices = members.iter().map(|node| node.said);
            let voices = voices.chain([left, world.echoed, world.source.signed]);
            if voices.filter(|voice| voice & bit != 0).count() > 1 {
                world.certified |= bit;
            }
            world.echoed |= left & bit;
            if said.0 < oldest {
                world.echoed &= !bit;
            }
        }
        world.echoed &= !world.certified;
    }

    /// What a correct source may do.
    pub(super) fn script(&mut self, world: &World, next: &mut Vec<(World, Event)>) {
        let source = world.source;
        let mut becomes = Vec::new();
        let mut chain = self.chain(world.tip);
        let newer = self
            .chain(world.tip)
            .find(|(_, known)| known.generation() == source.generation + 1);
        let (_, here) = chain
            .find(|(_, known)| known.generation() == source.generation)
            .expect("it installed it");
        for letter in [0, 1] {
            let said = (source.generation, letter);
            let may = self
                .carried(&here.boundary)
                .is_none_or(|carried| carried == letter);
            let silent = source.frozen || source.signed & of(source.generation) != 0;
            if may && !silent && source.delivered.is_none() {
                let signed = source.signed | bit(said);
                becomes.push(Source { signed, ..source });
            }
            let named = here.boundary.names(&self.dot, &self.digests[letter]);
            let proven = |generation: usize| {
                let counts = generation == source.generation || named;
                counts && world.certified & bit((generation, letter)) != 0
            };
            if source.delivered.is_none() && (0..=source.generation).any(proven) {
                let delivered = Some(letter);
                becomes.push(Source {
                    delivered,
                    ..source
                });
            }
        }
        if !source.frozen && source.generation + 1 < self.generations {
            becomes.push(Source {
                frozen: true,
                ..source
            });
        }
        if let Some((_, newer)) = newer {
            let head = newer.boundary.frontier().get(&self.dot.source);
            becomes.push(Source {
                generation: source.generation + 1,
                frozen: false,
                delivered: head
                    .map(|head| self.letter(&head.digest))
                    .or(source.delivered),
                ..source
            });
        }
        for source in becomes {
            let mut after = World { source, ..*world };
            self.count(&mut after, 0);
            next.push((after, Event::SourceIs(source)));
        }
    }

    /// What the source reports when it is frozen.
    pub(super) fn sources_report(&mut self, world: &World) -> Option<u32> {
        let last = &self.decisions[world.tip as usize];
        let source = world.source;
        if self.lies || !source.frozen || source.generation != last.generation() {
            return None;
        }
        let mut report = Report::of(&last.boundary);
        if let Some(letter) = source.delivered {
            let moved = last.boundary.frontier().is_empty();
            report
                .heads
                .extend(moved.then(|| (self.dot.source, self.head(letter))));
        } else if last.boundary.counts(&self.dot) {
            let signed = all(self.generations)
                .find(|said| source.signed & of(source.generation) & bit(*said) != 0);
            let lock = signed.map(|said| Mark::Lock(self.signature(said)));
            report
                .marks
                .extend(lock.map(|lock| (self.dot.source, lock)));
        }
        Some(self.report(report))
    }

    /// The decisions that the liar can bring about.
    pub(super) fn endings(&mut self, world: &World) -> Vec<u32> {
        let generation = self.decisions[world.tip as usize].generation();
        let members = world.members.iter().filter(|node| **node != NONE);
        let nodes = members.map(|node| &self.nodes[*node as usize]);
        let here = nodes.filter(|node| node.generation == generation);
        let mut reports: Vec<u32> = here.filter_map(|node| node.report).collect();
        reports.extend(self.sources_report(world));
        if reports.len() < 2 || generation + 1 == self.generations {
            return Vec::new();
        }
        reports.sort_unstable();
        let key = (world.tip, reports, world.certified, world.source.signed);
        if let Some(known) = self.endings.get(&key) {
            return known.clone();
        }
        let sets = self.sets(world, &key.1);
        let decisions = sets
            .into_iter()
            .filter_map(|set| self.decide(world.tip, set));
        let decisions: BTreeSet<u32> = decisions.collect();
        let decisions: Vec<u32> = decisions.into_iter().collect();
        self.endings.insert(key, decisions.clone());
        decisions
    }

    /// The reports that it can put together.
    pub(super) fn sets(&mut self, world: &World, reports: &[u32]) -> Vec<Vec<u32>> {
        let last = &self.decisions[world.tip as usize];
        let generation = last.generation();
        let named = self
            .digests
            .map(|digest| last.boundary.names(&self.dot, &digest));
        let signed = all(self.generations).filter(|said| self.signs(world, *said));
        let signed: Vec<Said> = signed.collect();
        let mut lies = vec![Lie::Nothing];
        lies.extend(signed.iter().map(|said| Lie::Lock(*said)));
        for (index, left) in signed.iter().enumerate() {
            lies.extend(signed[..index].iter().map(|right| Lie::Seal(*left, *right)));
        }
        let proven = |said: &Said| {
            let counts = said.0 == generation || named[said.1];
            counts && world.certified & bit(*said) != 0
        };
        let moved = all(self.generations).filter(proven);
        lies.extend(moved.map(|said| Lie::Moved(said.1)));
        let mut sets = vec![reports.to_vec()];
        for lie in lies {
            if let Some(lie) = self.lie(world.tip, lie) {
                let with = [reports, &[lie]].concat();
                let without = (0..reports.len()).map(|without| {
                    let mut some = with.clone();
                    some.remove(without);
                    some
                });
                sets.extend(without);
                sets.push(with);
            }
        }
        sets.retain(|set| set.len() > 2);
        sets
    }
}
