//! Evidence in a file, which anybody can check without the network, without a node and without
//! trust in who hands it on.
//!
//! Before the canonical bytes stands a line that says what they are, so that a file of another
//! version is told from a damaged one.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use bft_crdts::Actor;
use bft_crdts::codec::{self, NetworkId};
use bft_crdts::deterministic_secure_broadcast::Equivocation;
use bft_crdts::dot::Dot;

use crate::failure::{Failure, NoEvidence};

const MAGIC: &[u8] = b"bft-crdts evidence 1\n";

/// Bytes of a file. Evidence is two statements with their signatures.
const LIMIT: usize = 64 << 10;

/// What evidence proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) network: NetworkId,
    pub(crate) accused: Actor,
    /// Where it said two things; none when it voted twice.
    pub(crate) dot: Option<Dot>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is convicted: it ", self.accused)?;
        match self.dot {
            Some(dot) => write!(f, "signed two things about {dot}")?,
            None => f.write_str("voted twice in one round")?,
        }
        write!(f, " in network {}", self.network.digest())
    }
}

/// The bytes of a file.
pub(crate) fn encode(network: &NetworkId, evidence: &Equivocation) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(codec::encode(&(network, evidence)));
    bytes
}

/// What the file proves.
pub(crate) fn verify(path: &Path) -> Result<Verdict, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| {
        let one_too_many = MAGIC.len() + LIMIT + 1;
        file.take(one_too_many as u64).read_to_end(&mut bytes)
    });
    file.map_err(|error| Failure::File(path.to_owned(), error))?;
    judge(&bytes).map_err(|why| Failure::Evidence(path.to_owned(), why))
}

fn judge(bytes: &[u8]) -> Result<Verdict, NoEvidence> {
    let bytes = bytes.strip_prefix(MAGIC).ok_or(NoEvidence::Magic)?;
    let (network, evidence): (NetworkId, Equivocation) = codec::decode(bytes, LIMIT)?;
    Ok(Verdict {
        network,
        accused: evidence.verify(&network)?,
        dot: evidence.dot(),
    })
}

#[cfg(test)]
mod tests {
    use bft_crdts::SigningActor;
    use bft_crdts::codec::{Digest, Limits};
    use bft_crdts::dot::Seq;
    use bft_crdts::evidence::Conflict;
    use bft_crdts::membership::{Echo, Genesis};
    use bft_crdts::orswot::Orswot;
    use bft_crdts::quorum::Generation;
    use bft_crdts::traits::SecureBroadcastAlgorithm;

    use super::*;

    fn network() -> NetworkId {
        let actor = liar().actor();
        let set = Orswot::<String>::new(actor);
        let genesis = Genesis::new(&set, [actor].into(), Limits::default(), [0; 32]);
        genesis.expect("one member").network()
    }

    fn liar() -> SigningActor {
        SigningActor::from_secret(&[7; 32])
    }

    fn said_twice(digests: [u8; 2]) -> Equivocation {
        let dot = Dot {
            source: liar().actor(),
            seq: Seq::new(1),
        };
        let [left, right] = digests.map(|byte| {
            let digest = Digest::from_bytes([byte; 32]);
            let generation = Generation::GENESIS;
            let echo = Echo {
                generation,
                dot,
                digest,
            };
            liar().sign(&network(), echo).into_claim()
        });
        Equivocation::Echo(Conflict { left, right })
    }

    #[test]
    fn two_signatures_convict_and_anything_else_does_not() {
        let file = encode(&network(), &said_twice([1, 2]));
        let verdict = judge(&file).expect("a conviction");
        assert_eq!(verdict.accused, liar().actor());
        assert_eq!(verdict.dot.map(|dot| dot.seq), Some(Seq::new(1)));
        assert_eq!(verdict.network, network());
        assert!(judge(&encode(&network(), &said_twice([1, 1]))).is_err());
        for place in 0..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            assert!(judge(&damaged).is_err(), "byte {place}");
        }
        assert!(matches!(judge(b"garbage"), Err(NoEvidence::Magic)));
        assert!(matches!(judge(MAGIC), Err(NoEvidence::Decode(_))));
    }
}
