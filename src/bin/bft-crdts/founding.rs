//! How a network begins: who founds it, what it replicates, and by which rules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bft_crdts::Actor;
use bft_crdts::bank::{Money, Rules};
use bft_crdts::membership::{Genesis, Origin};
use bft_crdts::node::Invitation;
use serde_json::json;

use crate::failure::Failure;
use crate::home;
use crate::kinds::{Service, by_kind};
use crate::name::{self, Contact};
use crate::protocol::Kind;
use crate::snapshot::Certified;

/// The fewest members of which one may lie.
const LIAR_TOLERATED: usize = 4;

/// What a network is to be.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// What is replicated
    #[arg(long, value_enum, required_unless_present = "from_snapshot")]
    kind: Option<Kind>,
    /// Goes on from the state of another network that `snapshot` wrote, with its rules: what was
    /// accepted there later is lost
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "supply", "most_opening", "floor", "most_payment"])]
    from_snapshot: Option<PathBuf>,
    /// The other network, as its `status` names it: the file is refused if it is of any other
    #[arg(long, value_name = "NETWORK", requires = "from_snapshot")]
    expect: Option<String>,
    /// Bank: the founder from whom all money comes. Without, anybody may open an account with money
    #[arg(long, value_name = "ACTOR", value_parser = name::whole, requires = "supply")]
    issuer: Option<Actor>,
    /// Bank: all the money that the issuer may open its account with, and so all that there will
    /// ever be
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
    let mut answer = json!({});
    let invitation = match (&options.from_snapshot, options.kind) {
        (Some(file), _) => {
            let (invitation, origin) = succeed(file, options.expect.as_deref(), founders)?;
            let (network, generation) = (origin.network.digest(), origin.generation.number());
            answer["origin"] = json!({ "network": network.to_string(), "generation": generation });
            crate::remark(&format!(
                "it goes on from generation {generation} of network {network}, with the state in which that generation began.\n\
                 What was accepted there later is lost. That network is over: end its nodes, and let none of them run again"
            ));
            invitation
        }
        (None, Some(kind)) => found(kind, options.rules(kind)?, founders)?,
        (None, None) => return Err(Failure::Usage("what is to be replicated?".to_owned())),
    };
    let invitation = invitation.to_string();
    if founders.len() < LIAR_TOLERATED {
        crate::remark(
            "with fewer than 4 founders the network tolerates no liar, and no member that is lost for good",
        );
    }
    match json {
        true => {
            answer["invitation"] = invitation.into();
            crate::print(&answer.to_string())?;
        }
        false => crate::print(&invitation)?,
    }
    Ok(())
}

impl Options {
    /// The rules of a bank. Any other network has none to be told.
    fn rules(&self, kind: Kind) -> Result<Rules, Failure> {
        let asked = [
            self.supply,
            self.most_opening,
            self.floor,
            self.most_payment,
        ];
        if kind != Kind::Bank && asked.iter().any(Option::is_some) {
            let words = format!("a network of the kind {kind} has no rules of a bank");
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

/// The invitation to a network of these founders, each of them another one at another address: a
/// new network each time, though the founders may be the same.
pub(crate) fn found(kind: Kind, rules: Rules, founders: &[Contact]) -> Result<Invitation, Failure> {
    let genesis = kind.found(rules, members(founders)?, home::draw()?)?;
    Ok(invite(genesis, founders))
}

/// The same, to a network that goes on from the state in this file.
fn succeed(
    file: &Path,
    expected: Option<&str>,
    founders: &[Contact],
) -> Result<(Invitation, Origin), Failure> {
    let Certified { state, origin } = Certified::read(file)?;
    let network = origin.network.digest().to_string();
    if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(&network)) {
        return Err(other(file, &origin));
    }
    let (members, drawn) = (members(founders)?, home::draw()?);
    let salt = *drawn.first_chunk().expect("32 bytes are more than 16");
    let (old, anybody) = (state.genesis(), Actor::from_bytes([0; 32]));
    let limits = old.limits().clone();
    let kind = Kind::of(old, anybody).ok_or(Failure::UnknownKind)?;
    let genesis = by_kind!(kind, A => {
        let fresh = A::fresh(old, anybody).ok_or(Failure::UnknownKind)?;
        let first = state.into_fresh(fresh);
        let first = first.map_err(|why| Failure::Snapshot(file.to_owned(), why.into()))?;
        Genesis::succeeding(&first, members, limits, &origin, salt)?
    });
    Ok((invite(genesis, founders), origin))
}

/// The state in this file, if the network to which this is an invitation goes on from it.
pub(crate) fn origin_of(invitation: &Invitation, file: &Path) -> Result<Certified, Failure> {
    let certified = Certified::read(file)?;
    match invitation.genesis.succeeds(&certified.origin) {
        true => Ok(certified),
        false => Err(other(file, &certified.origin)),
    }
}

fn other(file: &Path, origin: &Origin) -> Failure {
    Failure::OtherSnapshot {
        file: file.to_owned(),
        network: origin.network.digest(),
        generation: origin.generation.number(),
    }
}

fn members(founders: &[Contact]) -> Result<BTreeSet<Actor>, Failure> {
    let (mut named, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for founder in founders {
        if !named.insert(founder.actor) {
            return Err(Failure::FounderTwice(founder.actor));
        }
        if !taken.insert(name::canonical(&founder.address)) {
            return Err(Failure::AddressTwice(founder.address.clone()));
        }
    }
    Ok(named)
}

fn invite(genesis: Genesis, founders: &[Contact]) -> Invitation {
    let contacts = founders
        .iter()
        .map(|founder| (founder.actor, founder.address.clone()));
    Invitation::founding(genesis, contacts.collect())
}
