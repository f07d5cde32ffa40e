//! Reads what one actor says on one connection.

use std::sync::Arc;

use quinn::{Connection, RecvStream};
use tokio::sync::Semaphore;

use super::book::{Unreached, Word};
use super::error::{DialError, LinkError};
use super::frame::{self, Frame, Hearing, Hello};
use super::heard::Heard;
use super::links::{Arrival, Links};
use super::roster::Role;
use super::transport::Close;
use crate::actor::Actor;

/// One for each connection; several of one actor share its room.
pub(super) struct Listener {
    pub(super) links: Arc<Links>,
    pub(super) actor: Actor,
    /// Whether we wanted this link: then the other end may say all.
    pub(super) dialled: bool,
    /// Bytes of this actor that may wait for the replica, on whatever connection.
    pub(super) room: Arc<Semaphore>,
    pub(super) heard: Arc<Heard>,
}

impl Listener {
    /// Until the connection ends, or says what it may not.
    ///
    /// Closes the connection when the other end breaks the rules, and leaves it alone when it is
    /// lost.
    pub(super) async fn run(self, connection: Connection) {
        tokio::select! {
            refused = self.read_all(&connection) => {
                tracing::info!(peer = ?self.actor, error = %refused, "link closed");
                let close = match refused {
                    LinkError::Lost => None,
                    LinkError::NotAdmitted => Some((Close::NotAdmitted, "not admitted")),
                    _ => Some((Close::Malformed, "malformed")),
                };
                if let Some((code, why)) = close {
                    self.links.note_refused();
                    connection.close(code.code(), why.as_bytes());
                }
            }
            _ = connection.closed() => {}
        }
        self.note_end(&connection);
        self.links.forget_stranger(&self.actor);
    }

    /// Of the ends of links, the operator is told that a node which was dialled does not know this
    /// one.
    fn note_end(&self, connection: &Connection) {
        let why = connection.close_reason().map(DialError::from);
        if let (true, Some(why @ DialError::NotAdmitted)) = (self.dialled, why) {
            let address = Some(connection.remote_address().into());
            let failed = vec![Unreached { address, why }];
            self.links.note_unreached(&self.actor, failed);
        }
    }

    async fn read_all(&self, connection: &Connection) -> LinkError {
        loop {
            let Ok(mut stream) = connection.accept_uni().await else {
                return LinkError::Lost;
            };
            self.links.note_heard(&self.actor);
            self.wait(0).await;
            self.heard.note_idle(0);
            match self.read(&mut stream).await {
                // Another stream may follow on the same connection.
                Ok(()) | Err(LinkError::Lost) => {}
                Err(error) => return error,
            }
        }
    }

    /// The order matters. The length is judged by the role that the other end has now, before
    /// anything is read; its turn comes, and its share of the room is taken, before the bytes are;
    /// and the role is asked again after, as it may have changed while we waited. What the role
    /// may not say is passed over.
    ///
    /// # Errors
    /// [`LinkError::Lost`] when the stream breaks off, [`LinkError::NotAdmitted`] when the other
    /// end may have no link any more, else what was wrong with a frame.
    async fn read(&self, stream: &mut RecvStream) -> Result<(), LinkError> {
        let mut hearing = Hearing::new(self.links.limits(), self.actor, self.links.actor());
        loop {
            let Some(len) = frame::length(stream, hearing.limit()).await? else {
                return Ok(());
            };
            self.wait(len).await;
            let is_heard = hearing.is_heard(len, self.role()?);
            if !is_heard || !hearing.is_greeted() {
                self.heard.note_idle(len);
            }
            if !is_heard {
                frame::skip(stream, len).await?;
                continue;
            }
            let share = self.links.share(len);
            let room = Arc::clone(&self.room).acquire_many_owned(share).await;
            let room = room.map_err(|_| LinkError::Lost)?;
            let bytes = frame::body(stream, len).await?;
            self.links.note_read(len + size_of::<u32>());
            let frame = hearing.hear(&bytes, self.role()?)?;
            self.heard.note();
            match frame {
                None => self.heard.note_idle(len),
                Some(Frame::Hello(hello)) => self.greet(hello)?,
                Some(Frame::Packet(packet)) => {
                    let arrival = Arrival {
                        packet,
                        _room: room,
                    };
                    self.links.pass(arrival).await?;
                }
            }
        }
    }

    /// Until it is the turn of its next frame, which has so many bytes.
    async fn wait(&self, len: usize) {
        if let Some(turn) = self.heard.turn(len) {
            tokio::time::sleep_until(turn.into()).await;
        }
    }

    /// What the other end is to us now: it may have gained or lost a seat, and so may we.
    fn role(&self) -> Result<Role, LinkError> {
        let role = if self.dialled {
            Some(Role::Peer)
        } else {
            self.links.admit(&self.actor)
        };
        role.ok_or(LinkError::NotAdmitted)
    }

    /// Whom we know or wanted to speak to may tell where it listens, or there would be no end of
    /// tellers.
    ///
    /// An observer's book is left out: those without a seat may be many, and each would be a
    /// teller.
    fn greet(&self, hello: Hello) -> Result<(), LinkError> {
        if !self.dialled && !self.links.knows(&self.actor) {
            return Ok(());
        }
        if let Some(address) = hello.address {
            self.links.learn(self.actor, Word::Own, address);
        }
        self.links
            .update_roster(|roster| roster.hear_guests(self.actor, hello.guests));
        if self.role()? == Role::Peer {
            for (about, address) in hello.book {
                self.links.learn(about, Word::Of(self.actor), address);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

    use super::super::roster::Roster;
    use super::*;
    use crate::actor::SigningActor;
    use crate::codec::{Limits, NetworkId};

    #[tokio::test]
    async fn a_node_without_a_seat_takes_addresses_from_whom_it_knows_or_dialled_and_keeps_no_others()
     {
        let [me, contact, stranger] = [1, 2, 3].map(|byte| SigningActor::from_secret(&[byte; 32]));
        let roster = Roster {
            contacts: [contact.actor()].into(),
            ..Roster::default()
        };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let opened = Links::open(me, NetworkId::NONE, Limits::default(), socket, None, roster);
        let links = opened.expect("opened").0;
        let greet = |actor: Actor, dialled| {
            let listener = Listener {
                links: Arc::clone(&links),
                actor,
                dialled,
                room: Arc::new(Semaphore::new(1)),
                heard: Arc::default(),
            };
            let elsewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
            let hello = Hello {
                address: "somewhere:1".parse().ok(),
                book: [(Actor::from_bytes([9; 32]), elsewhere.into())].into(),
                guests: [].into(),
            };
            listener.greet(hello).expect("an address");
            links.reach().len()
        };
        assert_eq!(greet(stranger.actor(), false), 0);
        assert_eq!(greet(contact.actor(), false), 2);
        assert_eq!(greet(stranger.actor(), true), 3);
        // What is kept for the next start are those whom the operator trusts.
        assert_eq!(
            links.book().into_iter().map(|it| it.0).collect::<Vec<_>>(),
            [contact.actor()]
        );
    }
}
