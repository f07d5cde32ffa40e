//! A link without a node: for probes, and for tests of what a node makes of liars.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{Connection, Endpoint, EndpointConfig, RecvStream, SendStream, TokioRuntime};
use tokio::time::timeout;

use super::error::{LinkError, StartError};
use super::frame::{self, Frame, Hearing, Hello};
use super::roster::Role;
use super::transport::{HANDSHAKE, dialling, transport};
use crate::actor::{Actor, SigningActor};
use crate::codec::{Limits, NetworkId};
use crate::deterministic_secure_broadcast::Packet;

/// A link to one actor. It says whatever it is told to, true or not; what comes back is unverified.
#[derive(Debug)]
pub struct Link {
    /// A socket of its own for each link.
    endpoint: Endpoint,
    connection: Connection,
    hearing: Hearing,
    outgoing: SendStream,
    /// `None` until the other end has opened its stream.
    incoming: Option<RecvStream>,
}

impl Link {
    /// Dials `to`, which must prove its key, and proves `key`. Whether the other end keeps the link
    /// shows when it answers. Must be called within a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`] when there is no socket to dial from, or nobody with that key
    /// answers there.
    pub async fn dial(
        key: &SigningActor,
        network: &NetworkId,
        limits: &Limits,
        to: Actor,
        address: SocketAddr,
    ) -> Result<Self, LinkError> {
        let unreachable = |_: StartError| LinkError::Unreachable;
        let (endpoint, config) = prepare(key, network, to, address).map_err(unreachable)?;
        let connecting = endpoint
            .connect_with(config, address, "actor")
            .map_err(|_| LinkError::Unreachable)?;
        let shaken = timeout(HANDSHAKE, connecting).await;
        let Ok(Ok(connection)) = shaken else {
            return Err(LinkError::Unreachable);
        };
        let outgoing = connection.open_uni().await.map_err(|_| LinkError::Lost)?;
        let mut link = Self {
            endpoint,
            connection,
            hearing: Hearing::new(limits, to, key.actor()),
            outgoing,
            incoming: None,
        };
        link.send_bytes(Hello::default().framed().as_slice())
            .await?;
        Ok(link)
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// [`LinkError::Lost`] when the link has ended.
    pub async fn send(&mut self, packet: Packet) -> Result<(), LinkError> {
        self.send_bytes(frame::of(&packet).as_slice()).await
    }

    /// Sends bytes as they are: a frame begins with its length, in four bytes, the lowest first.
    ///
    /// # Errors
    /// [`LinkError::Lost`] when the link has ended.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let written = self.outgoing.write_all(bytes).await;
        written.map_err(|_| LinkError::Lost)
    }

    /// The next packet from the other end. Where that ends its stream, it is awaited on the next.
    ///
    /// # Errors
    /// [`LinkError`] when the link has ended, or what came is no frame; and
    /// [`LinkError::Lost`] when a stream ends within a frame, after which the next one may be read.
    pub async fn receive(&mut self) -> Result<Packet, LinkError> {
        loop {
            let stream = match &mut self.incoming {
                Some(stream) => stream,
                none => {
                    let opened = self.connection.accept_uni().await;
                    none.insert(opened.map_err(|_| LinkError::Lost)?)
                }
            };
            let Some(len) = frame::length(stream, self.hearing.limit()).await? else {
                (self.incoming, self.hearing) = (None, self.hearing.anew());
                continue;
            };
            let bytes = frame::body(stream, len).await?;
            if let Some(Frame::Packet(packet)) = self.hearing.hear(&bytes, Role::Peer)? {
                return Ok(packet);
            }
        }
    }

    /// Whether the other end has ended the link.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Waits until the other end ends the link.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.endpoint.close(0u32.into(), b"dropped");
    }
}

fn prepare(
    key: &SigningActor,
    network: &NetworkId,
    to: Actor,
    address: SocketAddr,
) -> Result<(Endpoint, quinn::ClientConfig), StartError> {
    let anywhere: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((anywhere, 0))?;
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, runtime)?;
    let config = dialling(key, network, to, Arc::new(transport()))?;
    Ok((endpoint, config))
}
