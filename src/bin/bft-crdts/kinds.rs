//! What differs between the networks that the program can run: the operations, and what is read of
//! the state.

mod family;
mod records;

use std::collections::BTreeSet;

use bft_crdts::bank::{self, Bank, Money, Reference, Rules};
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::Replica;
use bft_crdts::membership::{CertifiedState, Genesis, GenesisError};
use bft_crdts::orswot::{self, Clock, Orswot};
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::{Counter, Text};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

use crate::failure::Failure;
use crate::payments::{self, Which};
use crate::protocol::{Account, BankRules, Effect, Kind, Payment, Refusal, Reply};
pub(crate) use family::Texts;
pub(crate) use records::Known;

/// Words that the prompt is given to complete, and the most bytes of one.
const WORDS: usize = 10_000;
const WORD_BYTES: usize = 256;

/// Those of the state's texts that may be completed: a few, and short ones, or a liar's would be
/// copied with every line.
fn words<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let short = texts.filter(|text| text.len() <= WORD_BYTES);
    short.take(WORDS).cloned().collect()
}

/// The set that the program runs.
pub(crate) type Set = Orswot<String>;

/// An operation that somebody wishes, with all names resolved.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Add(Vec<String>),
    Remove(Vec<String>),
    AddMissing(Vec<String>),
    RemovePresent(Vec<String>),
    Open(Option<Money>),
    Pay(Actor, Money, Option<Reference>),
    Increase(i64),
    Put(String, String),
    Insert(usize, String),
    /// What is deleted: a key; or the position of a character, and how many.
    Delete(String, Option<usize>),
}

/// What somebody wishes to know of the state.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    List,
    Balance(Actor),
    Accounts,
    /// What a bank allows.
    Rules,
    /// The value of a counter, or all of a text or a map; the value under a key.
    Get(Option<String>),
}

/// The same expression for the algorithm of each kind, which it calls by the name that is given.
macro_rules! by_kind {
    ($kind:expr, $algorithm:ident => $value:expr) => {{
        use $crate::protocol::Kind;
        match $kind {
            Kind::Set => {
                type $algorithm = $crate::kinds::Set;
                $value
            }
            Kind::Bank => {
                type $algorithm = bft_crdts::bank::Bank;
                $value
            }
            Kind::Counter => {
                type $algorithm = bft_crdts::types::Counter;
                $value
            }
            Kind::Map => {
                type $algorithm = $crate::kinds::Texts;
                $value
            }
            Kind::Text => {
                type $algorithm = bft_crdts::types::Text;
                $value
            }
        }
    }};
}
pub(crate) use by_kind;

/// An algorithm that the program can run.
pub(crate) trait Service:
    SecureBroadcastAlgorithm<Op: Send + Sync> + WireAlgorithm + Send
{
    /// Which one it is.
    const KIND: Kind;

    /// A network of this kind and with the rules that `genesis` describes, before anything was said
    /// in it.
    fn fresh(genesis: &Genesis, actor: Actor) -> Option<Self> {
        of_that_kind(genesis, Self::new(actor))
    }

    /// The first state of the network that `genesis` describes: a fresh one, or the one from which
    /// it goes on.
    fn begin(
        genesis: &Genesis,
        actor: Actor,
        origin: Option<&CertifiedState>,
    ) -> Result<Self, Failure> {
        let fresh = Self::fresh(genesis, actor).ok_or(Failure::UnknownKind)?;
        let first = match origin {
            Some(state) => state.into_fresh(fresh).map_err(|_| Failure::OtherOrigin)?,
            None => fresh,
        };
        match genesis.check(&first) {
            Ok(()) => Ok(first),
            Err(_) => Err(Failure::OtherOrigin),
        }
    }

    /// The operation on this state.
    fn operation(&self, wanted: Wanted) -> Result<Self::Op, Refusal>;

    /// The same, in as many operations as it takes for each to have at most `bytes`; in none when
    /// it is done already.
    fn operations(&self, wanted: Wanted, bytes: usize) -> Result<Vec<Self::Op>, Refusal> {
        let _ = bytes;
        Ok(vec![self.operation(wanted)?])
    }

    /// A payment that is known here.
    fn find_payment(replica: &Replica<Self>, which: &Which) -> Option<Payment> {
        let _ = (replica, which);
        None
    }

    /// How many elements an operation changes, all operations that were made together if there are
    /// several.
    fn elements(op: &Self::Op) -> u64 {
        let _ = op;
        1
    }

    /// What the state says.
    fn look(&self, question: Question) -> Result<Reply, Refusal>;

    /// What an operation does.
    fn effect(op: &Self::Op) -> Effect;

    /// What may be typed where this state's own words are wanted.
    fn words(&self) -> Vec<String>;
}

