//! Where a reader of the events stands: how far it has come in the lane of each source. So a reader
//! goes on where it was after a restart of the node, and even at another node of the network.

use std::collections::BTreeMap;
use std::fmt;

use bft_crdts::Actor;
use bft_crdts::codec::NetworkId;
use bft_crdts::dot::{Dot, Frontier, Seq};

use crate::protocol::Refusal;

/// Digits by which a source is named: half of its name, which nobody can make a second key for.
const DIGITS: usize = 32;
/// Digits by which the network is named: a cursor of another one is a mistake, and no attack.
const NETWORK_DIGITS: usize = 8;
/// The cursor before everything.
const START: &str = "start";

/// How far a reader has come in each lane; in those that are not named it has read nothing.
///
/// It is written as the network's first digits, and after a comma for each lane those of its
/// source, a full stop, and the number of the last message that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    network: String,
    lanes: BTreeMap<String, u64>,
}

impl Cursor {
    /// Before everything.
    pub(crate) fn start(network: &NetworkId) -> Self {
        Self {
            network: beginning(&network.digest().to_string(), NETWORK_DIGITS),
            lanes: BTreeMap::new(),
        }
    }

    /// Where a reader stands that has read all that was delivered.
    pub(crate) fn after(network: &NetworkId, frontier: &Frontier) -> Self {
        let mut cursor = Self::start(network);
        for (source, head) in frontier.iter() {
            cursor.advance(source, head.seq);
        }
        cursor
    }

    /// The cursor that a text is, in this network.
    pub(crate) fn read(network: &NetworkId, text: &str) -> Result<Self, Refusal> {
        let mut cursor = Self::start(network);
        if text == START {
            return Ok(cursor);
        }
        let wrong = || Refusal::Cursor(text.to_owned());
        let mut parts = text.split(',');
        if parts.next() != Some(cursor.network.as_str()) {
            return Err(wrong());
        }
        for part in parts {
            let (source, seq) = lane(part).ok_or_else(wrong)?;
            if cursor.lanes.insert(source, seq).is_some() {
                return Err(wrong());
            }
        }
        Ok(cursor)
    }

    /// The number of the last message of a source that was read; 0 when none was.
    pub(crate) fn seq(&self, source: &Actor) -> Seq {
        let source = beginning(&source.to_string(), DIGITS);
        Seq::new(self.lanes.get(&source).copied().unwrap_or(0))
    }

    /// Whether this message was read.
    pub(crate) fn has(&self, dot: &Dot) -> bool {
        self.seq(&dot.source) >= dot.seq
    }

    /// Notes that a source's messages up to this one were read.
    pub(crate) fn advance(&mut self, source: &Actor, seq: Seq) {
        let source = beginning(&source.to_string(), DIGITS);
        self.lanes.insert(source, seq.number());
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.network)?;
        let mut lanes = self.lanes.iter();
        lanes.try_for_each(|(source, seq)| write!(f, ",{source}.{seq}"))
    }
}

fn beginning(digits: &str, count: usize) -> String {
    digits.chars().take(count).collect()
}

fn lane(text: &str) -> Option<(String, u64)> {
    let (source, seq) = text.split_once('.')?;
    let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let is_source = source.len() == DIGITS && source.chars().all(digit);
    let is_number = seq.chars().all(|c| c.is_ascii_digit());
    (is_source && is_number).then_some((source.to_owned(), seq.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use bft_crdts::SigningActor;
    use bft_crdts::bank::Rules;

    use super::*;
    use crate::protocol::Kind;

    fn network() -> NetworkId {
        let member = SigningActor::from_secret(&[1; 32]).actor();
        let genesis = Kind::Set.found(Rules::default(), [member].into(), [0; 32]);
        genesis.expect("one member").network()
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_no_other_text_is_one() {
        let [one, two] = [1, 2].map(|byte| Actor::from_bytes([byte; 32]));
        let mut cursor = Cursor::start(&network());
        cursor.advance(&one, Seq::new(7));
        cursor.advance(&two, Seq::new(u64::MAX));
        let text = cursor.to_string();
        assert_eq!(Cursor::read(&network(), &text), Ok(cursor.clone()));
        assert_eq!(
            Cursor::read(&network(), START),
            Ok(Cursor::start(&network()))
        );
        let has = |source, seq| {
            let seq = Seq::new(seq);
            cursor.has(&Dot { source, seq })
        };
        assert!(has(one, 7) && !has(one, 8) && has(two, u64::MAX));
        let lane = format!(",{}.1", "1".repeat(DIGITS));
        let ours = beginning(&text, NETWORK_DIGITS);
        for bad in [
            String::new(),
            "7".to_owned(),
            format!("x{text}"),
            format!("{text},"),
            format!("{text}0000000000000"),
            format!("{ours}{lane}{lane}"),
            format!("{ours},{}.1", "1".repeat(64)),
            format!("{ours},{}.+1", "1".repeat(DIGITS)),
            format!("{ours},{}.", "1".repeat(DIGITS)),
            format!("{}{lane}", "f".repeat(NETWORK_DIGITS)),
        ] {
            let read = Cursor::read(&network(), &bad);
            assert_eq!(read, Err(Refusal::Cursor(bad)));
        }
    }
}
