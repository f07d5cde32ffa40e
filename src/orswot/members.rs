//! The members of one operation.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What one operation makes room for before a member of it is read, in bytes.
const ROOM: usize = 1024;

/// Members in order, each once: one set has one encoding. To look at, it is a slice.
///
/// It is made of members in any order; what comes twice is there once. It may be empty, and of any
/// length: how many an operation may have is for the verdict, which refuses none and more than
/// [`MEMBERS_PER_OP`](super::MEMBERS_PER_OP).
///
/// Exactly as large as what it holds, since most operations have one member and wait in memory by
/// the hundred. Members are put in order where they are read, too: so in canonical bytes they are
/// in order, or what was read has another encoding, and is refused.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Members<M>(Box<[M]>);

impl<M: Ord> Members<M> {
    /// Whether `member` is among them, in O(log n).
    #[must_use]
    pub fn contains(&self, member: &M) -> bool {
        self.binary_search(member).is_ok()
    }
}

impl<M> Deref for Members<M> {
    type Target = [M];

    fn deref(&self) -> &[M] {
        &self.0
    }
}

impl<M: Ord> From<Vec<M>> for Members<M> {
    fn from(mut members: Vec<M>) -> Self {
        members.sort_unstable();
        members.dedup();
        Self(members.into())
    }
}

impl<M: Ord, const N: usize> From<[M; N]> for Members<M> {
    fn from(members: [M; N]) -> Self {
        Vec::from(members).into()
    }
}

impl<M: Ord> FromIterator<M> for Members<M> {
    fn from_iter<I: IntoIterator<Item = M>>(members: I) -> Self {
        members.into_iter().collect::<Vec<_>>().into()
    }
}

impl<M> IntoIterator for Members<M> {
    type Item = M;
    type IntoIter = <Box<[M]> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, M> IntoIterator for &'a Members<M> {
    type Item = &'a M;
    type IntoIter = std::slice::Iter<'a, M>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// As of a set, since it is one.
impl<M: Debug> Debug for Members<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<'de, M: Ord + Deserialize<'de>> Deserialize<'de> for Members<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Sequence(PhantomData))
    }
}

/// Reads them one after the other, however many are announced.
struct Sequence<M>(PhantomData<M>);

impl<'de, M: Ord + Deserialize<'de>> Visitor<'de> for Sequence<M> {
    type Value = Members<M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("members")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut read: S) -> Result<Members<M>, S::Error> {
        // How many there are is anybody's word.
        let announced = read.size_hint().unwrap_or(0);
        let mut members = Vec::with_capacity(announced.min(ROOM / size_of::<M>().max(1)));
        while let Some(member) = read.next_element()? {
            if members.last() >= Some(&member) {
                let members = members.into_iter().chain([member]).collect();
                return out_of_order(members, read);
            }
            members.push(member);
        }
        Ok(Members(members.into()))
    }
}

/// Reads on. Nobody honest wrote this: it takes no more memory than what is not repeated.
fn out_of_order<'de, M: Ord + Deserialize<'de>, S: SeqAccess<'de>>(
    mut members: BTreeSet<M>,
    mut read: S,
) -> Result<Members<M>, S::Error> {
    while let Some(member) = read.next_element()? {
        members.insert(member);
    }
    Ok(Members(members.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use quickcheck_macros::quickcheck;

    use super::*;
    use crate::codec::{decode, encode};

    #[quickcheck]
    fn members_are_those_of_an_ordered_set_in_the_same_bytes(members: Vec<u8>) -> bool {
        let set: BTreeSet<u8> = members.iter().copied().collect();
        let ours: Members<u8> = members.iter().copied().collect();
        let held = (0..=u8::MAX).all(|member| ours.contains(&member) == set.contains(&member));
        held && ours.iter().eq(&set) && encode(&ours) == encode(&set)
    }

    /// In any order and with repetitions, as canonical bytes and as others.
    #[quickcheck]
    fn members_are_read_as_an_ordered_set_is(members: Vec<u8>) -> bool {
        let bytes = encode(&members);
        let set = decode::<BTreeSet<u8>>(&bytes, bytes.len());
        let ours = decode::<Members<u8>>(&bytes, bytes.len());
        let text = serde_json::to_string(&members).expect("numbers");
        let read: Members<u8> = serde_json::from_str(&text).expect("numbers");
        read == members.into() && ours.map(|ours| ours.iter().copied().collect()) == set
    }
}
