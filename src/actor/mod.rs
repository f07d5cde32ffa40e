//! Who says what: actors, their signatures, and the step from a claim to a fact.
//!
//! Invariants:
//! - a [`Signed`] statement is a claim: anybody can write one;
//! - a [`Verified`] statement is a fact: it is made only by checking the signature, with the rule
//!   `c1`, under a [`PublicKey`], which is made only from a key of full order. It cannot be
//!   decoded.
//!
//! Many signatures are checked faster together than one by one. The rule is such that both give
//! the same answer, or correct replicas would disagree on what a certificate is.

#[cfg(feature = "parallel")]
mod parallel;
mod rule;
#[cfg(feature = "sim")]
mod signatures;
mod signer;
mod tables;
mod together;
mod work;

#[cfg(feature = "sim")]
pub use signatures::Signatures;
pub use signer::Signer;
pub use work::Work;

pub(crate) use together::{CheckedSignatures, Claim, SignatureBatch};
pub(crate) use work::count_snapshot;
#[cfg(feature = "node")]
pub(crate) use work::count_verifications;

#[cfg(not(feature = "sim"))]
use rule as way;
#[cfg(feature = "sim")]
use signatures as way;

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use curve25519_dalek::edwards::EdwardsPoint;
#[cfg(feature = "node")]
use ed25519_dalek::Signer as _;
use ed25519_dalek::SigningKey;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use tables::Tabled;

use crate::codec::{self, DecodeError, Digest, Digits, Domain, NetworkId, fixed, from_digits};

/// The public identity of a participant: an ed25519 public key, not yet known to be a good one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor(#[serde(with = "fixed")] [u8; 32]);

impl Actor {
    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// An actor read from outside. Whether the key is usable shows in [`Actor::public_key`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key, ready to verify with.
    ///
    /// # Errors
    /// [`WeakKey`] when the bytes are no point, not its canonical encoding, or a point of small or
    /// mixed order: under such keys implementations disagree on which signatures are good.
    pub fn public_key(&self) -> Result<PublicKey, WeakKey> {
        way::public_key(self)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..3]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digits(&self.0).fmt(f)
    }
}

impl FromStr for Actor {
    type Err = DecodeError;

    /// An actor as [`Display`](fmt::Display) writes it. Whether the key is usable shows in
    /// [`Actor::public_key`].
    fn from_str(digits: &str) -> Result<Self, DecodeError> {
        let bytes = from_digits(digits).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(DecodeError::Malformed)
    }
}

/// An actor whose key signatures must not be checked under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no ed25519 key of full order")]
pub struct WeakKey(pub Actor);

/// A decompressed key of full order.
#[derive(Clone)]
pub struct PublicKey {
    actor: Actor,
    point: EdwardsPoint,
    tabled: Option<Tabled>,
}

/// The bytes of an actor are one key.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.actor == other.actor
    }
}

impl Eq for PublicKey {}

impl PublicKey {
    /// Whose key it is.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }

    pub(crate) fn check(&self, digest: &Digest, sig: &Sig) -> Result<(), BadSignature> {
        check_all(&[Claim::new(self, *digest, *sig)])
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.actor())
    }
}

/// A signature that does not verify under the key of the actor it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a signature of {0:?}")]
pub struct BadSignature(pub Actor);

/// A signature's bytes. One statement has many good signatures: never a name for what it signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sig([u8; 64]);

impl Sig {
    /// A signature read from outside: a claim.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The signature's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// The point `R` and the scalar `S`, encoded.
    fn halves(&self) -> [[u8; 32]; 2] {
        let half = |from: usize| std::array::from_fn(|index| self.0[from + index]);
        [half(0), half(32)]
    }
}

impl fmt::Debug for Sig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}..", self.0[0], self.0[1])
    }
}

#[derive(Serialize, Deserialize)]
struct Halves(
    #[serde(with = "fixed")] [u8; 32],
    #[serde(with = "fixed")] [u8; 32],
);

impl Serialize for Sig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return Digits(&self.0).serialize(serializer);
        }
        let [left, right] = self.halves();
        Halves(left, right).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return codec::array(deserializer).map(Self);
        }
        let Halves(left, right) = Halves::deserialize(deserializer)?;
        let bytes = std::array::from_fn(|index| match index {
            0..32 => left[index],
            _ => right[index - 32],
        });
        Ok(Self(bytes))
    }
}

/// Which signatures are good. "Ed25519" names no one rule: libraries differ on crafted signatures,
/// and replicas that differed would disagree on what a certificate is. So a network names its rule
/// in its [`Genesis`](crate::membership::Genesis).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignatureRule {
    /// `c1`: keys of full order without torsion; `R` canonical and not of small order; `S` below
    /// the order of the group; the cofactored equation, for one signature or for many at once.
    C1,
}

/// Checks all of these. The error names the signer of the first that is bad, in their order.
pub(crate) fn check_all(claims: &[Claim]) -> Result<(), BadSignature> {
    let good = way::check_each(claims);
    let mut judged = claims.iter().zip(good);
    let bad = judged.find(|(_, good)| !good);
    bad.map_or(Ok(()), |(claim, _)| Err(BadSignature(claim.key.actor())))
}

/// Something an actor can sign. Its digest is bound to its kind and its network.
pub trait Statement: Serialize {
    /// The kind of statement.
    const DOMAIN: Domain;

