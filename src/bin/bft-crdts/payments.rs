//! What a node knows of payments and of other operations: which wait, which were delivered, and
//! which payment a reference names.

use bft_crdts::Actor;
use bft_crdts::bank::{self, Bank, Money, Reference, TransferId};
use bft_crdts::deterministic_secure_broadcast::{Message, Outcome, Replica};
use bft_crdts::dot::{Dot, Place, Seq};

use crate::kinds::Service;
use crate::name::Name;
use crate::protocol::{Effect, History, Operation, Paid, Payment, State};
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

/// An operation's place: its message, and which of the message's operations it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationPlace {
    pub(crate) source: Name,
    seq: u64,
    index: u32,
}

impl OperationPlace {
    /// The place that a text is, if it is one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (source, rest) = text.split_once('.')?;
        let (seq, nth) = rest.split_once('#').unwrap_or((rest, "1"));
        Some(Self {
            source: source.parse().ok()?,
            seq: seq.parse().ok()?,
            index: nth.parse::<u32>().ok()?.checked_sub(1)?,
        })
    }

    /// The same with the whole name.
    pub(crate) fn at(&self, source: Actor) -> Place {
        let seq = Seq::new(self.seq);
        let dot = Dot { source, seq };
        let index = self.index;
        Place { dot, index }
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

/// The payment that is asked for: among our own that wait, in what the payer's account remembers,
/// or among the messages that are kept.
pub(crate) fn find(replica: &Replica<Bank>, which: &Which) -> Option<Payment> {
    if let Some((_, op)) = replica.pending_operations().find(|(_, op)| which.is(op)) {
        return payment(op, State::Pending);
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
                .or_else(|| Some(told(id, None, None, State::Accepted)))
        }
    }
}

fn remembered(source: Actor, reference: &Reference, known: &bank::Payment) -> Payment {
    let number = known.number;
    let paid = Some((&known.to, known.amount));
    let id = TransferId { source, number };
    told(&id, paid, Some(reference), State::Accepted)
}

fn kept(replica: &Replica<Bank>, payer: &Actor, which: &Which) -> Option<Payment> {
    let messages = replica.messages(payer);
    let mut ops = messages.flat_map(|message| operations_of(replica, message));
    let op = ops.find(|op| which.is(op))?;
    payment(&op, State::Accepted)
}

fn payment(op: &bank::Op, state: State) -> Option<Payment> {
    let (transfer, reference) = op.transfer()?;
    let paid = Some((&transfer.to, transfer.amount));
    Some(told(&transfer.id, paid, reference, state))
}

fn told(
    id: &TransferId,
    paid: Option<(&Actor, Money)>,
    reference: Option<&Reference>,
    state: State,
) -> Payment {
    Payment {
        place: payment_place(id),
        paid: paid.map(|(to, amount)| Paid {
            to: to.to_string(),
            amount: amount.units(),
        }),
        reference: reference.map(Reference::to_string),
        state,
    }
}

fn payment_place(TransferId { source, number }: &TransferId) -> String {
    format!("{source}/{number}")
}

/// What a transfer does.
pub(crate) fn effect(transfer: &bank::Transfer, reference: Option<&Reference>) -> Effect {
    Effect::Pay {
        payment: payment_place(&transfer.id),
        to: transfer.to.to_string(),
        amount: transfer.amount.units(),
        reference: reference.map(Reference::to_string),
    }
}

fn operation<A: Service>(place: &Place, state: State, op: Option<&A::Op>) -> Operation {
    Operation {
        place: view::place(&place.dot),
        index: place.index,
        state,
        operation: op.map(A::effect),
    }
}

/// The operation at a place, if anything is known of it.
pub(crate) fn find_operation<A: Service>(replica: &Replica<A>, place: &Place) -> Option<Operation> {
    match replica.outcome(place)? {
        Outcome::Pending => {
            let mut pending = replica.pending_operations();
            let (_, op) = pending.find(|(waits, _)| waits == place)?;
            Some(operation::<A>(place, State::Pending, Some(op)))
        }
        Outcome::Delivered => {
            let before = Seq::new(place.dot.seq.number() - 1);
            let message = replica.messages_after(&place.dot.source, before).next();
            let kept = message.filter(|message| message.seq == place.dot.seq);
            let ops = kept.map(|message| operations_of(replica, message));
            let op = ops.as_ref().and_then(|ops| ops.get(place.index as usize));
            Some(operation::<A>(place, State::Accepted, op))
        }
    }
}

/// This actor's own operations that wait, the oldest first.
pub(crate) fn pending<A: Service>(replica: &Replica<A>) -> Vec<Operation> {
    let waiting = replica
        .pending_operations()
        .map(|(place, op)| operation::<A>(&place, State::Pending, Some(op)));
    waiting.collect()
}

/// The last operations of an actor that are kept, at most `most` of them.
pub(crate) fn history<A: Service>(replica: &Replica<A>, source: &Actor, most: usize) -> History {
    let messages: Vec<_> = replica.messages(source).collect();
    let mut operations = Vec::new();
    for message in messages.iter().rev() {
        let dot = message.dot();
        let ops = operations_of(replica, message);
        let mut shown: Vec<_> = (0..)
            .map(|index| Place { dot, index })
            .zip(&ops)
            .map(|(place, op)| operation::<A>(&place, State::Accepted, Some(op)))
            .collect();
        shown.reverse();
        operations.extend(shown.into_iter().take(most - operations.len()));
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
    #[test]
    fn an_operation_is_named_by_its_message_and_its_number_there_as_it_is_shown() {
        let actor = Actor::from_bytes([0xc7; 32]);
        for (index, text) in [(0, "c7c7c7.12"), (1, "c7c7c7.12#2")] {
            let place = OperationPlace::of(text).expect("a place").at(actor);
            assert_eq!((place.dot.seq, place.index), (Seq::new(12), index));
            assert_eq!(place.to_string(), text);
        }
        for text in [
            "c7de.",
            "c7d.1",
            "c7de.1#0",
            "c7de.1#",
            "c7de/1",
            "c7de.-1",
            "c7de.1#2#3",
        ] {
            assert_eq!(OperationPlace::of(text), None, "{text}");
        }
    }
}
