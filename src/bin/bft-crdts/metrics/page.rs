//! Every metric, with where it is read. `docs/metrics.md` lists the same ones.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bft_crdts::Actor;
use bft_crdts::deterministic_secure_broadcast::BlockReason;
use bft_crdts::node::{MemberStatus, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

/// What begins the name of each.
const PREFIX: &str = "bft_crdts";

/// All that one page is made of.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) status: Status,
    /// Bytes of the store's file.
    pub(super) store: u64,
}

impl Sample {
    /// The page in the text format of OpenMetrics 1.0.
    pub(super) fn page(self) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("a text takes what is written");
        page
    }
}

impl Collector for Sample {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.operations(&self.status)?;
        page.signatures(&self.status)?;
        page.members(&self.status)?;
        page.generations(&self.status)?;
        page.links(&self.status)?;
        page.packets(&self.status)?;
        page.store(self)
    }
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn operations(&mut self, status: &Status) -> fmt::Result {
        let held = &status.memory;
        self.counter(
            "deliveries",
            "Messages that took effect.",
            status.counts.deliveries,
        )?;
        self.gauge(
            "pending",
            "Own operations that are not delivered.",
            status.pending,
        )?;
        self.gauge(
            "behind",
            "Messages that the members have and this node lacks.",
            status.behind(),
        )?;
        let help = "Messages that are held, by what they wait for.";
        self.each(GAUGE, "blocked", help, None, "reason", blocked(status))?;
        let help = "Operations that are held in memory.";
        let bytes = held.lane_bytes + held.outbox_bytes;
        self.one(GAUGE, "held", help, Some(Unit::Bytes), bytes)
    }

    fn signatures(&mut self, status: &Status) -> fmt::Result {
        let work = status.counts.work;
        self.counter(
            "signatures_checked",
            "Signatures that were checked.",
            work.verifications,
        )?;
        self.counter(
            "signatures_made",
            "Signatures that were made.",
            work.signatures,
        )
    }

    fn members(&mut self, status: &Status) -> fmt::Result {
        let progress = |read: fn(&bft_crdts::deterministic_secure_broadcast::Progress) -> u64| {
            of_members(status, move |it| {
                it.progress.as_ref().map(read).map(Number::from)
            })
        };
        let help = "Messages that this node has and the member is not known to have.";
        self.each(
            GAUGE,
            "member_lacks",
            help,
            None,
            ACTOR,
            progress(|it| it.lacks),
        )?;
        let help = "Messages that the member has and this node has not.";
        self.each(
            GAUGE,
            "member_leads",
            help,
            None,
            ACTOR,
            progress(|it| it.leads),
        )?;
        let silence = of_members(status, |it| it.heard.map(Number::from));
        let help = "Time since this node heard the member last.";
        self.each(
            GAUGE,
            "member_silence",
            help,
            Some(Unit::Seconds),
            ACTOR,
            silence,
        )?;
        let owes = of_members(status, |it| Some(it.owes.unwrap_or_default().into()));
        let help = "For how long the member's echo of this node's message has been missing.";
        self.each(
            GAUGE,
            "member_echo_missing",
            help,
            Some(Unit::Seconds),
            ACTOR,
            owes,
        )?;
        let linked = of_members(status, |it| Some(it.linked.into()));
        let help = "Whether there is a link to the member.";
        self.each(GAUGE, "member_linked", help, None, ACTOR, linked)?;
        let unreached = of_members(status, |it| Some(it.unreached.len().into()));
        let help = "Addresses at which the last attempt to reach the member failed.";
        self.each(GAUGE, "member_unreached", help, None, ACTOR, unreached)
    }

    fn generations(&mut self, status: &Status) -> fmt::Result {
        let counts = &status.counts;
        let ending = status.ending.as_ref().map(|ending| ending.lasts);
        self.gauge(
            "generation",
            "The generation that is installed.",
            status.generation.number(),
        )?;
        self.gauge("members", "Members of it.", status.members.len())?;
        self.gauge("quorum", "Signatures that certify in it.", status.quorum)?;
        let help = "Members whose word is missing before this node signs anything.";
        self.gauge("missing_answers", help, status.missing_answers.unwrap_or(0))?;
        self.gauge("seated", "Whether this node is a member.", status.seated)?;
        self.gauge(
            "silenced",
            "Whether this node signs no more.",
            status.silenced,
        )?;
        self.gauge(
            "convicted",
            "Actors that are convicted here.",
            status.convicted.len(),
        )?;
        self.counter("generations", "Generations that began.", counts.generations)?;
        let help = "Rounds of agreement on generations.";
        self.counter("agreement_rounds", help, counts.rounds)?;
        let help = "Time that the members' changes took, in all.";
        self.one(
            COUNTER,
            "generation_change",
            help,
            Some(Unit::Seconds),
            counts.changing,
        )?;
        let help = "For how long the present generation has been ending.";
        let ending = ending.unwrap_or_default();
        self.one(
            GAUGE,
            "generation_ending",
            help,
            Some(Unit::Seconds),
            ending,
        )
    }

    fn links(&mut self, status: &Status) -> fmt::Result {
        let traffic = &status.traffic;
        let help = "Bytes of packets that were written to links.";
        self.one(COUNTER, "sent", help, Some(Unit::Bytes), traffic.sent_bytes)?;
        let help = "Bytes that came in over links.";
        self.one(
            COUNTER,
            "received",
            help,
            Some(Unit::Bytes),
            traffic.received_bytes,
        )?;
        let help = "Packets for which there was no room or no link.";
        self.counter("packets_dropped", help, traffic.dropped)?;
        let help = "Connections that were refused, and frames for which one was closed.";
        self.counter("links_refused", help, traffic.refused)
    }

    fn packets(&mut self, status: &Status) -> fmt::Result {
        let counts = &status.counts;
        let help = "Packets for the links, by what they say.";
        self.each(
            COUNTER,
            "packets_sent",
            help,
            None,
            "kind",
            by_name(&counts.sent),
        )?;
        let help = "Packets for the replica, by what they say.";
        self.each(
            COUNTER,
            "packets_received",
            help,
            None,
            "kind",
            by_name(&counts.received),
        )?;
        let help = "Packets and parts of packets that the replica refused.";
        self.each(
            COUNTER,
            "packets_refused",
            help,
            None,
            "reason",
            by_name(&counts.refused),
        )
    }

    fn store(&mut self, sample: &Sample) -> fmt::Result {
        let status = &sample.status;
        let help = "Writes that the store made durable.";
        self.counter("store_syncs", help, status.counts.writes)?;
        self.one(
            GAUGE,
            "store_size",
            "The store's file.",
            Some(Unit::Bytes),
            sample.store,
        )?;
        let help = "Time since this node was started.";
        self.one(GAUGE, "uptime", help, Some(Unit::Seconds), status.uptime)
    }

    // ---- how it is written

    fn gauge(&mut self, name: &str, help: &str, number: impl Into<Number>) -> fmt::Result {
        self.one(GAUGE, name, help, None, number)
    }

    fn counter(&mut self, name: &str, help: &str, number: impl Into<Number>) -> fmt::Result {
        self.one(COUNTER, name, help, None, number)
    }

    fn one(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        number: impl Into<Number>,
    ) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        number.into().write(kind, metric)
    }

    /// One number for each value of a label.
    fn each(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        label: &str,
        numbers: Vec<(String, Number)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (value, number) in numbers {
            let labels = [(label, value)];
            number.write(kind, metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

const GAUGE: MetricType = MetricType::Gauge;
const COUNTER: MetricType = MetricType::Counter;
/// The label that names a member.
const ACTOR: &str = "actor";

/// What is counted or measured.
#[derive(Clone, Copy)]
enum Number {
    Whole(u64),
    Seconds(f64),
}

impl Number {
    fn write(self, kind: MetricType, mut metric: MetricEncoder<'_>) -> fmt::Result {
        match (kind, self) {
            (COUNTER, Self::Whole(number)) => {
                metric.encode_counter::<NoLabelSet, _, u64>(&number, None)
            }
            (COUNTER, Self::Seconds(seconds)) => {
                metric.encode_counter::<NoLabelSet, _, u64>(&seconds, None)
            }
            (_, Self::Whole(number)) => metric.encode_gauge(&number),
            (_, Self::Seconds(seconds)) => metric.encode_gauge(&seconds),
        }
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::Whole(number as u64)
    }
}

impl From<bool> for Number {
    fn from(holds: bool) -> Self {
        Self::Whole(holds.into())
    }
}

impl From<Duration> for Number {
    fn from(lasts: Duration) -> Self {
        Self::Seconds(lasts.as_secs_f64())
    }
}

// ---- what has labels

/// What `read` says of each other member; nothing where it says none.
fn of_members(
    status: &Status,
    read: impl Fn(&MemberStatus) -> Option<Number>,
) -> Vec<(String, Number)> {
    let me: &Actor = &status.actor;
    let others = status.members.iter().filter(|member| member.actor != *me);
    let numbers = others.filter_map(|member| Some((member.actor.to_string(), read(member)?)));
    numbers.collect()
}

/// How many messages wait for each reason that there is.
fn blocked(status: &Status) -> Vec<(String, Number)> {
    let mut counts: BTreeMap<_, u64> = BlockReason::KINDS.iter().map(|kind| (*kind, 0)).collect();
    for held in status.lanes.iter().filter_map(|lane| lane.held.as_ref()) {
        *counts.entry(held.why.kind()).or_default() += 1;
    }
    by_name(&counts)
}

fn by_name(counts: &BTreeMap<&'static str, u64>) -> Vec<(String, Number)> {
    let counts = counts.iter();
    counts
        .map(|(name, count)| ((*name).to_owned(), Number::Whole(*count)))
        .collect()
}
