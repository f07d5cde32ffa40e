//! A data type of your own: a poll in which each member has one vote. A liar would love to have
//! two.

mod trace;

use std::collections::BTreeMap;
use std::error::Error;

use bft_crdts::laws::{self, Trial};
use bft_crdts::net::{Equivocator, Faults, Net};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, Verdict};
use clap::Parser;
use rand::RngExt;

use trace::Arguments;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Poll(BTreeMap<Actor, bool>);

/// Who votes, and whether it is a yes.
type Vote = (Actor, bool);

impl SecureBroadcastAlgorithm for Poll {
    type Op = Vote;
    type ReplicatedState = BTreeMap<Actor, bool>;

    fn new(_: Actor) -> Self {
        Self(BTreeMap::new())
    }
    fn state(&self) -> Self::ReplicatedState {
        self.0.clone()
    }
    fn sync_from(&mut self, other: Self::ReplicatedState) {
        self.0 = other;
    }
    fn validate(&self, from: &Actor, vote: &Vote) -> bool {
        self.verdict(from, vote).is_valid()
    }
    fn verdict(&self, from: &Actor, (voter, _): &Vote) -> Verdict {
        match self.0.contains_key(from) {
            _ if voter != from => Verdict::Never("a vote in another's name"),
            true => Verdict::Never("a second vote"),
            false => Verdict::Valid,
        }
    }
    fn apply(&mut self, (voter, yes): Vote) {
        self.0.insert(voter, yes);
    }
}

#[expect(clippy::print_stdout, reason = "an example is there to be read")]
fn main() -> Result<(), Box<dyn Error>> {
    let voters = laws::actors(4);
    let checked = laws::check(Poll::new, &Trial::new(1), |random, _, from| {
        let forged = voters[random.random_range(0..4)];
        let voter = if random.random() { *from } else { forged };
        (voter, random.random())
    })?;
    let (valid, never) = (checked.valid, checked.never);
    println!("The laws hold: {valid} valid votes, {never} forged or second ones.");

    let given = Arguments::parse();
    let net = Net::<Poll>::builder(1)
        .members(4)
        .byzantine(Equivocator::default())
        .faults(Faults::hostile());
    let mut net = given.record("own_algorithm", net).build();
    for voter in net.honest_actors() {
        net.propose(&voter, (voter, true))?;
        let second = net.propose(&voter, (voter, false));
        assert!(second.is_err(), "a correct replica refuses a second vote");
    }
    let liar = net.liars()[0];
    net.propose(&liar, (liar, true))?;
    net.propose(&liar, (liar, false))?;
    net.settle();

    let votes = &net.read(&net.honest(0)).0;
    for who in net.honest_actors() {
        assert_eq!(&net.read(&who).0, votes, "all count the same");
        assert_eq!(votes.get(&who), Some(&true), "every correct vote counts");
    }
    let (yes, all) = (votes.values().filter(|yes| **yes).count(), votes.len());
    println!("The liar votes yes to some, no to others: all count {yes} yes of {all}.");
    Ok(given.write(&net)?)
}
