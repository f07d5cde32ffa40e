//! A node in your own program: a set that survives power cuts and liars.

#![allow(clippy::print_stdout)]

use bft_crdts::node::Event;
use bft_crdts::{
    DurableStore, Genesis, Limits, Node, Orswot, SecureBroadcastAlgorithm, SigningActor,
};
use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

type Set = Orswot<String>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile()?;
    let path = directory.join("store.redb");

    // Once: an identity, in a store of its own, and the network that it founds. Others would be
    // listed here too.
    let key = SigningActor::generate();
    let me = key.actor();
    // With a nonce that no other founding of these members has, it is another network than theirs.
    let nonce = UnwrapErr(SysRng).random();
    let genesis = Genesis::new(&Set::new(me), [me].into(), Limits::default(), nonce)?;
    DurableStore::create(&path, key)?.found(&genesis)?;

    // At each start.
    let store = DurableStore::open(&path)?;
    let (key, genesis) = (store.key(), store.genesis()?.ok_or("founded above")?);
    let node = Node::builder(key, Set::new(me), genesis)
        .listen("127.0.0.1:0".parse()?)
        // .peer(their_key, "their.host:4433".parse::<Address>()?), for each that you know
        .start(store)
        .await?;

    let mut events = node.events();
    // Returns when a quorum has signed it and has it on record: from then on every correct member
    // will have it.
    let dot = node
        .propose_with(|set| Some(set.add("apple".to_owned())))
        .await?;
    if let Some(Event::Delivered(delivery)) = events.next().await {
        assert_eq!(delivery.dot(), dot);
    }
    let apples = node.read(|replica| replica.algorithm().contains(&"apple".to_owned()));
    assert!(apples.await?);
    println!("{dot} is delivered; status: {:#?}", node.status().await?);
    node.shutdown().await?;
    Ok(std::fs::remove_dir_all(directory)?)
}

fn tempfile() -> std::io::Result<std::path::PathBuf> {
    let directory = std::env::temp_dir().join(format!("bft-crdts-example-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
