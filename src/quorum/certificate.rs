//! Quorum certificates: one statement and the signatures of exactly a quorum of one committee.
//!
//! Exactly a quorum, in seat order: so that a statement's certificates have one size, and a liar
//! cannot make anybody verify more than a quorum's worth of signatures, together and, where one is
//! bad, each alone.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::committee::{Committee, Seat};
use crate::actor::{
    self, BadSignature, CheckedSignatures, Claim, Sig, Signed, Statement, Verified,
};
use crate::codec::NetworkId;

/// A claim that a quorum said `statement`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate<T> {
    /// What is claimed to have been said.
    pub statement: T,
    /// Who signed, in strictly ascending seat order.
    pub signatures: Vec<(Seat, Sig)>,
}

/// A fact: a quorum of a committee said it. Made only by a [`Tally`] or by [`Committee::certify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumCertificate<T>(Arc<Certificate<T>>);

impl<T> QuorumCertificate<T> {
    /// The claim again, shared, to send or to keep.
    #[must_use]
    pub fn claim(&self) -> Arc<Certificate<T>> {
        Arc::clone(&self.0)
    }
}

impl<T> Deref for QuorumCertificate<T> {
    type Target = Certificate<T>;
    fn deref(&self) -> &Certificate<T> {
        &self.0
    }
}

/// Why a certificate is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not exactly a quorum of signatures.
    #[error("{signatures} signatures, a quorum is {quorum}")]
    NotAQuorum {
        /// Signatures that came.
        signatures: usize,
        /// Signatures that are wanted.
        quorum: usize,
    },
    /// Seats out of order, repeated, or beyond the committee.
    #[error("seats out of order or beyond the committee")]
    Seats,
    /// A signature does not verify.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
}

impl Committee {
    /// The fact behind a certificate of this committee. `known` tells whether this very signature
    /// of that seat on the very same statement was made or verified here before: then it is not
    /// checked again.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn certify<T: Statement>(
        &self,
        network: &NetworkId,
        certificate: Arc<Certificate<T>>,
        known: impl Fn(Seat, &Sig) -> bool,
    ) -> Result<QuorumCertificate<T>, CertificateError> {
        self.check_shape(&certificate)?;
        let signatures = &certificate.signatures;
        let digest = certificate.statement.digest(network);
        let unknown = signatures.iter().filter(|(seat, sig)| !known(*seat, sig));
        let claim = |(seat, sig): &(Seat, Sig)| {
            let key = self.key(*seat).expect("its seats were looked at");
            Claim::new(key, digest, *sig)
        };
        actor::check_all(&unknown.map(claim).collect::<Vec<_>>())?;
        Ok(QuorumCertificate(certificate))
    }

    /// The same, where some signatures are known to be good.
    pub(crate) fn certify_knowing<T: Statement>(
        &self,
        network: &NetworkId,
        certificate: Arc<Certificate<T>>,
        known: &CheckedSignatures,
    ) -> Result<QuorumCertificate<T>, CertificateError> {
        let digest = certificate.statement.digest(network);
        let is_known = |seat, sig: &Sig| {
            let key = self.key(seat);
            key.is_some_and(|key| known.contains(&Claim::new(key, digest, *sig)))
        };
        self.certify(network, certificate, is_known)
    }

    /// Whether a certificate has a quorum's signatures, each in a seat of its own: all that can be
    /// asked before one of them is checked.
    pub(crate) fn check_shape<T>(
        &self,
        certificate: &Certificate<T>,
    ) -> Result<(), CertificateError> {
        let signatures = &certificate.signatures;
        if signatures.len() != self.quorum() {
            return Err(CertificateError::NotAQuorum {
                signatures: signatures.len(),
                quorum: self.quorum(),
            });
        }
        let ascending = signatures.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending || signatures.iter().any(|(seat, _)| self.key(*seat).is_none()) {
            return Err(CertificateError::Seats);
        }
        Ok(())
    }
}

/// Collects signatures on one statement until they are a quorum.
#[derive(Clone, Debug)]
pub struct Tally<T> {
    statement: T,
    signatures: BTreeMap<Seat, Sig>,
}

impl<T: Statement + Clone + PartialEq> Tally<T> {
    /// An empty tally for `statement`.
    pub fn new(statement: T) -> Self {
        Self {
            statement,
            signatures: BTreeMap::new(),
        }
    }

    /// What is counted.
    pub fn statement(&self) -> &T {
        &self.statement
    }

    /// The signature counted for `seat`.
    #[must_use]
    pub fn signature(&self, seat: Seat) -> Option<Sig> {
        self.signatures.get(&seat).copied()
    }

    /// How many more signatures make a quorum.
    pub(crate) fn missing(&self, committee: &Committee) -> usize {
        committee.quorum().saturating_sub(self.signatures.len())
    }

    /// Counts a member's signature, one a seat; the certificate if and only if the quorum is newly
    /// reached. A fact about another statement or by somebody without a seat is not counted.
    pub fn add(
        &mut self,
        committee: &Committee,
        fact: &Verified<T>,
    ) -> Option<QuorumCertificate<T>> {
        self.add_checked(committee, fact)
    }