    /// The digest that is signed.
    fn digest(&self, network: &NetworkId) -> Digest {
        Digest::of(Self::DOMAIN, network, self)
    }
}

/// An actor with its secret: the only thing that signs.
#[derive(Clone)]
pub struct SigningActor {
    key: SigningKey,
    actor: Actor,
}

impl SigningActor {
    /// A fresh identity, drawn from `random`: whoever can draw the same again has it too.
    pub fn generate_with<R: CryptoRng>(random: &mut R) -> Self {
        let mut secret = [0; 32];
        random.fill_bytes(&mut secret);
        Self::from_secret(&secret)
    }

    /// The identity with this secret. Whoever has the secret has the identity.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(secret);
        let actor = Actor(key.verifying_key().to_bytes());
        Self { key, actor }
    }

    /// The public identity.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// What [`from_secret`](Self::from_secret) takes, for the store that keeps the identity.
    #[cfg(feature = "store")]
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// A fact: we have just signed it.
    pub fn sign<T: Statement>(&self, network: &NetworkId, statement: T) -> Verified<T> {
        let sig = self.sign_digest(&statement.digest(network));
        Verified(Signed {
            statement,
            signer: self.actor,
            sig,
        })
    }

    /// A signature on a TLS handshake. What replicas sign has 32 bytes; this must have more.
    #[cfg(feature = "node")]
    pub(crate) fn sign_handshake(&self, transcript: &[u8]) -> Sig {
        debug_assert!(
            transcript.len() > size_of::<Digest>(),
            "a transcript and no digest"
        );
        Sig(self.key.sign(transcript).to_bytes())
    }

    fn sign_digest(&self, digest: &Digest) -> Sig {
        way::sign(self, digest)
    }
}

impl fmt::Debug for SigningActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningActor({:?})", self.actor)
    }
}

/// A claim that `signer` said `statement`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    /// What is claimed to have been said.
    pub statement: T,
    /// By whom.
    pub signer: Actor,
    /// The claimed proof.
    pub sig: Sig,
}

impl<T: Statement> Signed<T> {
    /// The fact behind the claim.
    ///
    /// # Errors
    /// [`BadSignature`] when `key` is not the signer's or the signature does not verify.
    pub fn verify(self, network: &NetworkId, key: &PublicKey) -> Result<Verified<T>, BadSignature> {
        if key.actor() != self.signer {
            return Err(BadSignature(self.signer));
        }
        key.check(&self.statement.digest(network), &self.sig)?;
        Ok(Verified(self))
    }
}

/// A fact: `signer` said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<T>(Signed<T>);

impl<T> Verified<T> {
    /// The claim again, to send or to keep.
    pub fn into_claim(self) -> Signed<T> {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = Signed<T>;
    fn deref(&self) -> &Signed<T> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Serialize)]
    struct Word(u8);
    impl Statement for Word {
        const DOMAIN: Domain = Domain::Echo;
    }

    fn actor() -> SigningActor {
        SigningActor::from_secret(&[7; 32])
    }

    #[test]
    fn an_actor_is_read_as_it_is_written_whole_or_not_at_all() {
        let (actor, written) = (actor().actor(), actor().actor().to_string());
        assert_eq!(written.parse(), Ok(actor));
        for other in [&written[2..], &format!("{written}00"), ""] {
            assert_eq!(other.parse::<Actor>(), Err(DecodeError::Malformed));
        }
    }

    #[test]
    fn a_signature_holds_for_one_statement_one_network_and_one_actor() {
        let (network, elsewhere) = (NetworkId::NONE, NetworkId(Digest::from_bytes([1; 32])));
        let key = actor().actor().public_key().expect("a generated key");
        let claim = actor().sign(&network, Word(1)).into_claim();
        assert!(claim.clone().verify(&network, &key).is_ok());
        assert!(claim.clone().verify(&elsewhere, &key).is_err());
        let mut other = claim.clone();
        other.statement = Word(2);
        assert!(other.verify(&network, &key).is_err());
        let stranger = SigningActor::from_secret(&[8; 32]).actor();
        let stranger_key = stranger.public_key().expect("a generated key");
        assert!(claim.clone().verify(&network, &stranger_key).is_err());
        let mut renamed = claim;
        renamed.signer = stranger;
        assert!(renamed.verify(&network, &key).is_err());
    }

    #[test]
    fn keys_of_small_or_mixed_order_and_their_other_encodings_are_refused() {
        use ed25519_dalek::VerifyingKey;
        let identity = {
            let mut bytes = [0; 32];
            bytes[0] = 1;
            Actor::from_bytes(bytes)
        };
        assert!(identity.public_key().is_err());
        // y = p + 1: the identity's second encoding.
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xee, 0x7f);
        assert!(Actor::from_bytes(bytes).public_key().is_err());
        // A good point plus a point of order two, (0, -1).
        let mut order_two = [0xff; 32];
        (order_two[0], order_two[31]) = (0xec, 0x7f);
        let good = VerifyingKey::from_bytes(actor().actor().as_bytes()).expect("a key");
        let low = VerifyingKey::from_bytes(&order_two).expect("a point");
        let mixed = (good.to_edwards() + low.to_edwards()).compress();
        assert!(Actor::from_bytes(mixed.to_bytes()).public_key().is_err());
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let shown = format!("{:?}", actor());
        assert_eq!(shown, format!("SigningActor({:?})", actor().actor()));
    }
}
