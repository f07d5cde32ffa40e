//! Canonical bytes: the one place that turns values into bytes, digests and back.
//!
//! Invariants:
//! - a value has exactly one encoding: little-endian, fixed-width integers, no trailing bytes, and
//!   what decodes is encoded again and compared, so that a map with unsorted or repeated keys is
//!   refused;
//! - decoding never allocates more than the input's own length allows;
//! - every digest is bound to a [`Domain`] and to a network, so that no signature can be shown
//!   elsewhere.
//!
//! No other module names the encoding's crate; the golden vectors in `tests/promises/wire.rs` pin
//! the bytes.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use bincode::Options;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-256 digest under a [`Domain`] and a network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(#[serde(with = "fixed")] [u8; 32]);

impl Digest {
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
        let mut hasher = sha2::Sha256::new();
        let tag = domain.tag();
        hasher.update([u8::try_from(tag.len()).expect("tags are short")]);
        hasher.update(tag);
        hasher.update(network.0.0);
        let mut writer = HashWriter(hasher);
        options()
            .serialize_into(&mut writer, value)
            .expect("plain data serialises into a hasher");
        Self(writer.0.finalize().into())
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
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    /// The value that founds a generation.
    Value,
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
            Self::Value => b"bft-crdts/1 value",
            Self::Tie => b"bft-crdts/1 tie",
            Self::Node => b"bft-crdts/1 node",
            Self::Challenge => b"bft-crdts/1 challenge",
            Self::Origin => b"bft-crdts/1 origin",
            Self::Trace => b"bft-crdts/1 trace",
        }
    }
}

/// The bounds of one network, agreed in its genesis: one constant each, checked when bytes are
/// decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Encoded operations in one message, in bytes, with the eight that say how many they are.
    pub message_bytes: u32,
    /// Operations in one message.
    pub message_ops: u32,
    /// Members of a committee.
    pub seats: u32,
    /// Lanes: all actors that were ever members.
    pub lanes: u32,
    /// One packet, in bytes. Everything above must fit: see [`Limits::check`]. So must a chunk of a
    /// state, 128 KiB, where a state is as long: a node asks for 129 KiB.
    pub packet_bytes: u32,
    /// A segment of one lane between two kept certificates, in bytes of operations.
    pub segment_bytes: u32,
    /// A segment of one lane between two kept certificates, in messages.
    pub segment_messages: u32,
    /// Operations that wait in the outbox of one replica, in bytes.
    pub outbox_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 128 << 10,
            message_ops: 1024,
            seats: 128,
            lanes: 1024,
            packet_bytes: 8 << 20,
            segment_bytes: 256 << 10,
            segment_messages: 256,
            outbox_bytes: 4 << 20,
        }
    }
}

impl Limits {
    /// Bytes that a message adds around its operations on the wire, rounded up: source, number,
    /// parent, length and signature.
    pub const MESSAGE_OVERHEAD: u32 = 160;
    /// Bytes that a certified segment adds around its messages and signatures, rounded up.
    pub const SEGMENT_OVERHEAD: u32 = 192;

    /// Changes of the committee that one value carries, at most.
    pub(crate) const CHANGES: usize = 8;
    /// Bytes of a source's signature on a dot, with what it says.
    const BINDING: u64 = 176;
    /// Bytes of the end of a lane, with its source.
    const HEAD: u64 = 72;
    /// Bytes of a signature in a certificate, with its seat.
    const SEATED: u64 = 66;

    /// Bytes that one operation may have, so that a message of it alone can be made.
    #[must_use]
    pub fn op_bytes(&self) -> usize {
        (self.message_bytes as usize).saturating_sub(size_of::<u64>())
    }

    /// Whether the bounds fit into each other, so that whatever one bound allows, the others carry.
    ///
    /// # Errors
    /// The first pair of bounds that do not fit.
    pub fn check(&self) -> Result<(), LimitsError> {
        let positive = [
            self.message_ops,
            self.seats,
            self.segment_bytes,
            self.segment_messages,
        ];
        if positive.contains(&0) || self.op_bytes() == 0 {
            return Err(LimitsError::Zero);
        }
        if self.lanes < self.seats {
            return Err(LimitsError::Lanes);
        }
        if self.outbox_bytes < self.message_bytes {
            return Err(LimitsError::Outbox);
        }
        let segment = u64::from(self.segment_bytes)
            + u64::from(self.message_bytes)
            + u64::from(self.segment_messages) * u64::from(Self::MESSAGE_OVERHEAD)
            + u64::from(self.seats) * 72
            + u64::from(Self::SEGMENT_OVERHEAD);
        let summary = self.summary_bytes();
        // A request names lanes beside the summary.
        let request = summary + u64::from(self.lanes) * 40;
        let told = self.fullest_recollection();
        let value = self.fullest_value().saturating_add(self.around_value());
        let most = (segment + summary).max(request).max(told).max(value);
        if most > u64::from(self.packet_bytes) {
            return Err(LimitsError::Packet);
        }
        Ok(())
    }

