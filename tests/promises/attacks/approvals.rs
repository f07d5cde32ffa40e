//! What a member approved is shown to everybody again, by somebody else. It must make nobody forget
//! what the member approved since, the member itself least of all: a change that a quorum approved
//! would never be made.

use std::sync::Arc;

use bft_crdts::actor::Statement;
use bft_crdts::deterministic_secure_broadcast::{
    ApproveError, Body, ChangeApproval, Packet, PacketError,
};
use bft_crdts::membership::{Approval, CHANGES, Change, ChangeError, ChangeKey, Entry};
use bft_crdts::quorum::Generation;

use crate::common::{Table, key};
use crate::support::torsion::with_torsion;

const LIAR: usize = 3;
const OTHERS: [usize; 3] = [0, 1, 2];

/// Somebody's wish to enter that nobody else approves.
fn newcomer(table: &Table, number: u8) -> Change {
    let entry = Entry {
        generation: Generation::GENESIS,
        value: table.network().digest(),
    };
    let entry = key(100 + number).sign(&table.network(), entry);
    Change::Join(entry.into_claim())
}

fn approve(table: &mut Table, seat: usize, change: Change) {
    let step = table.replicas[seat].approve(change).expect("a good change");
    table.spend(seat, step);
}

/// The approvals among packets.
fn approvals(packets: &[Packet]) -> Vec<Arc<ChangeApproval>> {
    let approved = |packet: &Packet| match &packet.body {
        Body::Approve(approved) => Some(Arc::clone(approved)),
        _ => None,
    };
    packets.iter().filter_map(approved).collect()
}

/// Time passes. With each tick the liar shows everybody these approvals.
fn run(table: &mut Table, ticks: u32, replayed: &[Arc<ChangeApproval>]) {
    let liar = table.actor(LIAR);
    for _ in 0..ticks {
        for seat in OTHERS {
            table.tick(seat);
            for approved in replayed {
                // Of a generation that is over they are answered, not taken.
                let body = Body::Approve(Arc::clone(approved));
                table.give(liar, seat, body).expect("a good approval");
            }
        }
        table.carry(|packet| packet.to != liar && packet.from != liar);
    }
}

/// A member approves as many newcomers as it may and then a renewal, of which nobody hears yet. The
/// newcomers' approvals.
fn wish_for_much(table: &mut Table) -> Vec<Arc<ChangeApproval>> {
    for number in 0..CHANGES as u8 {
        let change = newcomer(table, number);
        approve(table, 0, change);
    }
    let old = approvals(&table.take_wire());
    approve(table, 0, Change::Renew);
    table.take_wire();
    old
}

fn is_made(replays: bool) {
    let mut table = Table::of(4);
    let old = wish_for_much(&mut table);
    let replayed = if replays { &old[..] } else { &[] };
    run(&mut table, 20, replayed);
    for seat in [1, 2] {
        approve(&mut table, seat, Change::Renew);
    }
    run(&mut table, 100, replayed);
    for seat in OTHERS {
        assert_eq!(table.replicas[seat].generation().number(), 1);
    }
}

#[test]
fn a_change_that_a_quorum_approved_is_made() {
    is_made(false);
}

#[test]
fn a_change_that_a_quorum_approved_is_made_though_old_approvals_are_replayed() {
    is_made(true);
}

#[test]
fn our_own_wishes_come_from_ourselves_alone() {
    let mut table = Table::of(4);
    let (me, liar) = (table.actor(0), table.actor(LIAR));
    // Said by our key, and not by us: it runs elsewhere too.
    let change = Change::Leave(table.actor(1));
    let approval = Approval {
        generation: Generation::GENESIS,
        change: change.key(),
    };
    let approval = table.keys[0].sign(&table.network(), approval).into_claim();
    let approved = Arc::new(ChangeApproval { change, approval });
    table
        .give(liar, 0, Body::Approve(approved))
        .expect("our own signature");
    assert!(table.replicas[0].wishes().is_empty());
    assert!(table.replicas[0].is_silenced());
    // What we said ourselves is known to us when it comes back.
    let mut table = Table::of(4);
    approve(&mut table, 0, Change::Renew);
    let own = approvals(&table.take_wire());
    let back = Body::Approve(Arc::clone(&own[0]));
    table.give(liar, 0, back).expect("our own approval");
    assert_eq!(table.replicas[0].wishes(), [(ChangeKey::Renew, vec![me])]);
    assert!(!table.replicas[0].is_silenced());
}

