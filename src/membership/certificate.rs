//! Quorum certificates: one statement and the signatures of exactly a quorum of one committee.
//!
//! Exactly a quorum, in seat order: so that a statement's certificates have one size, and a liar cannot make
//! anybody verify more than a quorum's worth of signatures.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::committee::{Committee, Seat};
use crate::actor::{BadSignature, Sig, Signed, Statement, Verified};
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
    /// The fact behind a certificate of this committee. `known` names a signature of that seat on the very same
    /// statement that was made or verified here before: only a byte for byte equal one is not checked again.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn certify<T: Statement>(
        &self,
        network: &NetworkId,
        certificate: Arc<Certificate<T>>,
        known: impl Fn(Seat) -> Option<Sig>,
    ) -> Result<QuorumCertificate<T>, CertificateError> {
        let signatures = &certificate.signatures;
        let short = bug!(ShortCertificate) && signatures.len() + 1 == self.quorum();
        if signatures.len() != self.quorum() && !short {
            return Err(CertificateError::NotAQuorum {
                signatures: signatures.len(),
                quorum: self.quorum(),
            });
        }
        let ascending = signatures
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 || bug!(SeatsRepeated));
        if !ascending || signatures.iter().any(|(seat, _)| self.key(*seat).is_none()) {
            return Err(CertificateError::Seats);
        }
        let digest = certificate.statement.digest(network);
        for (seat, sig) in signatures {
            if known(*seat).as_ref() != Some(sig) && !bug!(CertificateUnchecked) {
                let key = self.key(*seat).ok_or(CertificateError::Seats)?;
                key.check(&digest, sig)?;
            }
        }
        Ok(QuorumCertificate(certificate))
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

    /// Counts a member's signature, one a seat; the certificate if and only if the quorum is newly reached.
    /// A fact about another statement or by somebody without a seat is not counted.
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
        let free = |seat: &Seat| bug!(OutsidersCounted) && !self.signatures.contains_key(seat);
        let free = || committee.seats().map(|(seat, _)| seat).find(free);
        let seat = committee.seat(&claim.signer).or_else(free)?;
        let other = claim.statement != self.statement && !bug!(RoundsMixed);
        if other || self.signatures.contains_key(&seat) {
            return None;
        }
        self.signatures.insert(seat, claim.sig);
        (self.signatures.len() == committee.quorum()).then(|| {
            QuorumCertificate(Arc::new(Certificate {
                statement: self.statement.clone(),
                signatures: self.signatures.iter().map(|(s, sig)| (*s, *sig)).collect(),
            }))
        })
    }
}
