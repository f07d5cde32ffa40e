//! Races bft-crdts against its published predecessors and peers, on the same work in the same process:
//!
//! - `brb` with `brb_dt_orswot` and `brb_dt_at2`: what became of the predecessor, which itself was never published;
//! - the reliable broadcast of `hbbft`.
//!
//! Whole networks in one thread. Every replica does its own work; each packet is encoded, handed over in memory in the
//! order of sending, and decoded, as each library encodes; nothing is written to disk. Rates are operations that reach all
//! replicas, a second of processor time: the median of several rounds, taken in turns.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` takes about two minutes once it is built; with `-- --test` it
//! only shows that it runs.

mod brb_network;
#[path = "../../cluster/mod.rs"]
mod cluster;
mod disorder;
mod hbbft_network;
mod limit;
mod measure;
mod ours;
mod table;

use bft_crdts::bank::{Bank, Money};
use bft_crdts::orswot::Orswot;
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

use clap::Parser;
use disorder::{Care, Outcome};
use limit::{Bare, Prices};
use measure::{Contender, Sample, member, race};
use ours::Load;
use table::{COLUMNS, Row};

/// Operations that wait where batches can form.
const BATCH: u64 = 512;
/// Payments of theirs: each carries all before it, so that they soon take for ever.
const THEIR_PAYMENTS: u64 = 100;
const OUR_PAYMENTS: u64 = 4_000;

/// Races bft-crdts against its published predecessors and peers
#[derive(Parser)]
struct Arguments {
    /// Runs everything once and small: shows that it runs, and measures nothing
    #[arg(long)]
    test: bool,
}

/// How much is done.
#[derive(Clone, Copy)]
struct Size {
    /// Rounds of which the median is taken.
    rounds: usize,
    /// Of the operations of a round, one in so many is made.
    part: u64,
    /// Networks whose packets arrive in any order.
    networks: u64,
    /// Members of the largest committee.
    largest: u8,
}

impl Size {
    const MEASURING: Self = Self {
        rounds: 5,
        part: 1,
        networks: 20,
        largest: 100,
    };
    const TRYING_OUT: Self = Self {
        rounds: 1,
        part: 10,
        networks: 2,
        largest: 16,
    };
}

fn main() {
    let size = match Arguments::parse().test {
        true => Size::TRYING_OUT,
        false => Size::MEASURING,
    };
    let Prices {
        sign,
        verify,
        block,
    } = Prices::measure();
    println!(
        "prices: a signature {sign:.0} ns, its check {verify:.0} ns, SHA-256 {block:.0} ns a 64 bytes"
    );
    for members in [4, 7] {
        one_at_a_time(members, size);
        at_once(members, size);
    }
    for members in [4, 7, 31, size.largest] {
        all_at_once(members, 1, size);
    }
    for (members, batch) in [(4, BATCH), (31, 64)] {
        all_at_once(members, batch, size);
    }
    ring(size);
    in_disorder(size);
    equal_payments();
}

/// Additions to a set, each when everybody has the one before.
fn one_at_a_time(members: u8, size: Size) {
    println!("\nset, one addition at a time, n = {members}\n{COLUMNS}");
    let mut ours = ours::Sets::new(members, Load::OneAtATime);
    let mut brb = brb_network::Network::<brb_network::Set>::new(members);
    let mut hbbft = hbbft_network::Network::new(usize::from(members), 1);
    let mut bare = bare_set(members, 1);
    let ops = 2_400 / u64::from(members) / size.part;
    let contenders: [(&mut dyn Contender, u64); _] = [
        (&mut ours, ops),
        (&mut brb, ops / 4),
        (&mut hbbft, ops),
        (&mut bare, ops),
    ];
    let names = [
        "bft-crdts",
        "brb + brb_dt_orswot",
        "hbbft broadcast, 1 x 100 B, unsigned",
        &limit(members),
    ];
    print_rows(&names, &race(size.rounds, contenders));
}

/// The same with so many at once, each time when the last ones have arrived.
fn at_once(members: u8, size: Size) {
    println!("\nset, {BATCH} additions at once, n = {members}\n{COLUMNS}");
    let mut ours = ours::Sets::new(members, Load::Batches(BATCH));
    let mut brb = brb_network::Network::<brb_network::Set>::new(members);
    let mut hbbft = hbbft_network::Network::new(usize::from(members), BATCH as usize);
    let mut bare = bare_set(members, BATCH);
    let ops = 160 * BATCH / u64::from(members) / size.part;
    let contenders: [(&mut dyn Contender, u64); _] = [
        (&mut ours, ops),
        (&mut brb, 600 / u64::from(members) / size.part),
        (&mut hbbft, ops),
        (&mut bare, ops),
    ];
    let names = [
        "bft-crdts, batches of 512",
        "brb + brb_dt_orswot, no batches",
        "hbbft broadcast, 512 x 100 B, unsigned",
        &limit(members),
    ];
    print_rows(&names, &race(size.rounds, contenders));
}

