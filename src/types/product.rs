//! Several types in one network: pairs, and structs of named parts.
//!
//! The parts are independent, and share the order of each source's operations. So an application
//! needs one network: one committee, one log of each member, one proof for what was said about any
//! part.
//!
//! ```
//! use bft_crdts::types::{Counter, LwwRegister};
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor, product};
//!
//! product! {
//!     /// A page that counts its readers.
//!     pub struct Page("page/1"), op PageOp {
//!         /// What it says.
//!         text: Text(LwwRegister<String>),
//!         /// How often it was read.
//!         reads: Reads(Counter),
//!     }
//! }
//!
//! let alice = SigningActor::from_secret(&[1; 32]).actor();
//! let mut page = Page::new(alice);
//! page.apply(PageOp::Text(page.text.write("Hello".to_string())));
//! let read = PageOp::Reads(page.reads.add(1));
//! assert!(page.validate(&alice, &read));
//! page.apply(read);
//! assert_eq!(page.reads.value(), 1);
//! ```
//!
//! # What a liar cannot do
//!
//! What it cannot do to each part: the verdict on an operation is its part's, and each part holds
//! its own budget. An operation that is early for one part delays its source's later ones for all
//! of them, and those of no other source.
//!
//! Verdict and `apply` cost what the part's cost.

use serde::{Deserialize, Serialize};

use super::first_fault;
use crate::actor::Actor;
use crate::codec;
use crate::traits::{SecureBroadcastAlgorithm, Verdict, WireAlgorithm};

/// An operation of one part of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part<A, B> {
    /// Of the first.
    First(A),
    /// Of the second.
    Second(B),
}

impl<A: WireAlgorithm, B: WireAlgorithm> SecureBroadcastAlgorithm for (A, B) {
    type Op = Part<A::Op, B::Op>;
    type ReplicatedState = (A::ReplicatedState, B::ReplicatedState);

    const NAME: &'static str = "pair/1";

    fn new(actor: Actor) -> Self {
        (A::new(actor), B::new(actor))
    }

    fn state(&self) -> Self::ReplicatedState {
        (self.0.state(), self.1.state())
    }

    fn sync_from(&mut self, other: Self::ReplicatedState) {
        self.0.sync_from(other.0);
        self.1.sync_from(other.1);
    }

    fn validate(&self, from: &Actor, op: &Self::Op) -> bool {
        match op {
            Part::First(op) => self.0.validate(from, op),
            Part::Second(op) => self.1.validate(from, op),
        }
    }

    fn verdict(&self, from: &Actor, op: &Self::Op) -> Verdict {
        match op {
            Part::First(op) => self.0.verdict(from, op),
            Part::Second(op) => self.1.verdict(from, op),
        }
    }

    fn verdict_batch(&self, from: &Actor, ops: &[Self::Op]) -> Verdict {
        if let [op] = ops {
            return self.verdict(from, op);
        }
        let first = first_fault_of(&self.0, from, ops, |op| match op {
            Part::First(op) => Some(op.clone()),
            Part::Second(_) => None,
        });
        let second = first_fault_of(&self.1, from, ops, |op| match op {
            Part::Second(op) => Some(op.clone()),
            Part::First(_) => None,
        });
        earliest([first, second])
    }

    fn apply(&mut self, op: Self::Op) {
        match op {
            Part::First(op) => self.0.apply(op),
            Part::Second(op) => self.1.apply(op),
        }
    }

    fn admits(&self, state: &Self::ReplicatedState) -> bool {
        self.0.admits(&state.0) && self.1.admits(&state.1)
    }

    /// The names and configurations of both.
    fn configuration(&self) -> Vec<u8> {
        let first = (A::NAME, self.0.configuration());
        let second = (B::NAME, self.1.configuration());
        codec::encode(&(first, second))
    }
}

