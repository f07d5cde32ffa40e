//! What is promised, asked of each state of the world.

use super::{Decision, Explorer, Input, NONE, Node, World, bit, of};

impl Explorer {
    pub(super) fn breach(&mut self, world: &World) -> Option<String> {
        let ids: Vec<u32> = world
            .members
            .iter()
            .copied()
            .filter(|node| *node != NONE)
            .collect();
        let nodes: Vec<&Node> = ids.iter().map(|id| &self.nodes[*id as usize]).collect();
        if let Some(wrong) = nodes.iter().find_map(|node| node.wrong.clone()) {
            return Some(format!(
                "a correct replica is wronged, or accuses a correct one: {wrong}"
            ));
        }
        let mut delivered: Vec<_> = nodes.iter().filter_map(|node| node.delivered).collect();
        delivered.extend(
            world
                .source
                .delivered
                .map(|letter| (letter, world.source.generation)),
        );
        if delivered.windows(2).any(|pair| pair[0].0 != pair[1].0) {
            return Some("two messages are delivered at one dot".to_owned());
        }
        for (letter, generation) in delivered {
            let digest = self.digests[letter];
            let forgets = |decision: &Decision| {
                let covers = decision.boundary.head(&self.dot.source).digest == digest;
                decision.generation() > generation
                    && !covers
                    && !decision.boundary.names(&self.dot, &digest)
            };
            if self.chain(world.tip).any(|(_, decision)| forgets(decision)) {
                return Some("a boundary forgets what was delivered".to_owned());
            }
        }
        for node in &nodes {
            if node.said.count_ones() > 1 {
                return Some("a member echoes two messages in one generation".to_owned());
            }
            let boundary = &self.decisions[node.at as usize].boundary;
            let sealed = boundary.sealed().contains_key(&self.dot.source);
            let carried = self
                .carried(boundary)
                .map(|letter| bit((node.generation, letter)));
            let obeys = carried.unwrap_or(if self.lies {
                u8::MAX
            } else {
                world.source.signed
            });
            if node.said & !obeys != 0 || (sealed && node.said != 0) {
                return Some("a member echoes what it may not".to_owned());
            }
        }
        let tip = &self.decisions[world.tip as usize].boundary;
        if !self.lies && tip.sealed().contains_key(&self.dot.source) {
            return Some("the dot of a correct source is sealed".to_owned());
        }
        self.locks_out(world, &ids)
            .then(|| "nothing can be certified any more".to_owned())
    }

    /// Whether all are in one generation in which the source can have nothing certified, though it
    /// signed no two messages in it.
    pub(super) fn locks_out(&mut self, world: &World, ids: &[u32]) -> bool {
        let nodes: Vec<&Node> = ids.iter().map(|id| &self.nodes[*id as usize]).collect();
        let at = nodes[0].at;
        let boundary = &self.decisions[at as usize].boundary;
        let generation = nodes[0].generation;
        let open = |node: &&Node| {
            node.at == at && !node.frozen && node.delivered.is_none() && !node.convicts
        };
        let said = nodes.iter().fold(0, |all, node| all | node.said);
        let sealed = boundary.sealed().contains_key(&self.dot.source);
        let source = world.source;
        let gone = !self.lies
            && (source.frozen || source.generation != generation || source.delivered.is_some());
        if !nodes.iter().all(open) || said.count_ones() > 1 || sealed || gone {
            return false;
        }
        let signed = if self.lies {
            of(generation)
        } else {
            source.signed & of(generation)
        };
        let candidates: Vec<usize> = [0, 1]
            .into_iter()
            .filter(|letter| signed & bit((generation, *letter)) != 0)
            .collect();
        let works = |explorer: &mut Self, letter: usize| {
            let said = (generation, letter);
            ids.iter().all(|id| {
                let (after, _) = explorer.go(*id, Input::Shown(said));
                let after = &explorer.nodes[after as usize];
                after.said & bit(said) != 0 || after.delivered == Some((letter, generation))
            })
        };
        !candidates.is_empty() && !candidates.into_iter().any(|letter| works(self, letter))
    }
}
