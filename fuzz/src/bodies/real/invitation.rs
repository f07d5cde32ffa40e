//! Texts that may be invitations.

use bft_crdts::codec::{Digest, decode, encode};
use bft_crdts::node::Invitation;

use super::super::scene::{limits, scenes};

/// Reads `input` as the text of an invitation, and as what the digits of one spell.
pub fn invitation(input: &[u8]) {
    let text = std::str::from_utf8(input).unwrap_or_default();
    if let Ok(invitation) = text.parse::<Invitation>() {
        // Only spaces and capitals are a matter of taste.
        let words: String = text.split_whitespace().collect();
        assert_eq!(invitation.to_string(), words.to_ascii_lowercase());
        judge(&invitation);
    }
    if let Ok(invitation) = decode::<Invitation>(input, input.len()) {
        assert_eq!(encode(&invitation), input);
        judge(&invitation);
    }
}

fn judge(invitation: &Invitation) {
    let text = invitation.to_string();
    assert_eq!(text.parse().as_ref(), Ok(invitation));
    if let Ok(committee) = invitation.genesis.committee() {
        assert!(committee.quorum() <= committee.size());
    }
    assert!(text[..text.len() - 1].parse::<Invitation>().is_err());
    assert!(format!("{text}0").parse::<Invitation>().is_err());
}

pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let table = &scenes()[0].table;
    assert_eq!(table.genesis.limits(), &limits());
    let contacts = [(
        table.actor(0),
        "somewhere:4433".parse().expect("an address"),
    )]
    .into();
    let founding = Invitation::founding(table.genesis.clone(), contacts);
    let mut later = founding.clone();
    let generation = scenes().iter().map(|scene| scene.boundary().generation());
    later.pinned = generation
        .max()
        .map(|last| (last, Digest::from_bytes([7; 32])));
    let seeds = [("founding", founding), ("later", later)].map(|(name, invitation)| {
        let (text, bytes) = (invitation.to_string(), encode(&invitation));
        [
            ("invitation", format!("{name}-text"), text.into_bytes()),
            ("invitation", format!("{name}-bytes"), bytes),
        ]
    });
    seeds.into_iter().flatten().collect()
}
