//! What can go wrong around a replica: one enum per verb.

use std::error::Error;
use std::io;
use std::sync::Arc;

pub use super::journal::JournalError;
use crate::codec::DecodeError;
use crate::deterministic_secure_broadcast::{
    ApproveError, CheckpointError, ProposeError, RecoverError,
};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be read or written.
    #[error("store: {0}")]
    Store(#[source] Arc<dyn Error + Send + Sync>),
    /// The replica cannot be rebuilt from the store.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The store is of another chain of generations than the invitation.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Packets of the network carry no chunk of a state, so that one as long as that could be given
    /// to nobody who is behind.
    #[error("packets of {limit} bytes, and a part of a state takes {needed}")]
    Packets {
        /// Bytes that a packet of the network may have.
        limit: usize,
        /// Bytes of a packet with a chunk.
        needed: usize,
    },
    /// The socket cannot be bound, or the operating system refuses a thread.
    #[error("cannot listen: {0}")]
    Io(#[from] io::Error),
    /// The recording cannot be begun.
    #[error("the recording: {0}")]
    Recording(#[from] JournalError),
    /// TLS refuses the identity.
    #[error("tls: {0}")]
    Tls(#[from] rustls::Error),
}

impl StartError {
    pub(super) fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Why a node stopped by itself. What was acknowledged is in the store, or will be delivered again;
/// start it again.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The store could not write. Nothing was said that is not written.
    #[error("store: {0}")]
    Store(#[source] Arc<dyn Error + Send + Sync>),
    /// The replica panicked: a bug here or in the algorithm.
    #[error("the replica panicked")]
    Panicked,
}

impl Failure {
    pub(super) fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Why [`propose`](super::Node::propose) does not report a delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotDelivered {
    /// It was not taken: nothing has changed, and it may be proposed again.
    #[error("refused: {0}")]
    Refused(ProposeError),
    /// Taken and durable, but we lost our seat first: it waits until we are a member again.
    #[error("taken, and no member any more: it waits for a seat")]
    Unseated,
    /// Our own key has signed what we do not remember: the store is an old copy, or the key is used
    /// twice. Others hold or will find the evidence of an equivocation. Whether this operation or
    /// the other one counts, they decide.
    #[error("silenced: our own key contradicts us")]
    Equivocated,
    /// The node stopped. If it is durable, it is delivered when the node runs again.
    #[error("the node stopped; the operation {}", if *.durable { "is durable" } else { "may be lost" })]
    Stopped {
        /// Whether it is known to be durable.
        durable: bool,
    },
}

/// Why a request to a node was not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The node stopped.
    #[error("the node stopped")]
    Stopped,
    /// The change cannot be approved.
    #[error(transparent)]
    Approve(#[from] ApproveError),
    /// Nobody asks for this change here.
    #[error("nobody asks for it")]
    Unasked,
}

/// Why a link ended or a frame was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The other end is gone.
    #[error("lost")]
    Lost,
    /// The other end did not answer in time, or there is nobody at its addresses.
    #[error("cannot be reached")]
    Unreachable,
    /// A frame is longer than a packet may be.
    #[error("a frame of {len} bytes, at most {limit} are allowed")]
    TooLong {
        /// Bytes that were announced.
        len: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// A frame does not decode.
    #[error("frame: {0}")]
    Decode(#[from] DecodeError),
    /// A greeting is over its bounds.
    #[error("a greeting over its bounds")]
    Hello,
    /// A wish to be let in, in another's name.
    #[error("a wish in another's name")]
    Misaddressed,
    /// The other end may have no link any more.
    #[error("nobody who may have a link")]
    NotAdmitted,
}

/// Why nobody was reached at an address, the one that tells most last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Nobody has said where the actor listens.
    #[error("nobody has said where it listens")]
    NoAddress,
    /// Port 0, or the address that stands for all of a machine.
    #[error("no address that can be dialled")]
    Nowhere,
    /// The socket cannot send to addresses of that family: IPv4, or IPv6.
    #[error("this node's socket cannot send to addresses of that family")]
    Family,
    /// There is no such name, or the name server refuses.
    #[error("there is no such name")]
    NameUnknown,
    /// The name was not looked up in time.
    #[error("the name server does not answer")]
    NameServerSilent,
    /// Nobody answers at that address and port.
    #[error("nobody answers there")]
    NoAnswer,
    /// The link failed otherwise. The transport's words.
    #[error("{0}")]
    Failed(String),
    /// A node answers that has another key.
    #[error("another actor answers there")]
    OtherActor,
    /// A node answers that belongs to another network, or speaks another version.
    #[error("a node of another network, or of another version, answers there")]
    OtherNetwork,
    /// It is there, and takes no links from this node: it does not know it as a member or a guest.
    #[error("it is there, and does not know this node as a member or a guest")]
    NotAdmitted,
}
