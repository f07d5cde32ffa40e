//! The crate's text: each operation is decoded, judged and applied.

use bft_crdts::codec::{decode, encode};
use bft_crdts::types::Text;
use bft_crdts::types::text::{Op, State};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};

use crate::Engine;
use crate::trace::Edit;

/// More than any operation of the trace.
const MOST: usize = 1 << 20;

pub(crate) struct Ours(Text);

fn author() -> Actor {
    SigningActor::from_secret(&[1; 32]).actor()
}

/// What the author does, in order.
pub(crate) fn operations(text: &Text, edit: &Edit) -> Op<char> {
    let op = match edit.delete {
        0 => text.insert(edit.at, &edit.insert),
        _ => text.delete(edit.at..edit.at + edit.delete),
    };
    op.expect("the trace's positions are there")
}

impl Engine for Ours {
    const NAME: &'static str = "bft-crdts";
    type Sent = Vec<Vec<u8>>;

    fn write(edits: &[Edit]) -> Self::Sent {
        let mut text = Text::new(author());
        let write = |edit: &Edit| {
            let op = operations(&text, edit);
            let bytes = encode(&op);
            text.apply(op);
            bytes
        };
        edits.iter().map(write).collect()
    }

    fn sent_bytes(sent: &Self::Sent) -> usize {
        sent.iter().map(Vec::len).sum()
    }

    fn apply(sent: Self::Sent) -> Self {
        let mut text = Text::new(SigningActor::from_secret(&[2; 32]).actor());
        let author = author();
        for bytes in sent {
            let op = decode(&bytes, MOST).expect("just encoded");
            assert!(text.validate(&author, &op));
            text.apply(op);
        }
        Self(text)
    }

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn save(&self) -> Vec<u8> {
        encode(&self.0.state())
    }

    fn load(bytes: &[u8]) -> Self {
        let mut text = Text::new(author());
        text.sync_from(decode::<State<char>>(bytes, bytes.len()).expect("just saved"));
        Self(text)
    }
}
