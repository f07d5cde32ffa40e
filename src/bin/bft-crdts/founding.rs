//! How a network begins: who founds it, what it replicates, and by which rules.

use std::collections::BTreeSet;

use bft_crdts::Actor;
use bft_crdts::bank::{Money, Rules};
use bft_crdts::node::Invitation;
use serde_json::json;

use crate::failure::Failure;
use crate::home;
use crate::name::{self, Contact};
use crate::protocol::Kind;

/// The fewest members of which one may lie.
const LIAR_TOLERATED: usize = 4;

/// What a network is to be.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// What is replicated
    #[arg(long, value_enum)]
    kind: Kind,
    /// Bank: the founder from whom all money comes. Without, anybody may open an account with money
    #[arg(long, value_name = "ACTOR", value_parser = name::whole, requires = "supply")]
    issuer: Option<Actor>,
    /// Bank: all the money that the issuer may open its account with, and so all that there will ever be
    #[arg(long, value_name = "AMOUNT", requires = "issuer")]
    supply: Option<u64>,
    /// Bank without an issuer: the most that an account may be opened with
    #[arg(long, value_name = "AMOUNT", conflicts_with = "issuer")]
    most_opening: Option<u64>,
    /// Bank: what no payment leaves less than on the payer's account
    #[arg(long, value_name = "AMOUNT")]
    floor: Option<u64>,
    /// Bank: the most that one payment moves
    #[arg(long, value_name = "AMOUNT")]
    most_payment: Option<u64>,
    /// The founders, and where each will listen
    #[arg(required = true, value_name = "ACTOR@HOST:PORT")]
    founders: Vec<Contact>,
}

/// Prints the invitation with which the network begins.
pub(crate) fn print(options: &Options, json: bool) -> Result<(), Failure> {
    let founders = &options.founders;
    let invitation = found(options.kind, options.rules()?, founders)?.to_string();
    if founders.len() < LIAR_TOLERATED {
        crate::remark(
            "with fewer than 4 founders the network tolerates no liar, and no member that is lost for good",
        );
    }
    match json {
        true => crate::print(&json!({ "invitation": invitation }).to_string())?,
        false => crate::print(&invitation)?,
    }
    Ok(())
}

impl Options {
    /// The rules of a bank. Any other network has none to be told.
    fn rules(&self) -> Result<Rules, Failure> {
        let asked = [
            self.supply,
            self.most_opening,
            self.floor,
            self.most_payment,
        ];
        if self.kind != Kind::Bank && asked.iter().any(Option::is_some) {
            let words = format!("a network of the kind {} has no rules of a bank", self.kind);
            return Err(Failure::Usage(words));
        }
        let mut rules = match (self.issuer, self.supply) {
            (Some(issuer), Some(supply)) => {
                self.check_issuer(&issuer)?;
                Rules::issued_by(issuer, Money::new(supply))
            }
            _ => Rules::default(),
        };
        if let Some(most) = self.most_opening {
            rules = rules.with_opening(Money::new(most))?;
        }
        if let Some(floor) = self.floor {
            rules = rules.with_floor(Money::new(floor));
        }
        if let Some(most) = self.most_payment {
            rules = rules.with_payment(Money::new(most))?;
        }
        Ok(rules)
    }

    /// Or there would be no money until it is let in.
    fn check_issuer(&self, issuer: &Actor) -> Result<(), Failure> {
        let mut founders = self.founders.iter();
        match founders.any(|founder| founder.actor == *issuer) {
            true => Ok(()),
            false => Err(Failure::IssuerElsewhere(*issuer)),
        }
    }
}

/// The invitation to a network of these founders, each of them another one at another address: a new network each time, though the
/// founders may be the same.
pub(crate) fn found(kind: Kind, rules: Rules, founders: &[Contact]) -> Result<Invitation, Failure> {
    let (mut named, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for founder in founders {
        if !named.insert(founder.actor) {
            return Err(Failure::FounderTwice(founder.actor));
        }
        if !taken.insert(name::canonical(&founder.address)) {
            return Err(Failure::AddressTwice(founder.address.clone()));
        }
    }
    let members = founders.iter().map(|founder| founder.actor).collect();
    let contacts = founders.iter();
    let contacts = contacts.map(|founder| (founder.actor, founder.address.clone()));
    let genesis = kind.found(rules, members, home::draw()?)?;
    Ok(Invitation::founding(genesis, contacts.collect()))
}
