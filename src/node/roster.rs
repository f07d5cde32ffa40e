//! Who may have a link to this node, and what for.

use std::collections::BTreeSet;

use crate::actor::Actor;
use crate::deterministic_secure_broadcast::Body;

/// Links of actors that are not known, at once.
pub(super) const STRANGERS: usize = 16;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// All that a replica may say.
    Peer,
    /// Questions, and the wish to be let in.
    Observer,
}

/// Whom this node knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    /// All who are or were members, as far as this replica knows.
    pub(super) lanes: BTreeSet<Actor>,
    /// Whom the operator named: contacts of an invitation, and those who were invited.
    pub(super) named: BTreeSet<Actor>,
    /// Whether this node has a seat.
    pub(super) seated: bool,
    /// Whether strangers may follow.
    pub(super) observers: bool,
}

impl Roster {
    pub(super) fn knows(&self, actor: &Actor) -> bool {
        self.lanes.contains(actor) || self.named.contains(actor)
    }

    /// What a link to this actor is for; `None` when there is to be none.
    ///
    /// A node without a seat may be behind, and not know the members of later generations: it listens to all, because
    /// what it takes in proves itself.
    pub(super) fn admit(&self, actor: &Actor) -> Option<Role> {
        if self.lanes.contains(actor) || !self.seated {
            Some(Role::Peer)
        } else if self.named.contains(actor) || self.observers {
            Some(Role::Observer)
        } else {
            None
        }
    }
}

impl Role {
    pub(super) fn may_say(self, body: &Body) -> bool {
        let asks = matches!(
            body,
            Body::Request(_) | Body::Fetch { .. } | Body::Enter(_) | Body::Announce(_)
        );
        self == Self::Peer || asks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_have_a_link_and_what_for() {
        let [member, guest, stranger] = [1, 2, 3].map(|byte| Actor::from_bytes([byte; 32]));
        let mut roster = Roster {
            lanes: [member].into(),
            named: [guest].into(),
            seated: true,
            observers: false,
        };
        let admitted =
            |roster: &Roster| [member, guest, stranger].map(|actor| roster.admit(&actor));
        assert_eq!(
            admitted(&roster),
            [Some(Role::Peer), Some(Role::Observer), None]
        );
        roster.observers = true;
        assert_eq!(admitted(&roster)[2], Some(Role::Observer));
        roster.seated = false;
        assert_eq!(admitted(&roster), [Some(Role::Peer); 3]);
    }
}
