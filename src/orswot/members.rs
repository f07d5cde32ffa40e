//! The members of one operation.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::MEMBERS_PER_OP;

/// Members in order, each once: one set has one encoding. To look at, it is a slice.
///
/// It is made of members in any order; what comes twice is there once. It may be empty, and of any
/// length: how many an operation may have is for the verdict, which refuses none and more than
/// [`MEMBERS_PER_OP`].
///
/// Exactly as large as what it holds, since most operations have one member and wait in memory by
/// the hundred. Members that decode out of order are put in order here, so that the canonical
/// encoding is another, and the operation is refused.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Members<M>(Box<[M]>);

impl<M> Deref for Members<M> {
    type Target = [M];

    fn deref(&self) -> &[M] {
        &self.0
    }
}

impl<M: Ord> From<Vec<M>> for Members<M> {
    fn from(mut members: Vec<M>) -> Self {
        members.sort();
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
        let likely = read.size_hint().unwrap_or(0).min(MEMBERS_PER_OP);
        let mut members = Vec::with_capacity(likely);
        while let Some(member) = read.next_element()? {
            members.push(member);
        }
        Ok(members.into())
    }
}
