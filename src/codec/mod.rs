//! Canonical bytes: the one place that turns values into bytes, digests and back.
//!
//! Invariants:
//! - a value has exactly one encoding: little-endian, fixed-width integers, no trailing bytes, and
//!   what decodes is encoded again and compared, so that a map with unsorted or repeated keys is
//!   refused;
//! - decoding never allocates more than the input's own length allows;
//! - whatever is hashed is bound to a [`Domain`], and to a network if it can be signed, so that no
//!   signature can be shown elsewhere.
//!
//! No other module names the encoding's crate; the golden vectors in `tests/promises/wire.rs` pin
//! the bytes.

mod limits;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use bincode::Options;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

pub use limits::{Limits, LimitsError};

/// A SHA-256 digest under a [`Domain`] and, mostly, a network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(#[serde(with = "fixed")] [u8; 32]);

impl Digest {
    /// What stands where there is nothing to be hashed: no records, or a value without bytes.
    pub(crate) const ZERO: Self = Self([0; 32]);

    /// The digest's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest read from outside, for example from an invitation.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// `SHA-256(domain tag, network, canonical bytes of value)`.
    ///
    /// The tag is preceded by its length, so that no tag is a prefix of another's input.
    ///
    /// # Panics
    /// When `value`'s `Serialize` fails, which derived implementations on plain data never do.
    pub fn of<T: Serialize + ?Sized>(domain: Domain, network: &NetworkId, value: &T) -> Self {
        let mut writer = HashWriter(domain.hasher().chain_update(network.0.0));
        options()
            .serialize_into(&mut writer, value)
            .expect("plain data serialises into a hasher");
        Self(writer.0.finalize().into())
    }

    /// `SHA-256(domain tag, the parts)`: of what no network is named in. Parts are not told apart.
    pub(crate) fn of_bytes<P: AsRef<[u8]>>(
        domain: Domain,
        parts: impl IntoIterator<Item = P>,
    ) -> Self {
        let mut hasher = domain.hasher();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digits(&self.0).fmt(f)
    }
}

/// The digest of a network's genesis: every statement of that network is bound to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NetworkId(pub(crate) Digest);

impl NetworkId {
    /// The identifier in whose name the genesis itself is hashed: there is no network yet.
    pub(crate) const NONE: Self = Self(Digest([0; 32]));

    /// The genesis digest, which is also the parent of every lane's first message.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for NetworkId {
    type Err = NetworkIdError;

    /// An identifier as [`Display`](fmt::Display) writes it. Any digest is one: the text does not
    /// tell whether there is such a network.
    fn from_str(digits: &str) -> Result<Self, NetworkIdError> {
        if let Some((index, letter)) = digits
            .chars()
            .enumerate()
            .find(|(_, letter)| !letter.is_ascii_hexdigit())
        {
            return Err(NetworkIdError::NoDigit { index, letter });
        }
        let bytes = from_digits(digits).and_then(|bytes| bytes.try_into().ok());
        let error = NetworkIdError::Length { len: digits.len() };
        bytes
            .map(|bytes| Self(Digest::from_bytes(bytes)))
            .ok_or(error)
    }
}

/// Why a text is no [`NetworkId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkIdError {
    /// A character is no hexadecimal digit.
    #[error(
        "character {} is {letter:?}, and not a hexadecimal digit: copy the network's identifier alone, without spaces or quotation marks",
        index + 1
    )]
    NoDigit {
        /// How many characters are before it.
        index: usize,
        /// The character.
        letter: char,
    },
    /// There are too few digits, or too many.
    #[error(
        "{len} digits, and a network's identifier has 64: copy all of it, as the status of a member shows it"
    )]
    Length {
        /// How many there are.
        len: usize,
    },
}

