//! A member that lies. Its node would not: what it says here is signed with its key and sent by
//! hand.

use std::net::SocketAddr;
use std::sync::Arc;

use bft_crdts::actor::Statement;
use bft_crdts::bank::Bank;
use bft_crdts::codec::encode;
use bft_crdts::deterministic_secure_broadcast::{Body, Echo, Message, Packet, Proposal, Replica};
use bft_crdts::dot::Head;
use bft_crdts::node::Link;
use bft_crdts::store::Store;
use bft_crdts::types::{Counter, Text};
use bft_crdts::{Actor, SigningActor};
use tokio::runtime::Runtime;

use crate::failure::Failure;
use crate::home::Home;
use crate::kinds::{Service, Set, Texts, Wanted};
use crate::protocol::Kind;

const UNABLE: Failure = Failure::Demonstration("the liar could not lie");

/// Two operations, and whom each is shown.
pub(super) type Lies = [(Wanted, Vec<(Actor, SocketAddr)>); 2];

/// The links over which a lie was told. They must outlive its hearing.
pub(super) struct Liar {
    _links: Vec<Link>,
    _runtime: Runtime,
}

/// Signs both operations as the next message of the actor that lives there, and whose node has
/// ended.
pub(super) fn lie(kind: Kind, home: &Home, lies: Lies) -> Result<Liar, Failure> {
    match kind {
        Kind::Set => lie_as::<Set>(home, lies),
        Kind::Bank => lie_as::<Bank>(home, lies),
        Kind::Counter => lie_as::<Counter>(home, lies),
        Kind::Map => lie_as::<Texts>(home, lies),
        Kind::Text => lie_as::<Text>(home, lies),
    }
}

fn lie_as<A: Service>(home: &Home, lies: Lies) -> Result<Liar, Failure> {
    let mut store = home.open()?;
    let (genesis, _) = home.network(&store)?;
    let key = store.key();
    let algorithm = A::begin(&genesis, key.actor(), None)?;
    let records = store.load().map_err(|_| UNABLE)?;
    let recovered = Replica::recover(store.key(), algorithm, genesis.clone(), records);
    let (replica, _) = recovered.map_err(|_| UNABLE)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut links = Vec::new();
    for (wanted, side) in lies {
        let operation = replica.algorithm().operation(wanted)?;
        let proposal = proposal(&replica, &key, operation).ok_or(UNABLE)?;
        for (to, address) in side {
            let (network, limits) = (genesis.network(), genesis.limits());
            let packet = Packet {
                from: key.actor(),
                to,
                body: Body::Proposal(Arc::clone(&proposal)),
            };
            let told = runtime.block_on(async {
                let mut link = Link::dial(&key, &network, limits, to, address).await?;
                link.send(packet).await.map(|()| link)
            });
            links.push(told.map_err(|_| UNABLE)?);
        }
    }
    Ok(Liar {
        _links: links,
        _runtime: runtime,
    })
}

/// The operation as the next message, signed.
fn proposal<A: Service>(
    replica: &Replica<A>,
    key: &SigningActor,
    operation: A::Op,
) -> Option<Arc<Proposal>> {
    let (source, network) = (key.actor(), replica.genesis().network());
    let Head { seq, digest } = replica.head(&source)?;
    let message = Message {
        source,
        seq: seq.next()?,
        parent: digest,
        ops: encode(&vec![operation]).into(),
    };
    let generation = replica.generation();
    let echo = Echo {
        generation,
        dot: message.dot(),
        digest: Statement::digest(&message, &network),
    };
    let sig = key.sign(&network, echo).sig;
    Some(Arc::new(Proposal {
        message,
        generation,
        sig,
    }))
}
