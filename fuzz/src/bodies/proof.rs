//! A file of a proof, from anybody: it is refused, or it is what it encodes, and what it establishes
//! is the same however it is read.

use bft_crdts::codec::{Digest, NetworkId};
use bft_crdts::quorum::Generation;
use bft_crdts::verify::{Established, Proof, Root, Trust, check};

/// Checks `input` in the name of the network that it names, and of each header in its chain.
pub fn proof(input: &[u8]) {
    let Ok(proof) = Proof::from_bytes(input) else {
        let nobody = Trust::Network("5b".repeat(32).parse().expect("a name"));
        assert!(
            check(input, &nobody).is_err(),
            "what is no file proves nothing"
        );
        return;
    };
    assert_eq!(proof.to_bytes(), input);
    assert_eq!(
        Proof::from_json(&proof.to_json()).ok().as_ref(),
        Some(&proof)
    );
    let network = *proof.network();
    let name = Trust::Network(network);
    assert_eq!(check(input, &name), proof.check(&name));
    // By its name alone nothing that rests on keys is believed, but evidence.
    if let Ok(Established::Proven(proven)) = proof.check(&name) {
        assert_eq!(proven.by, Generation::GENESIS);
    }
    for (generation, digest) in headers(&proof, &network) {
        let trust = Trust::Header { generation, digest };
        let Ok(established) = proof.check(&trust) else {
            continue;
        };
        assert!(matches!(established, Established::Proven(proven) if proven.anchor == generation));
        // Whose header has another digest is told nothing.
        let digest = network.digest();
        let other = Trust::Header { generation, digest };
        assert!(generation == Generation::GENESIS || proof.check(&other).is_err());
    }
}

/// What the headers in a file digest to.
fn headers(proof: &Proof, network: &NetworkId) -> Vec<(Generation, Digest)> {
    let chain = match proof {
        Proof::Receipt(receipt) => &receipt.chain,
        Proof::StateProof(proof) => &proof.chain,
        _ => return Vec::new(),
    };
    let root = match &chain.root {
        Root::Genesis(_) => (Generation::GENESIS, network.digest()),
        Root::Header(header) => (header.generation, header.digest(network)),
    };
    let links = chain.links.iter().map(|link| &link.header);
    let links = links.map(|header| (header.generation, header.digest(network)));
    // Each anchor costs a check of all signatures after it.
    std::iter::once(root).chain(links).take(3).collect()
}
