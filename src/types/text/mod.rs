//! Text and lists that several authors write at once, and that no liar can fork.
//!
//! ```
//! use bft_crdts::types::Text;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let [alice, bob] = [1, 2].map(|n| SigningActor::from_secret(&[n; 32]).actor());
//! let mut hers = Text::new(alice);
//! let hello = hers.insert(0, "hello").expect("the start is a position");
//! hers.apply(hello.clone());
//! let mut his = Text::new(bob);
//! his.apply(hello);
//!
//! // At the same time, she goes on and he corrects.
//! let more = hers.insert(5, " world").expect("the end is a position");
//! let less = his.delete(0..1).expect("a letter");
//! let capital = { his.apply(less.clone()); his.insert(0, "H").expect("the start") };
//! assert!(hers.validate(&bob, &less));
//! hers.apply(more);
//! hers.apply(less);
//! hers.apply(capital);
//! assert_eq!(hers.to_string(), "Hello world");
//! ```
//!
//! The order is that of Fugue (Weidner, Kleppmann: The Art of the Fugue, 2023, arXiv 2305.00583): a
//! tree whose nodes are the elements, each a left or a right child of another, read left children,
//! element, right children. Words that two authors type at one place at the same time do not mix.
//! An insertion names *one* element and a side, not the two elements that its author saw on its
//! left and right: those say twice where it belongs, and what says it twice can contradict itself.
//! The side is decided by the author and stands in the operation; whoever applies it decides
//! nothing.
//!
//! # What a liar cannot do
//!
//! | a liar | what comes of it |
//! |---|---|
//! | inserts in another's name, under a used number, or with a gap | `Never` |
//! | hangs elements on one that is not there yet | `NotYet`; on one of its own to come, or one that no budget allows, `Never` |
//! | orders elements in a circle, or differently for some | cannot be said: a parent is an element that is applied, and it is one |
//! | makes its text come first at each place | siblings come by lot, a digest of place and source, which no counter changes |
//! | makes a tree of any depth, or any number of siblings | nothing walks the tree: see below |
//! | deletes before something is inserted, or without end | `NotYet`, or `Never` where it is its own or beyond the budget |
//! | deletes again and again | valid, and costs a look-up: what is deleted is remembered as ranges |
//! | inserts and deletes to fill the memory of others | deleted elements count for its [`Budget`](super::Budget) as well, for ever |
//!
//! Whoever may write may also delete what others wrote, and a liar that is a member can do that as
//! well as any vandal. Deleted elements are gone from the state; the log of operations has them.
//!
//! # What it costs
//!
//! With `n` chunks, which are at most as many as elements (twelve times fewer after the writing of
//! a paper): verdict, insertion and reading at a position O(log n), and as much as there are
//! elements in the operation; a deletion O(log n) for each span, and for each chunk that was not
//! deleted before. `clone`, `==`, [`state`](crate::SecureBroadcastAlgorithm::state) and
//! [`sync_from`](crate::SecureBroadcastAlgorithm::sync_from) walk it all.
//!
//! A replica keeps 4 bytes for each character that was ever inserted, and for each chunk one entry
//! in each of four indexes. So [`Budget::entries`](super::Budget::entries) bounds what a source
//! that makes each of its elements a chunk has others keep.
//!
//! Invariants:
//! - the elements of a source have the numbers 1, 2, 3, .. without a gap, and stay in the tree when
//!   they are deleted;
//! - where an element is in the tree is said in its operation alone: equal sets of operations,
//!   equal trees;
//! - [`State`] holds the fewest runs, ordered: equal trees, equal bytes.

mod characters;
mod deletion;
mod lane;
mod list;
mod op;
mod order;
mod ranges;
mod siblings;
mod state;
mod tree;

pub use characters::Text;
pub use list::{Element, List};
pub use op::{Id, Op, SPANS_PER_OP, Side, Span};
pub use state::State;
