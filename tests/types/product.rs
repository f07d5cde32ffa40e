//! Several types in one network.

use bft_crdts::laws::{self, Trial};
use bft_crdts::types::{Counter, Keyed, LwwRegister, Map, MvRegister};
use bft_crdts::{SecureBroadcastAlgorithm, Verdict, product};
use rand::RngExt;

use crate::generators::*;

product! {
    /// Three parts.
    pub(super) struct Page("page/1"), op PageOp {
        /// What it says.
        text: Text(LwwRegister<String>),
        /// What it is called.
        names: Names(Map<String, String>),
        /// How often it was read.
        reads: Reads(Counter),
    }
}

fn page(actor: bft_crdts::Actor) -> Page {
    Page {
        text: tight_lww(actor),
        names: tight_map(actor),
        reads: Counter::new(actor),
    }
}

#[test]
fn a_struct_of_types_keeps_the_laws() {
    let checked = laws::check(
        page,
        &Trial::from_env(17),
        |random, page, from| match random.random_range(0..3) {
            0 => PageOp::Text(lww_op(random, &page.text, from)),
            1 => PageOp::Names(map_op(random, &page.names, from)),
            _ => PageOp::Reads(counter_op(random, &page.reads, from)),
        },
    );
    let checked = checked.unwrap_or_else(|broken| panic!("{broken}"));
    checked
        .complete()
        .unwrap_or_else(|unseen| panic!("{unseen}"));
}

#[test]
fn a_batch_is_judged_up_to_its_first_fault_whichever_part_it_is_of() {
    let alice = ACTORS[0];
    let mut pages = page(alice);
    let read = PageOp::Reads(pages.reads.add(1));
    let mut early = pages.text.write("b".to_owned());
    early.stamp.rank = 9;
    let (early, forged) = (PageOp::Text(early), PageOp::Reads(pages.reads.add(0)));
    let first = [read.clone(), early.clone(), forged.clone()];
    assert!(matches!(
        pages.verdict_batch(&alice, &first),
        Verdict::NotYet(_)
    ));
    let other = [read.clone(), forged, early];
    assert!(matches!(
        pages.verdict_batch(&alice, &other),
        Verdict::Never(_)
    ));
    assert!(pages.verdict_batch(&alice, &[]).is_valid());
    pages.apply(read);
    assert_eq!(pages.reads.value(), 1);
}

/// Two replicas whose inner budgets differ would judge differently: their networks must differ.
#[test]
fn the_configuration_of_a_whole_tells_its_parts() {
    let alice = ACTORS[0];
    let keyed =
        |budget| Keyed::<u8, _>::of(alice, MvRegister::<u8>::with_budget(alice, budget), TIGHT);
    let other = bft_crdts::types::Budget::default();
    assert_ne!(keyed(TIGHT).configuration(), keyed(other).configuration());
    let mut narrow = page(alice);
    narrow.text = LwwRegister::with_budget(alice, other);
    assert_ne!(page(alice).configuration(), narrow.configuration());
    let pair = |register| (register, Counter::new(alice)).configuration();
    assert_ne!(pair(tight_mv(alice)), pair(MvRegister::new(alice)));
    let pairs = (Counter::new(alice), Counter::new(alice)).configuration();
    assert_ne!(pairs, (Counter::new(alice), quotas(alice)).configuration());
}