/// This algorithm, if `genesis` describes it, in whatever state it begins.
fn of_that_kind<A: WireAlgorithm>(genesis: &Genesis, fresh: A) -> Option<A> {
    match genesis.check(&fresh) {
        Ok(()) | Err(GenesisError::State) => Some(fresh),
        Err(_) => None,
    }
}

impl Kind {
    /// The kind that `genesis` describes, if it is one that the program can run. `actor` is any.
    pub(crate) fn of(genesis: &Genesis, actor: Actor) -> Option<Self> {
        let kinds = [
            (Self::Set, Set::fresh(genesis, actor).is_some()),
            (Self::Bank, Bank::fresh(genesis, actor).is_some()),
            (Self::Counter, Counter::fresh(genesis, actor).is_some()),
            (Self::Map, Texts::fresh(genesis, actor).is_some()),
            (Self::Text, Text::fresh(genesis, actor).is_some()),
        ];
        let described = kinds.into_iter().find(|(_, is)| *is);
        described.map(|(kind, _)| kind)
    }

    /// The description of a network of this kind that begins with these members. A bank has these
    /// rules.
    pub(crate) fn found(
        self,
        rules: Rules,
        members: BTreeSet<Actor>,
        nonce: [u8; 32],
    ) -> Result<Genesis, GenesisError> {
        let limits = Limits::default();
        // The first state is the same whoever looks at it.
        let anybody = Actor::from_bytes([0; 32]);
        if self == Self::Bank {
            let bank = Bank::with_rules(anybody, rules);
            return Genesis::new(&bank, members, limits, nonce);
        }
        by_kind!(self, A => Genesis::new(&A::new(anybody), members, limits, nonce))
    }
}

impl Service for Set {
    const KIND: Kind = Kind::Set;