    /// Sources that may speak in one generation, members and those who left a lock or a seal
    /// behind, at most: a member that equivocates and leaves may leave one for ever.
    #[must_use]
    pub fn speakers(&self) -> u32 {
        self.lanes.min(self.seats.saturating_mul(4))
    }

    /// Bytes of the value that ends a generation, at most: it is served with its certificate beside
    /// a summary, and proposed beside votes.
    #[must_use]
    pub fn value_bytes(&self) -> u32 {
        let around = u32::try_from(self.around_value()).unwrap_or(u32::MAX);
        self.packet_bytes.saturating_sub(around)
    }

    /// What a packet also carries: one head a lane, the convicted actors, and what is around them.
    fn summary_bytes(&self) -> u64 {
        u64::from(self.lanes) * (Self::HEAD + 32) + 1024
    }

    /// Beside a value: a summary; of each seat a vote and a signature in each of two quorums.
    fn around_value(&self) -> u64 {
        self.summary_bytes() + u64::from(self.seats) * (152 + 2 * Self::SEATED) + 1024
    }

    /// The reports of a quorum, each with the end of every lane that speaks and a seal in the lane
    /// of every seat, and as many changes as a value has, each approved by a quorum.
    fn fullest_value(&self) -> u64 {
        let seats = u64::from(self.seats);
        let quorum = seats - (seats - 1) / 3;
        let change = 200 + quorum * Self::SEATED;
        let reports = quorum.saturating_mul(self.fullest_report());
        reports.saturating_add(Self::CHANGES as u64 * change + 128)
    }

    fn fullest_report(&self) -> u64 {
        let seal = 36 + 2 * Self::BINDING;
        u64::from(self.speakers()) * Self::HEAD + u64::from(self.seats) * seal + 160
    }

    /// What a member is told that its key has signed: a summary, a report, what it voted in two
    /// rounds, and two echoes a lane, of its own one more.
    fn fullest_recollection(&self) -> u64 {
        let echoes = (2 * u64::from(self.lanes) + 1) * Self::BINDING;
        self.summary_bytes() + self.fullest_report() + 6 * 152 + echoes
    }
}

/// Why bounds do not fit into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// A bound is zero, or a message holds no more than the number of its operations.
    #[error("a bound is zero, or the 8 bytes of a message that say how many operations it has")]
    Zero,
    /// Fewer lanes than seats.
    #[error("fewer lanes than seats")]
    Lanes,
    /// The outbox does not hold one message.
    #[error("the outbox does not hold one message")]
    Outbox,
    /// A segment with its certificate and a summary, or a value with a quorum's reports, does not
    /// fit a packet.
    #[error("a segment with a summary, or a value, does not fit a packet")]
    Packet,
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
    let mut bytes = Vec::with_capacity(256);
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
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
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

/// Arrays of bytes as a few integers of 16 bytes: the same encoding as byte by byte, which is slow.
pub(crate) mod fixed {
    use std::array;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let (low, high) = bytes.split_at(16);
        let word = |half: &[u8]| u128::from_le_bytes(array::from_fn(|index| half[index]));
        (word(low), word(high)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
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

    #[test]
    fn the_default_limits_fit_into_each_other() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_message_has_room_for_the_number_of_its_operations() {
        let of = |message_bytes| Limits {
            message_bytes,
            ..Limits::default()
        };
        assert_eq!(of(8).check(), Err(LimitsError::Zero));
        assert_eq!(of(9).check(), Ok(()));
    }

    #[test]
    fn seats_and_lanes_without_bound_are_refused() {
        let limits = Limits {
            seats: u32::MAX,
            lanes: u32::MAX,
            packet_bytes: u32::MAX,
            ..Limits::default()
        };
        assert_eq!(limits.check(), Err(LimitsError::Packet));
    }
}
