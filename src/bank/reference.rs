//! Payments under a reference of the payer's: one that is asked for again is not made again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::money::{Money, Transfer};

/// The payer's own name for a payment, by which it is made at most once: the number of an invoice,
/// say.
///
/// From 1 to [`Reference::MOST_BYTES`] bytes of text, of which no character is a control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Reference(String);

impl Reference {
    /// The longest reference, in bytes of UTF-8.
    pub const MOST_BYTES: usize = 64;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no [`Reference`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// It is empty.
    #[error("a reference is not empty")]
    Empty,
    /// It is too long.
    #[error(
        "a reference of {len} bytes, at most {} are allowed",
        Reference::MOST_BYTES
    )]
    TooLong {
        /// Its bytes.
        len: usize,
    },
    /// One of its characters is a control character.
    #[error("a reference has no control characters")]
    Control,
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        match text.len() {
            0 => Err(ReferenceError::Empty),
            len if len > Self::MOST_BYTES => Err(ReferenceError::TooLong { len }),
            _ if text.contains(char::is_control) => Err(ReferenceError::Control),
            _ => Ok(Self(text)),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A payment that the payer's account remembers by its reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Which of the account's transfers it is.
    pub number: u64,
    /// The account that is paid.
    pub to: Actor,
    /// How much.
    pub amount: Money,
}

impl Payment {
    /// What a transfer is remembered by.
    pub(crate) fn of(transfer: &Transfer) -> Self {
        Self {
            number: transfer.id.number,
            to: transfer.to,
            amount: transfer.amount,
        }
    }

    /// Whether the account still remembers it when it has made so many transfers.
    pub(crate) fn is_remembered(number: u64, transfers: u64) -> bool {
        transfers.saturating_sub(number) < super::Bank::REMEMBERED
    }
}

/// The payments under a reference that one account remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "Vec<(Reference, Payment)>",
    into = "Vec<(Reference, Payment)>"
)]
pub(crate) struct References {
    payments: BTreeMap<Reference, Payment>,
    /// The references by their numbers, to forget the oldest first.
    order: BTreeMap<u64, Reference>,
}

impl References {
    pub(crate) fn get(&self, reference: &Reference) -> Option<&Payment> {
        self.payments.get(reference)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Reference, &Payment)> {
        let references = self.order.values();
        references.filter_map(|reference| Some((reference, self.payments.get(reference)?)))
    }

    pub(crate) fn insert(&mut self, reference: Reference, payment: Payment) {
        self.order.insert(payment.number, reference.clone());
        self.payments.insert(reference, payment);
    }

    /// Forgets what an account that has made so many transfers does not remember.
    pub(crate) fn forget(&mut self, transfers: u64) {
        while let Some(oldest) = self.order.first_entry()
            && !Payment::is_remembered(*oldest.key(), transfers)
        {
            self.payments.remove(&oldest.remove());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether an account of `owner` that has made so many transfers can remember these.
    pub(crate) fn fits(&self, owner: &Actor, transfers: u64) -> bool {
        let payment = |(_, payment): (_, &Payment)| {
            (1..=transfers).contains(&payment.number)
                && Payment::is_remembered(payment.number, transfers)
                && payment.to != *owner
                && payment.amount > Money::ZERO
        };
        !self.is_empty() && self.iter().all(payment)
    }
}

impl From<References> for Vec<(Reference, Payment)> {
    fn from(references: References) -> Self {
        let all = references.iter();
        all.map(|(reference, payment)| (reference.clone(), payment.clone()))
            .collect()
    }
}

impl TryFrom<Vec<(Reference, Payment)>> for References {
    type Error = &'static str;

    fn try_from(listed: Vec<(Reference, Payment)>) -> Result<Self, &'static str> {
        if !listed.is_sorted_by(|(_, one), (_, next)| one.number < next.number) {
            return Err("payments that are not in the order of their numbers");
        }
        let (mut references, len) = (Self::default(), listed.len());
        for (reference, payment) in listed {
            references.insert(reference, payment);
        }
        match references.payments.len() == len {
            true => Ok(references),
            false => Err("a reference that was used twice"),
        }
    }
}
