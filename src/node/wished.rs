//! What others wish, as the operator is told.

use crate::actor::Actor;
use crate::membership::{Change, ChangeKey};

/// Changes that are remembered for the operator, in one generation.
const ASKED: usize = 256;

/// Remembers what others wish, each change once and in its newest words. When there are too many,
/// the oldest gives way that nobody here knows of. Whether it is to be told: what is new, but of
/// strangers no more than fit, or one liar who invents them would fill the operator's log.
pub(super) fn note(
    asked: &mut Vec<Change>,
    change: Change,
    knows: impl Fn(&Actor) -> bool,
) -> bool {
    if let Some(known) = asked.iter_mut().find(|known| known.key() == change.key()) {
        *known = change;
        return false;
    }
    let stranger = |change: &Change| match change.key() {
        ChangeKey::Join(actor) => !knows(&actor),
        ChangeKey::Leave(_) | ChangeKey::Renew => false,
    };
    let crowded = asked.len() >= ASKED;
    if crowded {
        match asked.iter().position(stranger) {
            Some(oldest) => drop(asked.remove(oldest)),
            None => return false,
        }
    }
    asked.push(change);
    !crowded || !stranger(&change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::SigningActor;
    use crate::codec::{Digest, NetworkId};
    use crate::membership::Entry;
    use crate::quorum::Generation;

    fn enters(number: u16) -> Change {
        let mut secret = [5; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        let entry = Entry {
            generation: Generation::GENESIS,
            value: Digest::from_bytes([1; 32]),
        };
        let key = SigningActor::from_secret(&secret);
        Change::Join(key.sign(&NetworkId::NONE, entry).into_claim())
    }

    #[test]
    fn wishes_of_strangers_give_way_and_those_of_whom_we_know_stay() {
        let guest = enters(0);
        let knows = |actor: &Actor| guest.key() == ChangeKey::Join(*actor);
        let mut asked = Vec::new();
        assert!(note(&mut asked, guest, knows));
        let told = (1..1000).filter(|stranger| note(&mut asked, enters(*stranger), knows));
        assert_eq!(told.count(), ASKED - 1);
        assert_eq!(asked.len(), ASKED);
        assert_eq!(asked[0], guest);
        assert_eq!(asked[ASKED - 1], enters(999));
        assert!(!note(&mut asked, guest, knows), "no news");
        let late = enters(1000);
        let knows = |actor: &Actor| late.key() == ChangeKey::Join(*actor);
        assert!(note(&mut asked, late, knows), "told among many strangers");
    }

    #[test]
    fn where_all_who_wish_are_known_another_wish_waits() {
        let mut asked = Vec::new();
        let noted = (0..300).filter(|number| note(&mut asked, enters(*number), |_| true));
        assert_eq!(noted.count(), ASKED);
        assert!(!asked.contains(&enters(299)));
    }
}