/// What a digest is about; one tag each, so that a signature over one kind of statement is never
/// another's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Domain {
    /// The description of a network.
    Genesis,
    /// The canonical bytes of a snapshot of an algorithm's state.
    State,
    /// A piece of a snapshot.
    Chunk,
    /// A message: the node of a lane's hash chain.
    Message,
    /// A member's echo.
    Echo,
    /// A member's account of what it has delivered.
    Summary,
    /// A member's consent to a change of the committee.
    Approval,
    /// A newcomer's wish to enter.
    Entry,
    /// A member's report at a freeze.
    Report,
    /// A statement in the agreement on the next generation.
    Vote,
    /// The header of a generation.
    Header,
    /// What a header rests on: the changes and the reports.
    Body,
    /// The operations of a message.
    Operations,
    /// A key in a tree of records.
    Key,
    /// A record: where it is in a tree, and its value.
    Record,
    /// Records in a tree.
    Leaf,
    /// Two parts of a tree.
    Branch,
    /// Which of two concurrent writes of one rank wins.
    Tie,
    /// A node of a Merkle register.
    Node,
    /// What a member is asked with that is to tell what our key has signed.
    Challenge,
    /// With whose state a network begins.
    Origin,
    /// An event of a simulated run.
    Trace,
}

impl Domain {
    /// Has hashed the tag, behind its length.
    fn hasher(self) -> sha2::Sha256 {
        let tag = self.tag();
        let mut hasher = sha2::Sha256::new();
        hasher.update([u8::try_from(tag.len()).expect("tags are short")]);
        hasher.update(tag);
        hasher
    }

    fn tag(self) -> &'static [u8] {
        // What is signed keeps the words of the first version: a vote was a ballot then, and a
        // summary a standing.
        match self {
            Self::Genesis => b"bft-crdts/1 genesis",
            Self::State => b"bft-crdts/1 state",
            Self::Chunk => b"bft-crdts/1 chunk",
            Self::Message => b"bft-crdts/1 message",
            Self::Echo => b"bft-crdts/1 echo",
            Self::Summary => b"bft-crdts/1 standing",
            Self::Approval => b"bft-crdts/1 approval",
            Self::Entry => b"bft-crdts/1 entry",
            Self::Report => b"bft-crdts/1 report",
            Self::Vote => b"bft-crdts/1 ballot",
            Self::Header => b"bft-crdts/1 header",
            Self::Body => b"bft-crdts/1 body",
            Self::Operations => b"bft-crdts/1 operations",
            Self::Key => b"bft-crdts/1 key",
            Self::Record => b"bft-crdts/1 record",
            Self::Leaf => b"bft-crdts/1 leaf",
            Self::Branch => b"bft-crdts/1 branch",
            Self::Tie => b"bft-crdts/1 tie",
            Self::Node => b"bft-crdts/1 node",
            Self::Challenge => b"bft-crdts/1 challenge",
            Self::Origin => b"bft-crdts/1 origin",
            Self::Trace => b"bft-crdts/1 trace",
        }
    }
}

/// Why bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// More bytes than the bound.
    #[error("{len} bytes, at most {limit} allowed")]
    TooLong {
        /// Bytes that came.
        len: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The bytes are no encoding of the expected type, or something follows them.
    #[error("malformed")]
    Malformed,
    /// The bytes decode, but are not the encoding that the value has.
    #[error("not the canonical encoding")]
    NotCanonical,
    /// A sequence has more elements than the bound.
    #[error("{len} elements, at most {limit} allowed")]
    TooMany {
        /// Elements that were announced.
        len: u64,
        /// Elements that are allowed.
        limit: u64,
    },
    /// A sequence that must not be empty is.
    #[error("empty")]
    Empty,
}

/// The canonical bytes of `value`.
///
/// # Panics
/// When `value`'s `Serialize` fails, which derived implementations on plain data never do.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // To ask the length first costs little where much of it is in one piece, and growing much.
    let mut bytes = Vec::with_capacity(encoded_len(value));
    options()
        .serialize_into(&mut bytes, value)
        .expect("plain data serialises into memory");
    bytes
}

