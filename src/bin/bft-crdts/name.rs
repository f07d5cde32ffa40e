//! Actors as people write them: all 64 digits, or the first few of them where the rest is known.

use std::collections::BTreeSet;
use std::fmt;
use std::net::ToSocketAddrs;
use std::str::FromStr;

use bft_crdts::Actor;
use bft_crdts::node::{Address, AddressError};
use serde::{Deserialize, Serialize};

/// Digits of a whole name.
const DIGITS: usize = 64;
/// The fewest digits that may stand for an actor.
const FEWEST: usize = 4;

/// The first digits of an actor, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Name(String);

/// Why a text names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// Letters that are no digits, or too few or too many of them.
    #[error("an actor is written with {FEWEST} to {DIGITS} hexadecimal digits")]
    Digits,
    /// Only a part of the name, where nobody knows the rest.
    #[error("all {DIGITS} digits of the actor are needed here")]
    Short,
    /// Who it is or where it listens is missing, or makes no sense.
    #[error("an actor and its address, HOST:PORT, are needed here")]
    NoAddress,
    /// An address that nobody can dial.
    #[error(
        "{0} leads nowhere: name the address and the port at which the others reach the node; `run --listen` takes 0.0.0.0"
    )]
    Nowhere(Address),
}

/// Why a part of a name stands for nobody. What was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// No actor that is known begins with it.
    Unknown(String),
    /// More than one does.
    Ambiguous(String),
}

impl From<AddressError> for NameError {
    fn from(_: AddressError) -> Self {
        Self::NoAddress
    }
}

impl Name {
    /// The actor, if all its digits are here.
    pub(crate) fn actor(&self) -> Option<Actor> {
        self.0.parse().ok()
    }

    /// The one among `known` that it stands for. A whole name stands for itself, known or not.
    pub(crate) fn resolve(&self, known: &BTreeSet<Actor>) -> Result<Actor, Unresolved> {
        if let Some(actor) = self.actor() {
            return Ok(actor);
        }
        let mut fitting = known
            .iter()
            .filter(|actor| actor.to_string().starts_with(&self.0));
        match (fitting.next(), fitting.next()) {
            (Some(actor), None) => Ok(*actor),
            (None, _) => Err(Unresolved::Unknown(self.0.clone())),
            (Some(_), Some(_)) => Err(Unresolved::Ambiguous(self.0.clone())),
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = (FEWEST..=DIGITS).contains(&text.len());
        if fits && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NameError::Digits)
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl From<Actor> for Name {
    fn from(actor: Actor) -> Self {
        Self(actor.to_string())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The actor that this text is, with all its digits.
pub(crate) fn whole(text: &str) -> Result<Actor, NameError> {
    text.parse::<Name>()?.actor().ok_or(NameError::Short)
}

/// A founder and where it will listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) actor: Actor,
    pub(crate) address: Address,
}

impl FromStr for Contact {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (actor, address) = text.split_once('@').ok_or(NameError::NoAddress)?;
        Ok(Self {
            actor: whole(actor)?,
            address: dialable(address)?,
        })
    }
}

/// The address that this text is, if others can dial it.
pub(crate) fn dialable(text: &str) -> Result<Address, NameError> {
    let address: Address = text.parse()?;
    match address.is_dialable() {
        true => Ok(address),
        false => Err(NameError::Nowhere(address)),
    }
}

/// What two addresses are compared by: one socket can be written in several ways.
pub(crate) fn canonical(address: &Address) -> String {
    let text = address.as_str().to_ascii_lowercase();
    match text.parse::<std::net::SocketAddr>() {
        Ok(socket) => {
            std::net::SocketAddr::new(socket.ip().to_canonical(), socket.port()).to_string()
        }
        Err(_) => text,
    }
}

/// The first socket address that `address` stands for.
pub(crate) fn socket(address: &Address) -> std::io::Result<std::net::SocketAddr> {
    let found = address.as_str().to_socket_addrs()?.next();
    found.ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(byte: u8) -> Actor {
        let mut bytes = [byte; 32];
        bytes[0] = 0xab;
        Actor::from_bytes(bytes)
    }

    #[test]
    fn the_first_digits_stand_for_the_one_actor_that_has_them() {
        let known = [actor(1), actor(2)].into();
        let name = |text: &str| text.parse::<Name>();
        assert_eq!(
            name("AB01").map(|name| name.resolve(&known)),
            Ok(Ok(actor(1)))
        );
        assert_eq!(name("ab0"), Err(NameError::Digits));
        assert_eq!(name("xyzzy"), Err(NameError::Digits));
        let unknown = name("cd01").map(|name| name.resolve(&known));
        assert_eq!(unknown, Ok(Err(Unresolved::Unknown("cd01".to_owned()))));
        let both = [actor(1), Actor::from_bytes([0xab; 32])].into();
        let one = name(&actor(9).to_string()).map(|name| name.resolve(&both));
        assert_eq!(one, Ok(Ok(actor(9))));
    }

    #[test]
    fn a_contact_is_an_actor_and_a_host_with_a_port() {
        let text = format!("{}@localhost:7001", actor(1));
        let contact = text.parse::<Contact>();
        assert_eq!(contact.map(|contact| contact.actor), Ok(actor(1)));
        let nowhere = format!("{}@localhost", actor(1));
        for bad in ["ab01@h:1", "h:1", &nowhere] {
            assert!(bad.parse::<Contact>().is_err(), "{bad:?}");
        }
        for bad in ["0.0.0.0:1", "[::]:1", "localhost:0"] {
            let contact = format!("{}@{bad}", actor(1)).parse::<Contact>();
            assert_eq!(
                contact,
                Err(NameError::Nowhere(bad.parse().expect("an address")))
            );
        }
    }
}
