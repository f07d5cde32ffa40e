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
    /// Whom the operator named to ask: they may know members that this node does not.
    pub(super) contacts: BTreeSet<Actor>,
    /// Whom the operator invited.
    pub(super) guests: BTreeSet<Actor>,
    /// Whether this node has a seat.
    pub(super) seated: bool,
    /// Whether strangers may follow.
    pub(super) observers: bool,
}

impl Roster {
    /// Whether an actor may say all, by who it is.
    pub(super) fn trusts(&self, actor: &Actor) -> bool {
        self.lanes.contains(actor) || self.contacts.contains(actor)
    }

    pub(super) fn knows(&self, actor: &Actor) -> bool {
        self.trusts(actor) || self.guests.contains(actor)
    }

    /// What a link to this actor is for; `None` when there is to be none.
    ///
    /// A node without a seat may be behind, and not know the members of later generations: it listens to all, because
    /// what it takes in proves itself.
    pub(super) fn admit(&self, actor: &Actor) -> Option<Role> {
        if self.trusts(actor) || !self.seated {
            Some(Role::Peer)
        } else if self.guests.contains(actor) || self.observers {
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
        let all = [1, 2, 3, 4].map(|byte| Actor::from_bytes([byte; 32]));
        let [member, contact, guest, _stranger] = all;
        let mut roster = Roster {
            lanes: [member].into(),
            contacts: [contact].into(),
            guests: [guest].into(),
            seated: true,
            observers: false,
        };
        let admitted = |roster: &Roster| all.map(|actor| roster.admit(&actor));
        let (peer, observer) = (Some(Role::Peer), Some(Role::Observer));
        assert_eq!(admitted(&roster), [peer, peer, observer, None]);
        roster.observers = true;
        assert_eq!(admitted(&roster)[3], observer);
        roster.seated = false;
        assert_eq!(admitted(&roster), [peer; 4]);
    }
}