/// The value whose canonical encoding is `bytes`, of which there may be `limit`.
///
/// # Errors
/// [`DecodeError`]; nothing but `value`'s one encoding is accepted.
pub fn decode<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    limit: usize,
) -> Result<T, DecodeError> {
    if bytes.len() > limit {
        let len = bytes.len();
        return Err(DecodeError::TooLong { len, limit });
    }
    let value: T = options()
        .with_limit(limit as u64)
        .deserialize(bytes)
        .map_err(|_| DecodeError::Malformed)?;
    let mut rest = CompareWriter(bytes);
    let same = options().serialize_into(&mut rest, &value).is_ok() && rest.0.is_empty();
    if !same {
        return Err(DecodeError::NotCanonical);
    }
    Ok(value)
}

/// The number of elements that an encoded sequence announces, read without decoding any.
pub(crate) fn sequence_len(bytes: &[u8]) -> Result<u64, DecodeError> {
    let prefix = bytes.first_chunk::<8>().ok_or(DecodeError::Malformed)?;
    Ok(u64::from_le_bytes(*prefix))
}

/// How many bytes [`encode`] makes of `value`, without making them.
pub(crate) fn encoded_len<T: Serialize + ?Sized>(value: &T) -> usize {
    let len = options()
        .serialized_size(value)
        .expect("plain data serialises into memory");
    usize::try_from(len).expect("what is in memory fits it")
}

/// Like [`decode`], for a sequence of 1 to `most` elements.
///
/// The announced length is checked before anything is built: elements that take no bytes would
/// otherwise make a loop of any length from eight bytes.
///
/// # Errors
/// [`DecodeError`].
pub fn decode_sequence<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    limit: usize,
    most: u32,
) -> Result<Vec<T>, DecodeError> {
    match sequence_len(bytes)? {
        0 => Err(DecodeError::Empty),
        len if len > u64::from(most) => Err(DecodeError::TooMany {
            len,
            limit: u64::from(most),
        }),
        _ => decode(bytes, limit),
    }
}

/// The bytes that hexadecimal digits spell, two of them each, in any case; `None` when there is
/// anything else.
pub(crate) fn from_digits(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks();
    let digit = |letter: u8| char::from(letter).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    rest.is_empty()
        .then(|| pairs.iter().map(byte).collect())
        .flatten()
}

/// Bytes that are shared, not copied: the encoded operations of a message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Arc<[u8]>);

impl Bytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => Digits(&self.0).serialize(serializer),
            false => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let digits = String::deserialize(deserializer)?;
            let bytes = from_digits(&digits).map(Self::from);
            return bytes.ok_or_else(|| D::Error::custom("hexadecimal digits, two a byte"));
        }
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.into()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

/// Bytes that are borrowed, encoded like [`Bytes`] in one piece: a slice of integers has the same
/// encoding, byte by byte, which is slow.
pub(crate) struct Slice<'a>(pub(crate) &'a [u8]);

impl Serialize for Slice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Bytes as hexadecimal digits, in lower case: how they stand in text.
pub(crate) struct Digits<'a>(pub(crate) &'a [u8]);

impl Serialize for Digits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// As many bytes as the array has, of their digits in a text.
pub(crate) fn array<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    let digits = String::deserialize(deserializer)?;
    let bytes = from_digits(&digits).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| D::Error::custom(format_args!("{} hexadecimal digits", 2 * N)))
}

/// Numbers of 64 bits, which are decimal digits in a string where there is text: readers of JSON
/// take a number for a float.
pub(crate) mod decimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    // The shape is serde's.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(number),
            false => number.serialize(serializer),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer);
        }
        let digits = String::deserialize(deserializer)?;
        let number = digits.parse::<u64>().map_err(D::Error::custom)?;
        let written = number.to_string() == digits;
        written
            .then_some(number)
            .ok_or_else(|| D::Error::custom("a number with signs or zeros before it"))
    }
}

