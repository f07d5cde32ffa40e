//! `yrs`, whose updates come one by one, and `automerge`, whose changes come in one call.

use automerge::transaction::Transactable;
use automerge::{AutoCommit, Change, ObjType, ROOT, ReadDoc};
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, StateVector, Text, TextRef, Transact, Update};

use crate::Engine;
use crate::trace::Edit;

pub(crate) struct Yrs {
    doc: Doc,
    text: TextRef,
}

impl Yrs {
    fn new() -> Self {
        let doc = Doc::with_client_id(1);
        let text = doc.get_or_insert_text("text");
        Self { doc, text }
    }

    fn take(&self, bytes: &[u8]) {
        let update = Update::decode_v1(bytes).expect("just encoded");
        let applied = self.doc.transact_mut().apply_update(update);
        applied.expect("an update");
    }
}

impl Engine for Yrs {
    const NAME: &'static str = "yrs";
    type Sent = Vec<Vec<u8>>;

    fn write(edits: &[Edit]) -> Self::Sent {
        let Self { doc, text } = Self::new();
        let write = |edit: &Edit| {
            let mut transaction = doc.transact_mut();
            if edit.delete > 0 {
                text.remove_range(&mut transaction, edit.at as u32, edit.delete as u32);
            }
            if !edit.insert.is_empty() {
                text.insert(&mut transaction, edit.at as u32, &edit.insert);
            }
            transaction.encode_update_v1()
        };
        edits.iter().map(write).collect()
    }

    fn sent_bytes(sent: &Self::Sent) -> usize {
        sent.iter().map(Vec::len).sum()
    }

    fn apply(sent: Self::Sent) -> Self {
        let replica = Self::new();
        sent.iter().for_each(|bytes| replica.take(bytes));
        replica
    }

    fn text(&self) -> String {
        self.text.get_string(&self.doc.transact())
    }

    fn save(&self) -> Vec<u8> {
        let transaction = self.doc.transact();
        transaction.encode_state_as_update_v1(&StateVector::default())
    }

    fn load(bytes: &[u8]) -> Self {
        let replica = Self::new();
        replica.take(bytes);
        replica
    }
}

pub(crate) struct Automerge(AutoCommit);

impl Automerge {
    fn changes(&mut self) -> Vec<Change> {
        self.0.get_changes(&[])
    }
}

impl Engine for Automerge {
    const NAME: &'static str = "automerge";
    type Sent = Vec<Change>;

    fn write(edits: &[Edit]) -> Self::Sent {
        let mut doc = AutoCommit::new();
        let text = doc
            .put_object(ROOT, "text", ObjType::Text)
            .expect("the root takes it");
        for edit in edits {
            let spliced = doc.splice_text(&text, edit.at, edit.delete as isize, &edit.insert);
            spliced.expect("the trace's positions are there");
            doc.commit();
        }
        Self(doc).changes()
    }

    fn sent_bytes(sent: &Self::Sent) -> usize {
        sent.iter().map(|change| change.raw_bytes().len()).sum()
    }

    fn apply(sent: Self::Sent) -> Self {
        let mut doc = AutoCommit::new();
        doc.apply_changes(sent).expect("changes in order");
        Self(doc)
    }

    fn text(&self) -> String {
        let (_, text) = self.0.get(ROOT, "text").expect("a map").expect("the text");
        self.0.text(text).expect("a text")
    }

    fn save(&self) -> Vec<u8> {
        self.0.clone().save()
    }

    fn load(bytes: &[u8]) -> Self {
        Self(AutoCommit::load(bytes).expect("just saved"))
    }
}
