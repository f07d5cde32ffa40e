//! Receipts and proofs of records, as a running node makes them: what it answers are the bytes of a
//! file, which the program at the other end of the socket writes.

use bft_crdts::codec;
use bft_crdts::deterministic_secure_broadcast::{ProveError, Replica};
use bft_crdts::quorum::Generation;
use bft_crdts::verify::{FILE, Proof};

use crate::kinds::Service;
use crate::name::Name;
use crate::payments::OperationPlace;
use crate::protocol::{Answer, Kind, ProofDigits, Refusal, Reply};
use crate::service::Desk;
use crate::show::proof::digits;
use crate::view;

impl<A: Service> Desk<A> {
    /// The newest header, as those name it who trust it.
    pub(crate) async fn newest_header(&self) -> Result<String, Refusal> {
        let read = |replica: &Replica<A>| {
            let boundary = replica.boundary();
            view::header(boundary.generation(), &boundary.value())
        };
        Ok(self.node.read(read).await?)
    }

    /// The proof that a message was accepted.
    pub(crate) async fn receipt(&self, text: &str, since: u64) -> Answer {
        let unknown = || Refusal::NoOperation(text.to_owned());
        let place = OperationPlace::of(text).ok_or_else(unknown)?;
        let source = self.resolve(&place.source).await?;
        let (dot, since) = (place.at(source).dot, Generation::numbered(since));
        let made = self.node.read(move |replica| replica.receipt(dot, since));
        answer::<A>(&Proof::Receipt(made.await?.map_err(refusal)?))
    }

    /// The proof of what the state with which the newest generation began has under a key.
    pub(crate) async fn prove(&self, key: Option<String>, since: u64) -> Answer {
        let key = match (A::KIND, key) {
            (Kind::Set | Kind::Map, Some(text)) => codec::encode(&text),
            (Kind::Bank, Some(text)) => {
                let named = text.parse::<Name>();
                let owner = named.map_err(|_| Refusal::Unknown(text))?;
                self.resolve(&owner).await?.as_bytes().to_vec()
            }
            (Kind::Bank, None) => self.node.actor().as_bytes().to_vec(),
            (Kind::Counter, None) => Vec::new(),
            (kind, _) => return Err(Refusal::Key(kind)),
        };
        let since = Generation::numbered(since);
        let made = self
            .node
            .read(move |replica| replica.state_proof(&key, since));
        answer::<A>(&Proof::StateProof(made.await?.map_err(refusal)?))
    }
}

fn answer<A: Service>(proof: &Proof) -> Answer {
    Ok(Reply::Proof(ProofDigits {
        kind: A::KIND,
        digits: digits(&proof.to_bytes()),
    }))
}

fn refusal(why: ProveError) -> Refusal {
    match why {
        ProveError::NotDelivered(dot) => Refusal::NotDelivered(dot.to_string()),
        ProveError::Forgotten(dot) => Refusal::NotKept(dot.to_string()),
        ProveError::Retired(dot) => Refusal::NotProvableYet(dot.to_string()),
        ProveError::TooLong(len) => Refusal::LongProof { len, limit: FILE },
        ProveError::Later(generation) => Refusal::LaterGeneration(generation.number()),
        other => Refusal::Invalid(other.to_string()),
    }
}