/// Arrays of bytes as a few integers of 16 bytes: the same encoding as byte by byte, which is slow.
pub(crate) mod fixed {
    use std::array;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return super::Digits(bytes).serialize(serializer);
        }
        let (low, high) = bytes.split_at(16);
        let word = |half: &[u8]| u128::from_le_bytes(array::from_fn(|index| half[index]));
        (word(low), word(high)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        if deserializer.is_human_readable() {
            return super::array(deserializer);
        }
        let (low, high) = <(u128, u128)>::deserialize(deserializer)?;
        let words = [low.to_le_bytes(), high.to_le_bytes()];
        Ok(array::from_fn(|index| words[index / 16][index % 16]))
    }
}

/// Without a limit on what is written: it would be measured first.
fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .reject_trailing_bytes()
        .with_no_limit()
}

struct HashWriter(sha2::Sha256);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compares what is written with what is expected, without building it a second time.
struct CompareWriter<'a>(&'a [u8]);

impl io::Write for CompareWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .strip_prefix(bytes)
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_map_with_unsorted_or_repeated_keys_is_not_canonical() {
        let unsorted = encode(&vec![(2u64, 1u8), (1, 1)]);
        let repeated = encode(&vec![(1u64, 1u8), (1, 2)]);
        for bytes in [unsorted, repeated] {
            let decoded = decode::<BTreeMap<u64, u8>>(&bytes, 1024);
            assert_eq!(decoded, Err(DecodeError::NotCanonical));
        }
    }

    #[test]
    fn digits_spell_bytes_and_signs_spaces_and_halves_nothing() {
        assert_eq!(from_digits("00fFA7"), Some(vec![0, 0xff, 0xa7]));
        assert_eq!(from_digits(""), Some(Vec::new()));
        for none in ["0", "000", "+1", "-1", "0x", " 1", "\u{e9}", "0g"] {
            assert_eq!(from_digits(none), None, "{none}");
        }
    }

    #[test]
    fn a_network_s_identifier_is_read_as_it_is_written_or_the_error_says_what_is_wrong() {
        let network = NetworkId(Digest::from_bytes([0xa7; 32]));
        let written = network.to_string();
        assert_eq!(written.parse(), Ok(network));
        let error = |text: &str| text.parse::<NetworkId>().expect_err(text);
        assert_eq!(error(&written[1..]), NetworkIdError::Length { len: 63 });
        assert_eq!(error(""), NetworkIdError::Length { len: 0 });
        let (index, letter) = (64, '\n');
        let line = format!("{written}\n");
        assert_eq!(error(&line), NetworkIdError::NoDigit { index, letter });
        assert!(
            error(&line)
                .to_string()
                .starts_with("character 65 is '\\n'")
        );
    }

    #[test]
    fn a_trailing_byte_is_refused() {
        let mut bytes = encode(&7u64);
        bytes.push(0);
        assert_eq!(decode::<u64>(&bytes, 1024), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_length_beyond_the_input_is_refused_without_allocating() {
        let bytes = encode(&u64::MAX);
        assert_eq!(decode::<Vec<u8>>(&bytes, 1024), Err(DecodeError::Malformed));
        assert_eq!(decode::<Bytes>(&bytes, 1024), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_sequence_of_elements_without_bytes_is_bounded_by_its_count() {
        let bytes = encode(&u64::MAX);
        let decoded = decode_sequence::<()>(&bytes, 1024, 16);
        assert!(matches!(decoded, Err(DecodeError::TooMany { .. })));
        assert_eq!(
            decode_sequence::<()>(&encode(&0u64), 1024, 16),
            Err(DecodeError::Empty)
        );
    }

    #[test]
    fn one_value_has_another_digest_under_another_domain_or_network() {
        let here = NetworkId::NONE;
        let there = NetworkId(Digest([1; 32]));
        let digest = Digest::of(Domain::Echo, &here, &5u8);
        assert_ne!(digest, Digest::of(Domain::Message, &here, &5u8));
        assert_ne!(digest, Digest::of(Domain::Echo, &there, &5u8));
    }
}
