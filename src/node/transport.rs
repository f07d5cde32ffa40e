//! QUIC, as far as links use it: how a connection is set up and how long it lasts, and the numbers
//! with which it is closed.
//!
//! A node and a bare [`Link`](super::link::Link) have it from here, so that both ends of every link
//! are set up alike. Little is allowed: whatever else a stranger might open would have to be
//! bounded, too.

use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, TransportConfig, VarInt};

use super::tls;
use crate::actor::{Actor, SigningActor};
use crate::codec::NetworkId;

/// How long nobody speaks before a link ends.
///
/// The transport's own time: no keep-alives are sent.
const IDLE: Duration = Duration::from_secs(30);
/// How long a handshake may take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);

/// How `key` dials `to` and nobody else.
pub(super) fn dialling(
    key: &SigningActor,
    network: &NetworkId,
    to: Actor,
    transport: Arc<TransportConfig>,
) -> Result<quinn::ClientConfig, rustls::Error> {
    let mut config = quinn::ClientConfig::new(Arc::new(tls::client(key, network, to)?));
    config.transport_config(transport);
    Ok(config)
}

/// One stream each way carries everything; nothing else may be opened. There are no keep-alives:
/// silence is the rule.
pub(super) fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    let idle = IDLE.try_into().expect("within the bounds of QUIC");
    config
        .max_idle_timeout(Some(idle))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .stream_receive_window(VarInt::from_u32(1 << 20))
        .receive_window(VarInt::from_u32(1 << 20))
        .send_window(1 << 20)
        .datagram_receive_buffer_size(None);
    config
}

pub(super) fn is_live(connection: &Connection) -> bool {
    connection.close_reason().is_none()
}

/// Why we close a connection, in a number for the other end.
#[derive(Clone, Copy)]
pub(super) enum Close {
    Stopped,
    NotAdmitted,
    Replaced,
    Malformed,
}

impl Close {
    pub(super) fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }
}