    fn operation(&self, wanted: Wanted) -> Result<Self::Op, Refusal> {
        match wanted {
            Wanted::Add(members) => Ok(self.add_all(members)),
            Wanted::Remove(members) => removal(self, members),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn operations(&self, wanted: Wanted, bytes: usize) -> Result<Vec<Self::Op>, Refusal> {
        let wanted = match wanted {
            Wanted::AddMissing(mut members) => {
                members.retain(|member| !self.contains(member));
                Wanted::Add(members)
            }
            Wanted::RemovePresent(mut members) => {
                members.retain(|member| self.contains(member));
                Wanted::Remove(members)
            }
            wanted => return Ok(self.operation(wanted)?.within(bytes)),
        };
        match &wanted {
            Wanted::Add(none) | Wanted::Remove(none) if none.is_empty() => Ok(Vec::new()),
            _ => Ok(self.operation(wanted)?.within(bytes)),
        }
    }

    fn elements(op: &Self::Op) -> u64 {
        op.members().len() as u64
    }

    fn look(&self, question: Question) -> Result<Reply, Refusal> {
        match question {
            Question::List => Ok(Reply::List(self.iter().cloned().collect())),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn effect(op: &Self::Op) -> Effect {
        let members = op.members().iter().cloned().collect();
        match op {
            orswot::Op::Add { .. } => Effect::Add { members },
            orswot::Op::Rm { .. } => Effect::Remove { members },
        }
    }

    fn words(&self) -> Vec<String> {
        words(self.iter())
    }
}

/// One removal of all these members. For each actor it names the newest addition of any of them:
/// the actor's additions come in order, so that none is named that is not known here.
fn removal(set: &Set, members: Vec<String>) -> Result<orswot::Op<String>, Refusal> {
    let mut named = Clock::new();
    for member in &members {
        let Some(orswot::Op::Rm { clock, .. }) = set.remove(member) else {
            return Err(Refusal::Absent(member.clone()));
        };
        for (actor, counter) in clock {
            let newest = named.entry(actor).or_default();
            *newest = counter.max(*newest);
        }
    }
    Ok(orswot::Op::Rm {
        clock: named,
        members: members.into_iter().collect(),
    })
}

impl Service for Bank {
    const KIND: Kind = Kind::Bank;

    fn fresh(genesis: &Genesis, actor: Actor) -> Option<Self> {
        let rules = Rules::decode(genesis.configuration()).ok()?;
        of_that_kind(genesis, Self::with_rules(actor, rules))
    }

    fn operation(&self, wanted: Wanted) -> Result<Self::Op, Refusal> {
        match wanted {
            Wanted::Open(balance) => opening(self, balance),
            Wanted::Pay(to, amount, reference) => payment(self, to, amount, reference),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn operations(&self, wanted: Wanted, _: usize) -> Result<Vec<Self::Op>, Refusal> {
        if let Wanted::Pay(to, amount, Some(reference)) = &wanted
            && let Some(made) = self.payment(self.owner(), reference)
        {
            return match made.to == *to && made.amount == *amount {
                true => Ok(Vec::new()),
                false => Err(Refusal::OtherPayment {
                    number: made.number,
                    to: made.to.to_string(),
                    amount: made.amount.units(),
                }),
            };
        }
        Ok(vec![self.operation(wanted)?])
    }

    fn find_payment(replica: &Replica<Self>, which: &Which) -> Option<Payment> {
        payments::find(replica, which)
    }

    fn look(&self, question: Question) -> Result<Reply, Refusal> {
        let account = |owner: &Actor, balance: Money| Account {
            owner: owner.to_string(),
            balance: balance.units(),
        };
        match question {
            Question::Balance(owner) => {
                let balance = self
                    .balance(&owner)
                    .ok_or_else(|| Refusal::NoAccount(owner.to_string()))?;
                Ok(Reply::Balance(account(&owner, balance)))
            }
            Question::Accounts => {
                let accounts = self
                    .accounts()
                    .map(|(owner, found)| account(owner, found.balance));
                Ok(Reply::Accounts(accounts.collect()))
            }
            Question::Rules => Ok(Reply::Rules(BankRules {
                issuer: self.rules().issuer().map(Actor::to_string),
                opening: self.rules().opening(self.owner()).units(),
                floor: self.rules().floor().units(),
                payment: self.rules().payment().units(),
                issued: self.issued().units(),
            })),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn effect(op: &Self::Op) -> Effect {
        match op {
            bank::Op::OpenAccount { balance, .. } => {
                let amount = balance.units();
                Effect::Open { amount }
            }
            bank::Op::Transfer(transfer) => payments::effect(transfer, None),
            bank::Op::Referenced(transfer, reference) => {
                payments::effect(transfer, Some(reference))
            }
        }
    }

    fn words(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The opening of this replica's account, with as much as it may where all money is this actor's,
/// or with nothing, unless it is said.
fn opening(bank: &Bank, balance: Option<Money>) -> Result<bank::Op, Refusal> {
    let (rules, owner) = (bank.rules(), bank.owner());
    let most = rules.opening(owner);
    let unsaid = match rules.issuer() == Some(owner) {
        true => most,
        false => Money::ZERO,
    };
    let balance = balance.unwrap_or(unsaid);
    if balance > most {
        let (amount, most) = (balance.units(), most.units());
        return Err(Refusal::TooMuchMoney { amount, most });
    }
    Ok(bank.open(balance))
}

/// A payment from this replica's account, if it is open, holds enough, and so is the payee's.
fn payment(
    bank: &Bank,
    to: Actor,
    amount: Money,
    reference: Option<Reference>,
) -> Result<bank::Op, Refusal> {
    let balance_of = |owner: Actor| {
        let balance = bank.balance(&owner);
        balance.ok_or_else(|| Refusal::NoAccount(owner.to_string()))
    };
    balance_of(to)?;
    let balance = balance_of(*bank.owner())?;
    let (floor, most) = (bank.rules().floor(), bank.rules().payment());
    if amount > most {
        let (amount, most) = (amount.units(), most.units());
        return Err(Refusal::PaysTooMuch { amount, most });
    }
    let left = balance.checked_sub(amount);
    if left.is_none_or(|left| left < floor) {
        let (balance, amount, floor) = (balance.units(), amount.units(), floor.units());
        return Err(match floor {
            0 => Refusal::TooLittleMoney { balance, amount },
            _ => Refusal::BelowTheFloor {
                balance,
                amount,
                floor,
            },
        });
    }
    Ok(match reference {
        Some(reference) => bank.transfer_once(to, amount, reference),
        None => bank.transfer(to, amount),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_not_offered_for_completion() {
        let mut set = Set::new(Actor::from_bytes([1; 32]));
        for text in ["a".repeat(WORD_BYTES + 1), "b".repeat(WORD_BYTES)] {
            set.apply(set.add(text));
        }
        assert_eq!(set.words(), ["b".repeat(WORD_BYTES)]);
    }

    #[test]
    fn one_removal_takes_away_what_is_known_of_each_member_and_no_more() {
        let (here, there) = (Actor::from_bytes([1; 32]), Actor::from_bytes([2; 32]));
        let (mut ours, mut theirs) = (Set::new(here), Set::new(there));
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let both = ours.operation(Wanted::Add(texts(&["apple", "pear"])));
        let both = both.expect("an addition");
        theirs.apply(both.clone());
        ours.apply(both);
        theirs.apply(theirs.add("apple".to_owned()));
        let removal = ours
            .operation(Wanted::Remove(texts(&["apple", "pear"])))
            .expect("both are there");
        assert!(theirs.validate(&here, &removal));
        theirs.apply(removal);
        assert_eq!(theirs.words(), ["apple"]);
        let absent = ours.operation(Wanted::Remove(texts(&["apple", "plum"])));
        assert_eq!(absent, Err(Refusal::Absent("plum".to_owned())));
    }
}