    /// The same of a signature that was checked when what it signs was taken in, and kept since.
    pub(crate) fn add_checked(
        &mut self,
        committee: &Committee,
        claim: &Signed<T>,
    ) -> Option<QuorumCertificate<T>> {
        let seat = committee.seat(&claim.signer)?;
        if claim.statement != self.statement || self.signatures.contains_key(&seat) {
            return None;
        }
        self.signatures.insert(seat, claim.sig);
        debug_assert!(self.signatures.len() <= committee.size(), "one a seat");
        (self.signatures.len() == committee.quorum()).then(|| {
            QuorumCertificate(Arc::new(Certificate {
                statement: self.statement.clone(),
                signatures: self.signatures.iter().map(|(s, sig)| (*s, *sig)).collect(),
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{Actor, Signatures, SigningActor, Work};
    use crate::codec::{Digest, Limits};
    use crate::dot::{Dot, Seq};
    use crate::membership::Echo;
    use crate::quorum::Generation;

    const NETWORK: NetworkId = NetworkId::NONE;

    /// A committee of `members`, and a certificate of it.
    fn certified(members: u8) -> (Committee, Certificate<Echo>) {
        let mut keys: Vec<_> = (1..=members)
            .map(|byte| SigningActor::from_secret(&[byte; 32]))
            .collect();
        keys.sort_by_key(SigningActor::actor);
        let seated = keys.iter().map(SigningActor::actor).collect();
        let committee = Committee::new(Generation::GENESIS, &seated, &Limits::default());
        let committee = committee.expect("generated keys");
        let statement = Echo {
            generation: Generation::GENESIS,
            dot: Dot {
                source: keys[0].actor(),
                seq: Seq::ZERO,
            },
            digest: Digest::from_bytes([7; 32]),
        };
        let seats = committee.seats().take(committee.quorum());
        let signatures = seats
            .zip(&keys)
            .map(|((seat, _), key)| (seat, key.sign(&NETWORK, statement).into_claim().sig))
            .collect();
        let certificate = Certificate {
            statement,
            signatures,
        };
        (committee, certificate)
    }

    /// What each way of checking real signatures says of it, which must be the same.
    fn outcome(
        committee: &Committee,
        certificate: &Certificate<Echo>,
    ) -> Result<(), CertificateError> {
        let outcomes = [Signatures::Strict, Signatures::Remembered].map(|way| {
            let _entered = way.enter();
            let claim = Arc::new(certificate.clone());
            committee.certify(&NETWORK, claim, |_, _| false).map(|_| ())
        });
        assert_eq!(outcomes[0], outcomes[1]);
        outcomes[0]
    }

    fn actor_at(committee: &Committee, index: usize) -> Actor {
        committee.actors()[index]
    }

    #[test]
    fn a_good_certificate_is_a_fact_and_every_check_is_counted_on_this_thread() {
        for members in [1, 2, 4, 7, 14, 15, 31, 100] {
            let (committee, certificate) = certified(members);
            assert_eq!(outcome(&committee, &certificate), Ok(()));
            let before = Work::so_far().verifications;
            let claim = Arc::new(certificate);
            let fact = committee.certify(&NETWORK, claim, |_, _| false);
            assert!(fact.is_ok());
            let checked = Work::so_far().verifications - before;
            assert_eq!(checked, committee.quorum() as u64);
        }
    }

    #[test]
    fn a_bad_signature_is_found_at_each_seat_and_the_first_one_is_named() {
        for members in [1, 2, 4, 7, 14, 15, 31] {
            let (committee, good) = certified(members);
            for seat in 0..committee.quorum() {
                let mut bad = good.clone();
                bad.signatures[seat].1 = Sig::from_bytes([1; 64]);
                let named = Err(BadSignature(actor_at(&committee, seat)).into());
                assert_eq!(outcome(&committee, &bad), named);
                let last = committee.quorum() - 1;
                bad.signatures[last].1 = Sig::from_bytes([2; 64]);
                assert_eq!(outcome(&committee, &bad), named);
            }
        }
    }

    #[test]
    fn a_signature_that_is_known_is_not_checked_again_and_any_other_is() {
        let (committee, mut certificate) = certified(31);
        let signatures: BTreeMap<_, _> = certificate.signatures.iter().copied().collect();
        let known = |seat, sig: &Sig| signatures.get(&seat) == Some(sig);
        let before = Work::so_far();
        let claim = Arc::new(certificate.clone());
        assert!(committee.certify(&NETWORK, claim, known).is_ok());
        assert_eq!(Work::so_far(), before);
        certificate.signatures[5].1 = Sig::from_bytes([1; 64]);
        let outcome = committee.certify(&NETWORK, Arc::new(certificate), known);
        let bad = BadSignature(actor_at(&committee, 5)).into();
        assert_eq!(outcome, Err(bad));
        assert_eq!(Work::so_far().verifications, before.verifications + 1);
    }
}
