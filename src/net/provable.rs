//! What is delivered can be proven to others, and so can the state: asked when all is over.

use super::Net;
use super::violation::Violation;
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Phase, ProveError, Replica};
use crate::dot::Dot;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;
use crate::verify::Trust;

impl<A: WireAlgorithm> Net<A> {
    /// Asserts that each correct member that is up has, of the newest message of each lane that it
    /// keeps, a receipt that convinces whoever trusts the newest header, and that one record of the
    /// state can be shown alike. Who trusts the network's first members alone has to check every
    /// certificate between.
    ///
    /// # Panics
    /// When one has not.
    pub(super) fn assert_provable(&mut self) {
        let _entered = self.signatures.enter();
        for who in self.members() {
            let Some(replica) = self.replica(&who) else {
                continue;
            };
            if self.checks.is_correct(&who) && replica.phase() != Phase::Founded {
                let outcome = provable(who, replica);
                self.hold_to(|_| outcome);
            }
        }
    }
}

fn provable<A: WireAlgorithm>(who: Actor, replica: &Replica<A>) -> Result<(), Violation> {
    let newest = Trust::Header {
        generation: replica.generation(),
        digest: replica.boundary().value(),
    };
    let first = Trust::Header {
        generation: Generation::GENESIS,
        digest: replica.network().digest(),
    };
    let unproven = |dot, why: String| Violation::Unproven { who, dot, why };
    for (source, head) in replica.frontier() {
        let seq = head.seq;
        let dot = Dot { source, seq };
        let seal = replica.boundary().sealed().get(&source);
        let sealed = seal.is_some_and(|seal| seal.dot() == dot);
        for (since, trust) in [
            (Generation::GENESIS, &newest),
            (Generation::GENESIS, &first),
            (replica.generation(), &newest),
        ] {
            let receipt = match replica.receipt(dot, since) {
                Err(ProveError::Forgotten(_)) => continue,
                // Of a dot that is sealed two things may be certified by whoever steals old keys.
                Err(ProveError::Retired(_)) if sealed => continue,
                receipt => receipt.map_err(|error| unproven(Some(dot), error.to_string()))?,
            };
            let checked = receipt.check(trust);
            checked.map_err(|error| unproven(Some(dot), error.to_string()))?;
        }
    }
    let proof = replica
        .state_proof(&[], Generation::GENESIS)
        .map_err(|error| unproven(None, error.to_string()))?;
    proof
        .check(&newest)
        .map_err(|error| unproven(None, error.to_string()))?;
    Ok(())
}
