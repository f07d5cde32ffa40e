//! Evidence is checked by whoever has the file, without a node and without a network.

use bft_crdts::codec::{Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::Equivocation;
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Echo, Genesis};
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::Generation;
use bft_crdts::verify::{Evidence, Proof};
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

use crate::sandbox::{Sandbox, json};

/// A file in which this actor says one thing, and then perhaps another.
fn file(liar: &SigningActor, said: [u8; 2]) -> Vec<u8> {
    let set = Orswot::<String>::new(liar.actor());
    let genesis = Genesis::new(&set, [liar.actor()].into(), Limits::default(), [0; 32]);
    let network = genesis.expect("one member").network();
    let dot = Dot {
        source: liar.actor(),
        seq: Seq::new(3),
    };
    let [left, right] = said.map(|byte| {
        let echo = Echo {
            generation: Generation::GENESIS,
            dot,
            digest: Digest::from_bytes([byte; 32]),
        };
        liar.sign(&network, echo).into_claim()
    });
    let equivocation = Equivocation::Echo(Conflict { left, right });
    let evidence = Evidence {
        network,
        equivocation,
    };
    Proof::Evidence(evidence).to_bytes()
}

#[test]
fn two_signatures_convict_and_garbage_does_not() {
    let sandbox = Sandbox::new("evidence");
    let anybody = sandbox.nobody("anybody");
    std::fs::create_dir(&anybody.directory).expect("a directory");
    let path = anybody.directory.join("evidence.bin");
    let name = path.display().to_string();
    let liar = SigningActor::from_secret(&[7; 32]);
    std::fs::write(&path, file(&liar, [1, 2])).expect("written");
    let network = Proof::from_bytes(&file(&liar, [1, 2])).expect("a proof");
    let network = network.network().to_string();
    let text = anybody
        .directory
        .join("evidence.json")
        .display()
        .to_string();
    anybody.done(&["convert", &name, &text]);
    for words in [
        &["verify-evidence", &name][..],
        &["verify", &name],
        &["verify", &text],
        &["verify", &name, "--network", &network],
    ] {
        let verdict = json(&anybody.done(&[words, &["--json"]].concat()));
        assert_eq!(verdict["verdict"], "convicts");
        assert_eq!(verdict["network"], network);
        assert_eq!(verdict["accused"], liar.actor().to_string());
        assert_eq!(verdict["place"]["seq"], 3);
        let said = anybody.done(words);
        assert!(said.contains("is convicted"), "{said}");
        assert!(said.contains(&network), "{said}");
    }
    let code = |words: &[&str]| anybody.ask(words).status.code();
    let other = liar.actor().to_string();
    let header = format!("0:{network}");
    assert_eq!(code(&["verify", &name, "--network", &other]), Some(5));
    assert_eq!(code(&["verify", &name, "--trusted", &header]), Some(6));
    for (bytes, why) in [
        (file(&liar, [1, 1]), "do not exclude each other"),
        (b"garbage".to_vec(), "malformed"),
        (b"bft-crdts evidence 1\n?".to_vec(), "malformed"),
        (b"{".to_vec(), "EOF"),
    ] {
        std::fs::write(&path, bytes).expect("written");
        let complaint = anybody.refused(&["verify-evidence", &name]);
        assert!(complaint.contains(why), "{complaint}");
    }
    std::fs::remove_file(&path).expect("removed");
    let complaint = anybody.refused(&["verify-evidence", &name]);
    assert!(complaint.contains("No such file"), "{complaint}");
}
