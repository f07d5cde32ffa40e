//! Whoever makes links and drops them without end.

use std::time::Instant;

use bft_crdts::SigningActor;
use bft_crdts::codec::Limits;
use bft_crdts::node::Link;
use tokio::task::JoinSet;

use crate::process::{Place, genesis, key};

/// Handshakes that a place may begin at once; then one in 16 ms.
const BURST: u32 = 256;
/// Links that each attacker tries to make.
const LINKS: u32 = 300;
/// At once.
const ATTACKERS: u32 = 4;

/// Links to the first node of this place, as many as it takes, each dropped in the midst of a
/// frame; how many were made.
async fn flap(place: &Place, liar: SigningActor) -> u32 {
    let (network, to, at) = (genesis(4).network(), key(0).actor(), place.addresses[0]);
    let mut attackers = JoinSet::new();
    for _ in 0..ATTACKERS {
        let liar = liar.clone();
        attackers.spawn(async move {
            let mut made = 0;
            for _ in 0..LINKS {
                let link = Link::dial(&liar, &network, &Limits::default(), to, at).await;
                if let Ok(mut link) = link {
                    made += 1;
                    // It may be closed already.
                    let _ = link.send_bytes(&(8u32 << 20).to_le_bytes()).await;
                    let _ = link.send_bytes(&[0; 100_000]).await;
                }
            }
            made
        });
    }
    attackers.join_all().await.into_iter().sum()
}

#[test]
fn who_makes_links_without_end_takes_up_no_room_and_keeps_nobody_from_work() {
    let place = Place::new("flapping", 4);
    let mut nodes = place.start_all();
    nodes.pop().expect("four").kill();
    nodes[1].add("before");
    let before = nodes[0].resident();
    let mut total = 0;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stranger = SigningActor::from_secret(&[99; 32]);
    for (len, liar) in [(2, key(3)), (3, stranger)] {
        let item = format!("item-{len}");
        let began = Instant::now();
        let flapping = std::thread::scope(|scope| {
            let flapping = scope.spawn(|| runtime.block_on(flap(&place, liar)));
            nodes[1].add(&item);
            flapping.join()
        });
        let made = flapping.expect("no panic");
        let bound = BURST + u32::try_from(began.elapsed().as_millis() / 16).expect("no such test");
        assert!((1..=bound).contains(&made), "{made} links, {bound} at most");
        total += made;
        assert!(nodes[0].list(len).contains(&item));
        let grown = nodes[0].resident().saturating_sub(before);
        assert!(grown < 16 << 10, "{grown} KiB more");
    }
    assert!(total > BURST / 2, "{total} links");
}