/// Additions by all members at once, each with so many in flight. It is all the same to hbbft and to the limit, which gain nothing
/// from what is done together: their members take turns.
fn all_at_once(members: u8, batch: u64, size: Size) {
    println!("\nset, each member with {batch} in flight, n = {members}\n{COLUMNS}");
    let mut ours = ours::Sets::new(members, Load::All(batch));
    let mut hbbft = hbbft_network::Network::new(usize::from(members), batch as usize);
    let mut bare = bare_set(members, batch);
    // A message of each member, or more in committees where one costs less.
    let messages = (8_000 / u64::from(members).pow(2)).max(u64::from(members)) / size.part;
    let ops = messages.max(1) * batch;
    let contenders: [(&mut dyn Contender, u64); _] = [
        (&mut ours, ops),
        (&mut hbbft, (ops / 4).max(1)),
        (&mut bare, (ops / 4).max(1)),
    ];
    let names = [
        "bft-crdts",
        &format!("hbbft broadcast, {batch} x 100 B, unsigned"),
        &limit(members),
    ];
    print_rows(&names, &race(size.rounds, contenders));
}

fn bare_set(members: u8, batch: u64) -> impl Contender {
    let make = |_: &[_], actor| Orswot::new(actor);
    let op = |set: &Orswot<String>, _: &[_], number| set.add(member(number));
    Bare::new(members, batch, make, op)
}

/// The limit's name.
fn limit(members: u8) -> String {
    let (signatures, checks) = limit::counts(u64::from(members));
    format!("the limit: {signatures} signatures, {checks} checks")
}

fn print_rows(names: &[&str], samples: &[Sample]) {
    for (name, sample) in names.iter().zip(samples) {
        let (sample, ours) = (*sample, samples[0]);
        println!("{}", Row { name, sample, ours });
    }
}

/// Payments round a ring of four accounts: what the first cost, and the last.
fn ring(size: Size) {
    let (ours_all, theirs_all) = (OUR_PAYMENTS / size.part, THEIR_PAYMENTS / size.part);
    println!("\nbank, payments round a ring, one at a time, n = 4\n{COLUMNS}");
    let pay = |bank: &Bank, actors: &[Actor], number: u64| {
        let to = actors[(number as usize + 1) % actors.len()];
        bank.transfer(to, Money::new(1))
    };
    let rounds = (0..size.rounds).map(|_| {
        let ours = ends(ours_all, &mut ours::Ring::new(4));
        let theirs = brb_network::Network::open(4, ours::BALANCE);
        let theirs = ends(theirs_all, &mut { theirs });
        let bare = ends(ours_all, &mut Bare::new(4, 1, ours::bank, pay));
        [ours[0], ours[1], theirs[0], theirs[1], bare[1]]
    });
    let rounds: Vec<_> = rounds.collect();
    let medians = [0, 1, 2, 3, 4]
        .map(|row| measure::median(rounds.iter().map(|round: &[_; 5]| round[row]).collect()));
    let names = [
        &format!("bft-crdts, first tenth of {ours_all}"),
        "bft-crdts, last tenth",
        &format!("brb + brb_dt_at2, first tenth of {theirs_all}"),
        "brb + brb_dt_at2, last tenth",
        &limit(4),
    ];
    print_rows(&names, &medians);
}

/// What the first tenth of so many payments cost, and the last.
fn ends(payments: u64, network: &mut dyn Contender) -> [Sample; 2] {
    let tenth = payments / 10;
    let first = Sample::of(network, tenth);
    network.run(payments - 2 * tenth);
    [first, Sample::of(network, tenth)]
}

/// What becomes of networks whose packets arrive in any order.
fn in_disorder(size: Size) {
    let (wanted, seeds) = (disorder::WANTED_OF_ALL, size.networks);
    println!(
        "\nset, any order, nothing lost, n = 4: networks of {seeds} in which not everybody ever has all {wanted} additions"
    );
    tell("bft-crdts", seeds, disorder::ours);
    tell("brb, resending", seeds, |seed| {
        disorder::theirs(seed, Care::Resends)
    });
    tell("brb, and asking around", seeds, |seed| {
        disorder::theirs(seed, Care::AsksAround)
    });
    tell("brb, and waiting as documented", seeds, |seed| {
        disorder::theirs(seed, Care::Waits)
    });
}

fn tell(name: &str, seeds: u64, run: impl Fn(u64) -> Outcome) {
    let outcomes = (0..seeds).map(run);
    let mut wedged: Vec<_> = outcomes
        .filter(Outcome::is_wedged)
        .map(|o| o.everywhere)
        .collect();
    wedged.sort_unstable();
    let count = wedged.len();
    let after = match wedged.get(count / 2) {
        Some(median) => format!("; the median one after {median} additions that everybody has"),
        None => String::new(),
    };
    println!("  {name:36} {count:>3}{after}");
}

/// A pays B 1, and 1 again, and everything arrives.
fn equal_payments() {
    println!("\nbank, n = 4: a pays b 1, and 1 again; what b then has more, of 2");
    let mut ours = ours::Ring::new(4);
    let mut theirs = brb_network::Network::open(4, ours::BALANCE);
    for _ in 0..2 {
        ours.pay(0, 1, 1);
        theirs.pay(0, 1, 1);
    }
    let before = ours::BALANCE;
    let gained = ours
        .balance(3, 1)
        .map_or(0, |balance| balance.units() - before);
    println!("  {:36} {gained:>3}", "bft-crdts");
    let gained = theirs.balance(3, 1) - before;
    println!("  {:36} {gained:>3}", "brb + brb_dt_at2");
}
