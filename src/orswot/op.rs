//! What can be done to a set.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize, Serializer};

use super::Members;
use crate::actor::Actor;
use crate::codec;

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
///
/// What can be added can be removed: the encoding of a removal that names one actor's additions is
/// as long as that of an addition of the same members. [`Op::within`] makes such removals of one
/// that names too many.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(
    from = "Encoding<Members<M>, Clock>",
    bound(deserialize = "M: Ord + Deserialize<'de>")
)]
pub enum Op<M> {
    /// The members are in the set.
    Add {
        /// This addition's name.
        dot: Dot,
        /// What is added: 1 to [`MEMBERS_PER_OP`] members.
        members: Members<M>,
    },
    /// The members are in the set no more, so far as `clock` names their additions.
    Rm {
        /// The additions that the remover had seen.
        clock: Clock,
        /// What is removed: 1 to [`MEMBERS_PER_OP`] members.
        members: Members<M>,
    },
}

/// What crosses the wire.
#[derive(Serialize, Deserialize)]
enum Encoding<M, C> {
    Add(Dot, M),
    Rm(C, M),
    /// A removal that names one actor's additions, without the length of a clock.
    RmOfOne(Dot, M),
}

impl<M: Serialize> Serialize for Op<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let encoding = match self {
            Self::Add { dot, members } => Encoding::Add(*dot, members),
            Self::Rm { clock, members } => match (clock.first_key_value(), clock.len()) {
                (Some((&actor, &counter)), 1) => Encoding::RmOfOne(Dot { actor, counter }, members),
                _ => Encoding::Rm(clock, members),
            },
        };
        encoding.serialize(serializer)
    }
}

impl<M> From<Encoding<Members<M>, Clock>> for Op<M> {
    fn from(encoding: Encoding<Members<M>, Clock>) -> Self {
        match encoding {
            Encoding::Add(dot, members) => Self::Add { dot, members },
            Encoding::Rm(clock, members) => Self::Rm { clock, members },
            Encoding::RmOfOne(dot, members) => Self::Rm {
                clock: [(dot.actor, dot.counter)].into(),
                members,
            },
        }
    }
}

impl<M: Clone + Serialize> Op<M> {
    /// The same removal in several, each of at most `bytes` encoded; see
    /// [`Limits::op_bytes`](crate::codec::Limits::op_bytes). What names one actor's additions is
    /// not made smaller, nor is an addition.
    #[must_use]
    pub fn within(self, bytes: usize) -> Vec<Self> {
        let (mut fitting, mut rest) = (Vec::new(), vec![self]);
        while let Some(op) = rest.pop() {
            match op {
                Self::Rm { clock, members }
                    if clock.len() > 1 && removal_len(&clock, &members) > bytes =>
                {
                    rest.extend(halves(clock).map(|clock| Self::Rm {
                        clock,
                        members: members.clone(),
                    }));
                }
                op => fitting.push(op),
            }
        }
        fitting
    }
}

fn removal_len<M: Serialize>(clock: &Clock, members: &Members<M>) -> usize {
    codec::encoded_len(&Encoding::Rm(clock, members))
}

/// Two clocks that name together what this one names.
fn halves(mut clock: Clock) -> [Clock; 2] {
    let middle = clock.keys().nth(clock.len() / 2).copied();
    let second = middle.map(|middle| clock.split_off(&middle));
    [clock, second.unwrap_or_default()]
}

impl<M> Op<M> {
    /// The members that are added or removed, in order.
    #[must_use]
    pub fn members(&self) -> &Members<M> {
        match self {
            Self::Add { members, .. } | Self::Rm { members, .. } => members,
        }
    }
}

/// A label for charts, of at most 40 characters: `+apple`, `-apple,pear`.
impl<M: fmt::Display> fmt::Display for Op<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label(M::to_string))
    }
}

impl<M> Op<M> {
    /// A sign and the members, as far as they fit.
    pub(super) fn label(&self, name: impl Fn(&M) -> String) -> String {
        let mut label = Label::default();
        // The only error is the label's own: it is full.
        let _full = self.write_label(&mut label, name);
        label.text
    }

    fn write_label(&self, label: &mut Label, name: impl Fn(&M) -> String) -> fmt::Result {
        label.write_char(match self {
            Self::Add { .. } => '+',
            Self::Rm { .. } => '-',
        })?;
        for (i, member) in self.members().iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(label, "{comma}{}", name(member))?;
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

    #[test]
    fn members_that_are_announced_and_do_not_come_are_no_operation() {
        let honest = encode(&add([7u8]));
        let length = honest.len() - 1 - size_of::<u64>();
        for announced in [0u64, 2, 1 << 40, u64::MAX] {
            let mut forged = honest.clone();
            forged[length..][..8].copy_from_slice(&announced.to_le_bytes());
            let decoded = decode::<Op<u8>>(&forged, 1024);
            assert_eq!(decoded, Err(DecodeError::Malformed), "{announced}");
        }
    }

    fn clock(actors: u8) -> Clock {
        let actors = (0..actors).map(|byte| Actor::from_bytes([byte; 32]));
        actors.zip(1..).collect()
    }

    #[test]
    fn a_removal_of_one_actors_additions_is_as_long_as_an_addition_and_has_one_encoding() {
        let Op::Add { members, .. } = add(["apple", "pear"].map(str::to_owned)) else {
            unreachable!("an addition")
        };
        let added = encode(&add(["apple", "pear"].map(str::to_owned)));
        let removal = |actors| Op::Rm {
            clock: clock(actors),
            members: members.clone(),
        };
        assert_eq!(encode(&removal(1)).len(), added.len());
        for actors in 0..4 {
            let bytes = encode(&removal(actors));
            let decoded: Result<Op<String>, _> = decode(&bytes, bytes.len());
            assert_eq!(decoded, Ok(removal(actors)));
        }
        let longer = encode(&Encoding::Rm(clock(1), members.clone()));
        let decoded: Result<Op<String>, _> = decode(&longer, longer.len());
        assert_eq!(decoded, Err(DecodeError::NotCanonical));
    }

    #[test]
    fn a_removal_that_names_too_many_is_made_of_several_that_name_the_same() {
        let members: Members<_> = ["apple"].into();
        let whole = |clock| Op::Rm {
            clock,
            members: members.clone(),
        };
        let all = clock(100);
        for bytes in [0, 100, 500, 4096, 1 << 20] {
            let parts = whole(all.clone()).within(bytes);
            let mut named = Clock::new();
            for part in parts {
                let fits = encode(&part).len() <= bytes;
                let Op::Rm { clock, .. } = part else {
                    unreachable!("a removal")
                };
                assert!(fits || clock.len() == 1, "{bytes}: {}", clock.len());
                named.extend(clock);
            }
            assert_eq!(named, all, "{bytes}");
        }
        assert_eq!(whole(all.clone()).within(1 << 20), [whole(all)]);
        assert_eq!(add(["apple"]).within(0), [add(["apple"])]);
    }
}