/// Among `ops` of all parts, where the first is that `part`, which finds its own among them, does
/// not call valid.
///
/// For [`product!`](crate::product) and types that are composed by hand.
pub fn first_fault_of<A: WireAlgorithm, Op>(
    part: &A,
    from: &Actor,
    ops: &[Op],
    own: impl Fn(&Op) -> Option<A::Op>,
) -> Option<(usize, Verdict)> {
    let ops = ops.iter().enumerate();
    let (places, ops): (Vec<_>, Vec<_>) = ops
        .filter_map(|(place, op)| Some((place, own(op)?)))
        .unzip();
    let (fault, verdict) = first_fault(part, from, &ops)?;
    Some((places[fault], verdict))
}

/// The verdict on a batch of which these are the first faults of each part.
pub fn earliest<const N: usize>(faults: [Option<(usize, Verdict)>; N]) -> Verdict {
    let first = faults.into_iter().flatten().min_by_key(|(place, _)| *place);
    first.map_or(Verdict::Valid, |(_, verdict)| verdict)
}

/// A struct of several types in one network. See [`types::product`](crate::types::product).
///
/// It declares the struct, whose parts are fields, and the enum of its operations, which has a
/// variant for each part. With parts that have a configuration, build the struct from them as any
/// other.
#[macro_export]
macro_rules! product {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident($label:literal), op $op:ident {
            $($(#[$part_meta:meta])* $part:ident: $variant:ident($type:ty)),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $name {
            $($(#[$part_meta])* $vis $part: $type,)+
        }

        #[doc = concat!("An operation of one part of [`", stringify!($name), "`].")]
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash,
            $crate::types::product::serde::Serialize, $crate::types::product::serde::Deserialize,
        )]
        #[serde(crate = "bft_crdts::types::product::serde")]
        $vis enum $op {
            $(
                #[doc = concat!("Of `", stringify!($part), "`.")]
                $variant(<$type as $crate::traits::SecureBroadcastAlgorithm>::Op),
            )+
        }

        impl $crate::traits::SecureBroadcastAlgorithm for $name {
            type Op = $op;
            type ReplicatedState = ($(<$type as $crate::traits::SecureBroadcastAlgorithm>::ReplicatedState,)+);

            const NAME: &'static str = $label;

            fn new(actor: $crate::actor::Actor) -> Self {
                Self { $($part: <$type as $crate::traits::SecureBroadcastAlgorithm>::new(actor),)+ }
            }

            fn state(&self) -> Self::ReplicatedState {
                ($(self.$part.state(),)+)
            }

            fn sync_from(&mut self, other: Self::ReplicatedState) {
                let ($($part,)+) = other;
                $(self.$part.sync_from($part);)+
            }

            fn validate(&self, from: &$crate::actor::Actor, op: &$op) -> bool {
                match op {
                    $($op::$variant(op) => self.$part.validate(from, op),)+
                }
            }

            fn verdict(&self, from: &$crate::actor::Actor, op: &$op) -> $crate::traits::Verdict {
                match op {
                    $($op::$variant(op) => self.$part.verdict(from, op),)+
                }
            }

            #[allow(unreachable_patterns, reason = "a product of one part has no other")]
            fn verdict_batch(&self, from: &$crate::actor::Actor, ops: &[$op]) -> $crate::traits::Verdict {
                if let [op] = ops {
                    return self.verdict(from, op);
                }
                $crate::types::product::earliest([$(
                    $crate::types::product::first_fault_of(&self.$part, from, ops, |op| match op {
                        $op::$variant(op) => Some(op.clone()),
                        _ => None,
                    }),
                )+])
            }

            fn apply(&mut self, op: $op) {
                match op {
                    $($op::$variant(op) => self.$part.apply(op),)+
                }
            }

            fn admits(&self, state: &Self::ReplicatedState) -> bool {
                let ($($part,)+) = state;
                $(self.$part.admits($part))&&+
            }

            fn configuration(&self) -> Vec<u8> {
                $crate::codec::encode(&($((
                    <$type as $crate::traits::SecureBroadcastAlgorithm>::NAME,
                    self.$part.configuration(),
                ),)+))
            }
        }
    };
}

#[doc(hidden)]
pub use serde;
