//! Who may have a link to this node, and what for.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Who has a seat.
    pub(super) members: BTreeSet<Actor>,
    /// Whom the operator invited, the newest last.
    pub(super) guests: Vec<Actor>,
    /// Whom each member invited, by its own word: a guest of one asks all.
    pub(super) guests_of: BTreeMap<Actor, BTreeSet<Actor>>,
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

    /// Whether packets are sent to it and its addresses are kept.
    pub(super) fn knows(&self, actor: &Actor) -> bool {
        self.trusts(actor) || self.is_guest(actor)
    }

    fn is_guest(&self, actor: &Actor) -> bool {
        let mut told = self.guests_of.values();
        self.guests.contains(actor) || told.any(|guests| guests.contains(actor))
    }

    /// Lets an actor follow, as the newest guest.
    pub(super) fn invite(&mut self, guest: Actor) {
        self.guests.retain(|other| *other != guest);
        self.guests.push(guest);
    }

    /// Of whom the others are told: the newest guests. Those who never come keep nobody out, and
    /// those who have their seat come last: some of the others may not know it yet.
    pub(super) fn expected(&self, most: usize) -> BTreeSet<Actor> {
        let newest = || self.guests.iter().rev();
        let seatless = newest().filter(|guest| !self.members.contains(guest));
        let seated = newest().filter(|guest| self.members.contains(guest));
        seatless.chain(seated).take(most).copied().collect()
    }

    /// Takes in whom a member says that it invited; of each the newest word counts, and of others
    /// none.
    pub(super) fn hear_guests(&mut self, host: Actor, guests: BTreeSet<Actor>) {
        if guests.is_empty() || !self.members.contains(&host) {
            self.guests_of.remove(&host);
        } else {
            self.guests_of.insert(host, guests);
        }
    }

    /// A generation begins with these lanes and members.
    pub(super) fn begin(&mut self, lanes: BTreeSet<Actor>, members: BTreeSet<Actor>, seated: bool) {
        self.guests_of.retain(|host, _| members.contains(host));
        (self.lanes, self.members, self.seated) = (lanes, members, seated);
    }

    /// Whether an actor without a seat may follow the network.
    pub(super) fn follows(&self, actor: &Actor) -> bool {
        self.observers || self.is_guest(actor) || self.contacts.contains(actor)
    }

    /// What a link to this actor is for; `None` when there is to be none.
    ///
    /// A node without a seat may be behind, and not know the members of later generations: it
    /// listens to all, because what it takes in proves itself.
    pub(super) fn admit(&self, actor: &Actor) -> Option<Role> {
        if self.trusts(actor) || !self.seated {
            Some(Role::Peer)
        } else if self.follows(actor) {
            Some(Role::Observer)
        } else {
            None
        }
    }
}

impl Role {
    /// Of what an observer may say the replica keeps nothing; its wish to be let in goes to the
    /// operator.
    pub(super) fn may_say(self, body: &Body) -> bool {
        let asks = matches!(
            body,
            Body::PullRequest(_)
                | Body::FetchSnapshot { .. }
                | Body::Enter(_)
                | Body::Announce(_)
                | Body::Recall(_)
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
            ..Roster::default()
        };
        let admitted = |roster: &Roster| all.map(|actor| roster.admit(&actor));
        let (peer, observer) = (Some(Role::Peer), Some(Role::Observer));
        assert_eq!(admitted(&roster), [peer, peer, observer, None]);
        roster.observers = true;
        assert_eq!(admitted(&roster)[3], observer);
        roster.seated = false;
        assert_eq!(admitted(&roster), [peer; 4]);
    }

    #[test]
    fn a_guest_that_has_its_seat_is_still_named_where_those_without_leave_room() {
        let all = [1, 2, 3].map(|byte| Actor::from_bytes([byte; 32]));
        let mut roster = Roster::default();
        all.into_iter().for_each(|guest| roster.invite(guest));
        roster.begin(all.into(), [all[2]].into(), true);
        assert_eq!(roster.expected(2), all[..2].iter().copied().collect());
        assert_eq!(roster.expected(3), all.into());
    }

    #[test]
    fn a_guest_of_a_member_is_a_guest_here_while_the_member_says_so_and_is_one() {
        let [member, other, guest] = [1, 2, 3].map(|byte| Actor::from_bytes([byte; 32]));
        let mut roster = Roster::default();
        roster.begin([member, other].into(), [member].into(), true);
        roster.hear_guests(other, [guest].into());
        assert_eq!(roster.admit(&guest), None, "a member of before");
        roster.hear_guests(member, [guest].into());
        assert_eq!(roster.admit(&guest), Some(Role::Observer));
        roster.hear_guests(member, [other].into());
        assert_eq!(roster.admit(&guest), None);
        roster.hear_guests(member, [guest].into());
        roster.begin([member, other].into(), [other].into(), true);
        assert_eq!(roster.admit(&guest), None);
    }
}
