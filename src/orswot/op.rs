//! What can be done to a set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::actor::Actor;

/// Members in one operation.
pub const MEMBERS_PER_OP: usize = 1024;

/// The name of an addition: the `counter`th of `actor`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dot {
    /// Who added.
    pub actor: Actor,
    /// Which of that actor's additions.
    pub counter: u64,
}

/// For each actor the last of its dots that is meant; all earlier ones are meant as well.
pub type Clock = BTreeMap<Actor, u64>;

/// Whether an addition can have this number. Without `u64::MAX` there is always a next number.
pub(super) fn is_counter(counter: u64) -> bool {
    (1..u64::MAX).contains(&counter)
}

/// An operation on a set of `M`. Sorted collections: one operation has one encoding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound(deserialize = "M: Ord + Deserialize<'de>"))]
pub enum Op<M> {
    /// The members are in the set.
    Add {
        /// This addition's name.
        dot: Dot,
        /// What is added: 1 to [`MEMBERS_PER_OP`] members.
        members: BTreeSet<M>,
    },
    /// The members are in the set no more, so far as `clock` names their additions.
    Rm {
        /// The additions that the remover had seen.
        clock: Clock,
        /// What is removed: 1 to [`MEMBERS_PER_OP`] members.
        members: BTreeSet<M>,
    },
}

impl<M> Op<M> {
    /// The members that are added or removed, in order.
    #[must_use]
    pub fn members(&self) -> &BTreeSet<M> {
        match self {
            Self::Add { members, .. } | Self::Rm { members, .. } => members,
        }
    }
}

/// A label for charts, of at most 40 characters: `+apple`, `-apple,pear`.
impl<M: fmt::Display> fmt::Display for Op<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut label = Label::default();
        // The only error is the label's own: it is full.
        let _full = self.label(&mut label);
        f.write_str(&label.text)
    }
}

impl<M: fmt::Display> Op<M> {
    fn label(&self, label: &mut Label) -> fmt::Result {
        label.write_char(match self {
            Self::Add { .. } => '+',
            Self::Rm { .. } => '-',
        })?;
        for (i, member) in self.members().iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(label, "{comma}{member}")?;
        }
        Ok(())
    }
}

/// Text that stops growing: what does not fit is not even formatted.
#[derive(Default)]
struct Label {
    text: String,
    chars: usize,
}

impl Label {
    const MOST: usize = 40;
}

impl Write for Label {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            if self.chars == Self::MOST {
                self.text.pop();
                self.text.push('…');
                return Err(fmt::Error);
            }
            self.text.push(c);
            self.chars += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{DecodeError, decode, encode};

    fn add<M: Ord, const N: usize>(members: [M; N]) -> Op<M> {
        let dot = Dot {
            actor: Actor::from_bytes([1; 32]),
            counter: 1,
        };
        Op::Add {
            dot,
            members: members.into(),
        }
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(add(["apple"]).to_string(), "+apple");
        assert_eq!(add(["pear", "apple"]).to_string(), "+apple,pear");
        let clock = Clock::new();
        let members = ["apple"].into();
        assert_eq!(Op::Rm { clock, members }.to_string(), "-apple");
        let long = add(["é".repeat(1000)]).to_string();
        assert_eq!(long.chars().count(), 40);
        assert!(long.ends_with('…'));
        assert_eq!(
            add(["m".repeat(39)]).to_string(),
            format!("+{}", "m".repeat(39))
        );
    }

    #[test]
    fn members_out_of_order_or_twice_are_no_operation_at_all() {
        let honest = encode(&add([1u8, 2]));
        let last = honest.len() - 1;
        assert_eq!(decode::<Op<u8>>(&honest, 1024), Ok(add([1, 2])));
        for (first, second) in [(2, 1), (1, 1)] {
            let mut forged = honest.clone();
            (forged[last - 1], forged[last]) = (first, second);
            let decoded = decode::<Op<u8>>(&forged, 1024);
            assert_eq!(decoded, Err(DecodeError::NotCanonical));
        }
    }
}
