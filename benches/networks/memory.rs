//! What a replica keeps of each operation, beyond the algorithm's own state.

use bft_crdts::bank::Money;
use bft_crdts::codec::encode;

use crate::cluster::{Cluster, resident_bytes};
use crate::workload::{Algorithm, Load, Workload, bank};

/// Payments in batches of 512: the state of a bank does not grow.
pub(crate) fn report(payments: usize) {
    let workload = Workload {
        batch: 512,
        ..Workload::of(Algorithm::Ring)
    };
    let cluster = Cluster::new(workload.members, bank);
    let op = cluster
        .algorithm(0)
        .transfer(cluster.actors()[1], Money::new(1));
    let size = encode(&op).len();
    let mut load = Load::new(workload, cluster, |bank, _, to| {
        vec![bank.transfer(to, Money::new(1))]
    });
    load.make(payments / 4);
    let before = resident_bytes();
    load.make(payments);
    let grown = resident_bytes().saturating_sub(before);
    let kept = grown as f64 / payments as f64 / f64::from(workload.members);
    println!(
        "kept of a payment of {size} bytes, beyond the state: {kept:.0} bytes at each replica"
    );
}
