//! What a file proves to who holds nothing but a network's name, or the digest of a header: without
//! a node, without a network, and without trust in who hands it on.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use bft_crdts::Actor;
use bft_crdts::codec::{Digest, NetworkId, NetworkIdError};
use bft_crdts::membership::Genesis;
use bft_crdts::quorum::Generation;
use bft_crdts::verify::{Chain, End, Established, Grade, Proof, Proven, Receipt, Root, Trust};

use crate::failure::Failure;
use crate::kinds::{Service, by_kind};
use crate::proof_file;
use crate::protocol::{Effect, Kind};

/// What is verified, and by what.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The file, as bytes or as JSON.
    file: PathBuf,
    /// The network's name is trusted, as `status` of a member shows it. It proves evidence, and of
    /// a state the first one: of all else whoever has the keys of old members could make it.
    #[arg(long, value_name = "ID", conflicts_with = "trusted")]
    network: Option<NetworkId>,
    /// The header of a generation is trusted, as `status` of a member whom you believe shows it.
    #[arg(long, value_name = "GENERATION:DIGEST")]
    trusted: Option<Trusted>,
}

/// A header that somebody trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trusted {
    generation: Generation,
    digest: Digest,
}

/// Why a text names no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum NoHeader {
    #[error("a header is written GENERATION:DIGEST, as `status` shows it")]
    Shape,
    #[error("the digest: {0}")]
    Digest(#[from] NetworkIdError),
}

impl FromStr for Trusted {
    type Err = NoHeader;

    fn from_str(text: &str) -> Result<Self, NoHeader> {
        let (number, digest) = text.split_once(':').ok_or(NoHeader::Shape)?;
        let number = number.parse().map_err(|_| NoHeader::Shape)?;
        Ok(Self {
            generation: Generation::numbered(number),
            digest: digest.parse::<NetworkId>()?.digest(),
        })
    }
}

/// A proof that was checked, and what it establishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) proof: Proof,
    pub(crate) established: Established,
    pub(crate) trust: Trust,
}

/// What a file proves.
pub(crate) fn verify(options: &Options) -> Result<Verdict, Failure> {
    let file = &options.file;
    let proof = proof_file::read(file)?;
    let trust = match (options.network, options.trusted, &proof) {
        (Some(network), ..) => Trust::Network(network),
        (_, Some(Trusted { generation, digest }), _) => Trust::Header { generation, digest },
        (.., Proof::Evidence(evidence)) => Trust::Network(evidence.network),
        _ => {
            let why = "say what you trust: --trusted GENERATION:DIGEST, or --network ID";
            return Err(Failure::Usage(why.to_owned()));
        }
    };
    judge(file, proof, trust)
}

/// Whom the evidence in a file convicts, in the network that the file names.
pub(crate) fn verify_evidence(file: &Path) -> Result<Verdict, Failure> {
    let proof = proof_file::read(file)?;
    let Proof::Evidence(evidence) = &proof else {
        return Err(Failure::Evidence(file.to_owned()));
    };
    let trust = Trust::Network(evidence.network);
    judge(file, proof, trust)
}

fn judge(file: &Path, proof: Proof, trust: Trust) -> Result<Verdict, Failure> {
    let established = proof.check(&trust);
    Ok(Verdict {
        established: established.map_err(|why| Failure::NotProven(file.to_owned(), why))?,
        proof,
        trust,
    })
}

/// What a network replicates, if its description is in the file and names something that the
/// program knows. It is for who has checked that the description is that of the network.
pub(crate) fn kind(chain: &Chain) -> Option<(Kind, &Genesis)> {
    match &chain.root {
        Root::Genesis(genesis) => {
            let kind = Kind::of(genesis, Actor::from_bytes([0; 32]))?;
            Some((kind, genesis))
        }
        Root::Header(_) => None,
    }
}

/// The operations of a receipt's message, where the file says what they are.
pub(crate) fn effects(receipt: &Receipt) -> Option<Vec<Effect>> {
    let (kind, genesis) = kind(&receipt.chain)?;
    by_kind!(kind, A => {
        let ops: Vec<<A as bft_crdts::SecureBroadcastAlgorithm>::Op> =
            receipt.message.decode(genesis.limits()).ok()?;
        Some(ops.iter().map(A::effect).collect())
    })
}

/// How many operations the message of a receipt is said to have: as any sequence, they begin with
/// their number.
pub(crate) fn count(receipt: &Receipt) -> u64 {
    let number = receipt.message.ops.as_slice().first_chunk();
    number.map_or(0, |number| u64::from_le_bytes(*number))
}

/// The generations on whose members' signatures a proof rests, the first and the last; none where
/// hashes prove it.
pub(crate) fn signers(proof: &Proof, proven: &Proven) -> Option<(u64, u64)> {
    if proven.grade == Grade::Anchored {
        return None;
    }
    let (anchor, by) = (proven.anchor.number(), proven.by.number());
    // A header is signed by the members of the generation before.
    let last = match proof {
        Proof::Receipt(receipt) if !matches!(receipt.end, End::Frontier { .. }) => by,
        _ => by.saturating_sub(1),
    };
    Some((anchor.min(last), last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_number_and_a_digest() {
        let digest = "5b".repeat(32);
        let header = format!("7:{digest}").parse::<Trusted>().expect("a header");
        assert_eq!(
            (header.generation.number(), header.digest.to_string()),
            (7, digest.clone())
        );
        for text in [
            "",
            "7",
            ":",
            "7:",
            &digest,
            &format!("-1:{digest}"),
            &format!("7:{digest}0"),
            &format!("7 :{digest}"),
            "7:xyz",
        ] {
            assert!(text.parse::<Trusted>().is_err(), "{text}");
        }
    }
}
