//! Many changes at once, of which those that are made already are not made again: so they may be
//! asked for as often as you like.

use std::collections::BTreeMap;

use bft_crdts::deterministic_secure_broadcast::Replica;
use bft_crdts::node::NotDelivered;
use tokio::task::JoinSet;

use crate::kinds::{Question, Service, Wanted};
use crate::protocol::{Answer, Put, Refusal, Reply};
use crate::service::Desk;

impl<A: Service> Desk<A> {
    /// Makes what is not so yet, in one operation.
    pub(crate) async fn change(&self, wanted: Wanted) -> Answer {
        let made = self.propose_unless_done(wanted, |_| std::future::ready(()));
        let changed = made.await?.map_or(0, |(_, elements)| elements);
        Ok(Reply::Changed(changed))
    }

    /// Puts the texts that are not there, each in an operation of its own; they wait together. When
    /// one is refused others may be made: asked again, they are not made twice.
    pub(crate) async fn put_missing(&self, puts: Vec<Put>) -> Answer {
        let puts: BTreeMap<_, _> = puts.into_iter().map(|put| (put.key, put.value)).collect();
        let missing = self.node.read(move |replica| missing(replica, puts));
        let mut waiting = JoinSet::new();
        for Put { key, value } in missing.await? {
            let node = self.node.clone();
            let make = |state: &A| state.operation(Wanted::Put(key, value)).ok();
            waiting.spawn(async move { node.propose_with(make).await });
        }
        let mut changed = 0;
        while let Some(put) = waiting.join_next().await {
            put.unwrap_or(Err(NotDelivered::Stopped { durable: false }))?;
            changed += 1;
        }
        Ok(Reply::Changed(changed))
    }
}

/// Those that are not so.
fn missing<A: Service>(replica: &Replica<A>, puts: BTreeMap<String, String>) -> Vec<Put> {
    let there = |key: &str| {
        replica
            .algorithm()
            .look(Question::Get(Some(key.to_owned())))
    };
    let puts = puts.into_iter().map(|(key, value)| Put { key, value });
    let is_missing = |put: &Put| match there(&put.key) {
        Ok(Reply::Value(value)) => value != put.value,
        Ok(_) | Err(Refusal::NoValue(_)) => true,
        Err(_) => true,
    };
    puts.filter(is_missing).collect()
}
