//! What a node knows of payments and of other operations: which wait, which were delivered, and which payment a reference names.

use bft_crdts::Actor;
use bft_crdts::bank::{self, Bank, Money, Reference, TransferId};
use bft_crdts::deterministic_secure_broadcast::{Message, Replica};

use crate::kinds::Service;
use crate::name::Name;
use crate::protocol::{Effect, History, Operation, Paid, Payment, PaymentState, Place};
use crate::view;

/// A payment's place: all payments of one payer are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaymentPlace {
    pub(crate) payer: Name,
    pub(crate) number: u64,
}

impl PaymentPlace {
    /// The place that a text is, if it is one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (payer, number) = text.split_once('/')?;
        let (payer, number) = (payer.parse().ok()?, number.parse().ok()?);
        (number > 0).then_some(Self { payer, number })
    }
}

/// How a payment is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// One of this actor's own.
    Reference(Reference),
    Place(TransferId),
}

impl Which {
    fn is(&self, op: &bank::Op) -> bool {
        op.transfer()
            .is_some_and(|(transfer, reference)| match self {
                Self::Reference(wanted) => reference == Some(wanted),
                Self::Place(id) => transfer.id == *id,
            })
    }
}

/// The payment that is asked for: among our own that wait, in what the payer's account remembers, or among the messages that are kept.
pub(crate) fn find(replica: &Replica<Bank>, which: &Which) -> Option<Payment> {
    if let Some(op) = replica.pending_operations().find(|op| which.is(op)) {
        return payment(op, PaymentState::Pending);
    }
    let bank = replica.algorithm();
    match which {
        Which::Reference(reference) => {
            let payer = replica.actor();
            let found = bank.payment(&payer, reference)?;
            Some(remembered(payer, reference, found))
        }
        Which::Place(id) => {
            let payer = id.source;
            if id.number > bank.account(&payer)?.transfers {
                return None;
            }
            let mut known = bank.payments(&payer);
            let known = known.find(|(_, known)| known.number == id.number);
            let known = known.map(|(reference, known)| remembered(payer, reference, known));
            known
                .or_else(|| kept(replica, &payer, which))
                .or_else(|| Some(told(id, None, None, PaymentState::Accepted)))
        }
    }
}

fn remembered(source: Actor, reference: &Reference, known: &bank::Payment) -> Payment {
    let number = known.number;
    let paid = Some((&known.to, known.amount));
    let id = TransferId { source, number };
    told(&id, paid, Some(reference), PaymentState::Accepted)
}

fn kept(replica: &Replica<Bank>, payer: &Actor, which: &Which) -> Option<Payment> {
    let messages = replica.messages(payer);
    let mut ops = messages.flat_map(|message| operations_of(replica, message));
    let op = ops.find(|op| which.is(op))?;
    payment(&op, PaymentState::Accepted)
}

fn payment(op: &bank::Op, state: PaymentState) -> Option<Payment> {
    let (transfer, reference) = op.transfer()?;
    let paid = Some((&transfer.to, transfer.amount));
    Some(told(&transfer.id, paid, reference, state))
}

fn told(
    id: &TransferId,
    paid: Option<(&Actor, Money)>,
    reference: Option<&Reference>,
    state: PaymentState,
) -> Payment {
    Payment {
        place: place(id),
        paid: paid.map(|(to, amount)| Paid {
            to: to.to_string(),
            amount: amount.units(),
        }),
        reference: reference.map(Reference::to_string),
        state,
    }
}

fn place(TransferId { source, number }: &TransferId) -> String {
    format!("{source}/{number}")
}

/// What a transfer does.
pub(crate) fn effect(transfer: &bank::Transfer, reference: Option<&Reference>) -> Effect {
    Effect::Pay {
        payment: place(&transfer.id),
        to: transfer.to.to_string(),
        amount: transfer.amount.units(),
        reference: reference.map(Reference::to_string),
    }
}

fn operation<A: Service>(place: Option<Place>, op: &A::Op) -> Operation {
    let operation = A::effect(op);
    Operation { place, operation }
}

/// This actor's own operations that wait, the oldest first.
pub(crate) fn pending<A: Service>(replica: &Replica<A>) -> Vec<Operation> {
    let waiting = replica.pending_operations();
    waiting.map(|op| operation::<A>(None, op)).collect()
}

/// The last operations of an actor that are kept, at most `most` of them.
pub(crate) fn history<A: Service>(replica: &Replica<A>, source: &Actor, most: usize) -> History {
    let messages: Vec<_> = replica.messages(source).collect();
    let mut operations = Vec::new();
    for message in messages.iter().rev() {
        let place = view::place(&message.dot());
        let ops = operations_of(replica, message);
        let shown = ops.iter().rev();
        let shown = shown.map(|op| operation::<A>(Some(place.clone()), op));
        operations.extend(shown.take(most - operations.len()));
        if operations.len() == most {
            break;
        }
    }
    operations.reverse();
    History {
        since: messages.first().map(|message| view::place(&message.dot())),
        operations,
    }
}

fn operations_of<A: Service>(replica: &Replica<A>, message: &Message) -> Vec<A::Op> {
    let ops = message.decode(replica.limits());
    ops.expect("what was delivered was decoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_actor_and_a_number_and_any_other_text_is_none() {
        let place = PaymentPlace::of("c7de/12").expect("a place");
        assert_eq!(
            (place.payer.to_string().as_str(), place.number),
            ("c7de", 12)
        );
        for text in ["invoice/7", "c7de/0", "c7de/", "c7de/1/2", "c7d/1", "c7de"] {
            assert_eq!(PaymentPlace::of(text), None, "{text}");
        }
    }
}