#[test]
fn a_ninth_newcomer_is_refused_and_a_renewal_is_not() {
    let mut table = Table::of(4);
    wish_for_much(&mut table);
    let ninth = newcomer(&table, 99);
    let refused = table.replicas[0].approve(ninth).map(|_| ());
    let too_many = ChangeError::TooMany;
    assert_eq!(refused, Err(ApproveError::Change(too_many)));
    let approval = Approval {
        generation: Generation::GENESIS,
        change: ninth.key(),
    };
    let approval = table.keys[0].sign(&table.network(), approval).into_claim();
    let wishes = table.replicas[0].wishes();
    // Others hear of all that we approved, and of one more than we may.
    let me = table.actor(0);
    run(&mut table, 4, &[]);
    let approved = Arc::new(ChangeApproval {
        change: ninth,
        approval,
    });
    let refused = table.give(me, 1, Body::Approve(approved));
    assert_eq!(refused, Err(PacketError::Change(too_many)));
    assert_eq!(table.replicas[1].wishes(), wishes);
    table.restart(0);
    assert_eq!(table.replicas[0].wishes(), wishes);
}

/// A report shows the changes that froze its member, as many as a value carries, however many a
/// quorum approved.
#[test]
fn more_changes_than_a_value_carries_freeze_nobody_for_ever() {
    let mut table = Table::of(4);
    for number in 0..CHANGES as u8 {
        let change = newcomer(&table, number);
        OTHERS
            .into_iter()
            .for_each(|seat| approve(&mut table, seat, change));
    }
    let leave = Change::Leave(table.actor(LIAR));
    for change in [Change::Renew, leave] {
        OTHERS
            .into_iter()
            .for_each(|seat| approve(&mut table, seat, change));
    }
    // All approvals arrive before anything that they lead to.
    let all = approvals(&table.wire.iter().cloned().collect::<Vec<_>>());
    for (approved, seat) in all.iter().flat_map(|c| OTHERS.map(|seat| (c, seat))) {
        let body = Body::Approve(Arc::clone(approved));
        table
            .give(approved.approval.signer, seat, body)
            .expect("a good approval");
    }
    run(&mut table, 100, &[]);
    for seat in OTHERS {
        assert_eq!(table.replicas[seat].generation().number(), 1);
        let size = table.replicas[seat].committee().size();
        assert_eq!(size, 4 + CHANGES, "the first in their order");
    }
}

/// A key can sign one statement in any number of ways, all of them good.
#[test]
fn one_approval_that_is_signed_again_otherwise_takes_no_room() {
    let mut table = Table::of(4);
    let liar = table.actor(LIAR);
    let number = (1..=4).find(|number| key(*number).actor() == liar);
    let approval = Approval {
        generation: Generation::GENESIS,
        change: ChangeKey::Renew,
    };
    let mut approval = table.keys[LIAR]
        .sign(&table.network(), approval)
        .into_claim();
    let mut said = Vec::new();
    for again in [false, true] {
        if again {
            let digest = approval.statement.digest(&table.network());
            approval.sig = with_torsion(number.expect("a member"), &digest);
        }
        let approved = ChangeApproval {
            change: Change::Renew,
            approval,
        };
        let body = Body::Approve(Arc::new(approved));
        table.give(liar, 0, body).expect("a good signature");
        said.push(format!("{:?}", table.replicas[0]));
    }
    assert_eq!(said[0], said[1]);
}
