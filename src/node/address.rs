//! Where an actor listens, in whosever words.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes of an address.
///
/// A host name has 253 characters at most (RFC 1035, section 2.3.4, without the root's dot); the
/// rest is for the port of a shorter one.
const MOST: usize = 255;

/// `HOST:PORT`, where an actor may listen. A hint: who is there proves it with its key.
///
/// Others' words end in files and on terminals: an address is of ASCII characters that can be seen,
/// and of no more than 255. Whether there is such a host shows when it is dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Not `HOST:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address is HOST:PORT")]
pub struct AddressError;

impl Address {
    /// Whether it can lead anybody anywhere: port 0 does not, nor does the address that stands for
    /// all of a machine.
    #[must_use]
    pub fn is_dialable(&self) -> bool {
        match self.0.parse::<SocketAddr>() {
            Ok(socket) => is_dialable(&socket),
            Err(_) => {
                !matches!(self.0.rsplit_once(':'), Some((_, port)) if port.parse() == Ok(0u16))
            }
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a socket can be sent to.
pub(super) fn is_dialable(socket: &SocketAddr) -> bool {
    socket.port() != 0 && !socket.ip().to_canonical().is_unspecified()
}

/// Also the way in for addresses that others send: what does not hold to the bounds is refused
/// where it is decoded.
impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        let odd = |c: char| !c.is_ascii_graphic();
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits && port.parse::<u16>().is_ok();
        let sound = !host.is_empty() && port && text.len() <= MOST && !text.contains(odd);
        sound.then_some(Self(text)).ok_or(AddressError)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.to_owned().try_into()
    }
}

/// A socket's text is always an address: it has digits after its last colon, and no more than 64
/// characters.
impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self(socket.to_string())
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::error::LinkError;
    use super::super::frame::Hello;
    use super::*;
    use crate::actor::Actor;
    use crate::codec;

    /// A greeting, as one who is not held to addresses writes it.
    type Loose<'a> = (Option<&'a str>, BTreeMap<Actor, &'a str>, BTreeSet<Actor>);

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_around_them() {
        let sound = ["a:1", "there.example:4433", "127.0.0.1:65535", "[::1]:4433"];
        let long = format!("{}:1", "a".repeat(254));
        let others = [
            "",
            ":",
            ":1",
            "a",
            "a:",
            "a:65536",
            "a:-1",
            "a:+1",
            "a:1 ",
            " a:1",
            "a\n:1",
            "a b:1",
            "a:1\nb:2",
            "a\u{1b}[2J:1",
            "a\u{2028}:1",
            "a\u{202e}:1",
            "\u{430}:1",
            &long,
        ];
        let decoded = |hello: Loose<'_>| Hello::decode(&codec::encode(&hello));
        for (text, is_sound) in sound
            .map(|text| (text, true))
            .into_iter()
            .chain(others.map(|text| (text, false)))
        {
            assert_eq!(text.parse::<Address>().is_ok(), is_sound, "{text:?}");
            let about = [(Actor::from_bytes([1; 32]), text)].into();
            for hello in [
                (Some(text), BTreeMap::new(), BTreeSet::new()),
                (None, about, BTreeSet::new()),
            ] {
                match decoded(hello) {
                    Ok(_) => assert!(is_sound, "{text:?}"),
                    other => assert!(
                        !is_sound && matches!(other, Err(LinkError::Decode(_))),
                        "{text:?}: {other:?}"
                    ),
                }
            }
        }
    }

    #[test]
    fn what_stands_for_a_whole_machine_or_for_no_port_leads_nowhere() {
        let nowhere = [
            "0.0.0.0:1",
            "[::]:1",
            "[::ffff:0.0.0.0]:1",
            "a:0",
            "a:00",
            "127.0.0.1:0",
        ];
        let somewhere = ["0.0.0.1:1", "[::1]:1", "a:1"];
        let all = nowhere.map(|text| (text, false)).into_iter();
        for (text, leads) in all.chain(somewhere.map(|text| (text, true))) {
            let address: Address = text.parse().expect("an address");
            assert_eq!(address.is_dialable(), leads, "{text}");
        }
    }

    #[test]
    fn a_socket_is_an_address_however_it_is_written() {
        for text in ["127.0.0.1:1", "[2001:db8::1]:4433", "[fe80::1%3]:1"] {
            let socket: SocketAddr = text.parse().expect("a socket");
            let address = Address::from(socket);
            assert_eq!(address.as_str().parse(), Ok(address.clone()));
            assert_eq!(address.to_string(), text);
        }
    }
}
