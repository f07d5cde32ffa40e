//! What a node measures is served as text that collectors read, is what the document lists, and
//! costs no more for strangers who ask.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::sandbox::{Home, Process, Sandbox, text, until};

/// A node, and where it says that it serves.
pub(crate) fn run(home: &Home) -> (Process, SocketAddr) {
    let log = home.directory.join("log");
    let stderr = File::create(&log).expect("a file");
    let mut node = home.start_into(&["run", "--metrics", "0"], stderr);
    assert!(node.line().starts_with("ready "));
    let said = fs::read_to_string(&log).expect("a file");
    let at = said.lines().find_map(|line| {
        let at = line.strip_prefix("metrics are at http://")?;
        at.strip_suffix("/metrics")
    });
    let at = at.and_then(|at| at.parse().ok());
    (node, at.expect("it is said"))
}

/// What answers these bytes: the head and the body.
fn say(at: SocketAddr, bytes: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(at).expect("it listens");
    // It may be hung up on while it speaks.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

fn page(at: SocketAddr) -> String {
    let (head, body) = say(at, b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let kind = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.contains(kind), "{head}");
    let len = format!("Content-Length: {}", body.len());
    assert!(head.contains(&len), "{head}");
    body
}

/// One metric as a page has it or as the document lists it.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    unit: String,
    label: String,
    /// Values by the value of the label.
    samples: BTreeMap<String, f64>,
}

/// Reads a page, and checks that it is one: what a family is comes before its samples, which stand
/// together; names, units and numbers have the form that the format asks for; and it ends with its
/// end.
fn families(page: &str) -> BTreeMap<String, Family> {
    let lines = page.strip_suffix("# EOF\n").expect("an end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut present = String::new();
    for line in lines.lines() {
        if let Some(told) = line.strip_prefix("# ") {
            let mut words = told.splitn(3, ' ');
            let [what, name, said] = [(); 3].map(|()| words.next().expect("three words"));
            if what == "HELP" {
                assert!(!families.contains_key(name), "{name} twice");
                name.clone_into(&mut present);
            }
            assert_eq!(name, present, "{line}");
            let family = families.entry(present.clone()).or_default();
            match what {
                "HELP" => assert!(said.ends_with('.'), "{line}"),
                "TYPE" => said.clone_into(&mut family.kind),
                "UNIT" => said.clone_into(&mut family.unit),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (sample, number) = line.rsplit_once(' ').expect("a number");
        let number: f64 = number.parse().expect("a number");
        assert!(number.is_finite() && number >= 0.0, "{line}");
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let family = families.get_mut(&present).expect("told before");
        let name = match &*family.kind {
            "counter" => name.strip_suffix("_total").expect("a counter's name"),
            _ => name,
        };
        assert_eq!(name, present, "{line}");
        assert!(name.ends_with(&family.unit), "{line}");
        let label = labels.strip_suffix("\"}").unwrap_or(labels);
        let (label, value) = label.split_once("=\"").unwrap_or_default();
        label.clone_into(&mut family.label);
        let before = family.samples.insert(value.to_owned(), number);
        assert_eq!(before, None, "{line} twice");
    }
    families
}

/// The families that the document lists: type, label and unit of each.
fn documented() -> BTreeMap<String, [String; 3]> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let page = fs::read_to_string(page).expect("a document");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `bft_crdts_"));
    let rows = rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "{row}");
        assert!(!cells[5].is_empty(), "{row}");
        let name = cells[1].trim_matches('`').to_owned();
        (name, [2, 3, 4].map(|cell| cells[cell].to_owned()))
    });
    rows.collect()
}

#[test]
fn what_is_served_is_what_is_documented() {
    let sandbox = Sandbox::new("metrics");
    let homes: [Home; 4] = sandbox.found_many("set");
    let (_first, at) = run(&homes[0]);
    let others: Vec<_> = homes[1..].iter().map(Home::run).collect();
    homes[0].done(&["add", "apple"]);
    for home in &homes[1..] {
        home.until(&["list"], "apple\n");
    }
    let documented = documented();
    let mut served = families(&page(at));
    let names = |all: &BTreeMap<String, Family>| all.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&served), documented.keys().cloned().collect());
    for (name, [kind, label, unit]) in &documented {
        let family = &served[name];
        assert_eq!((&family.kind, &family.unit), (kind, unit), "{name}");
        // Of what never happened nothing is known.
        if !family.samples.is_empty() {
            assert_eq!(&family.label, label, "{name}");
        }
    }
    let one = |served: &BTreeMap<String, Family>, name: &str, value: &str| {
        let family = &served[&format!("bft_crdts_{name}")];
        family.samples.get(value).copied()
    };
    assert_eq!(one(&served, "deliveries", ""), Some(1.0));
    assert_eq!(one(&served, "members", ""), Some(4.0));
    assert_eq!(one(&served, "blocked", "echoes missing"), Some(0.0));
    for (name, value) in [
        ("signatures_checked", ""),
        ("packets_received", "echo"),
        ("received_bytes", ""),
        ("store_syncs", ""),
        ("store_size_bytes", ""),
        ("uptime_seconds", ""),
    ] {
        assert!(one(&served, name, value) > Some(0.0), "{name}");
    }
    // What waits for those who are gone.
    let last = &homes[3].actor;
    until(|| one(&families(&page(at)), "member_silence_seconds", last).is_some());
    drop(others);
    let _waits = homes[0].start(&["add", "pear"]);
    until(|| {
        served = families(&page(at));
        one(&served, "blocked", "echoes missing") == Some(1.0)
    });
    assert_eq!(one(&served, "pending", ""), Some(1.0));
    until(|| one(&families(&page(at)), "member_echo_missing_seconds", last) > Some(0.1));
    assert!(one(&served, "member_silence_seconds", last).is_some());
}

#[test]
fn generations_and_how_long_they_took_are_counted() {
    let sandbox = Sandbox::new("generations");
    let homes: [Home; 4] = sandbox.found_many("set");
    let (_first, at) = run(&homes[0]);
    let _others: Vec<_> = homes[1..].iter().map(Home::run).collect();
    homes[0].done(&["add", "apple"]);
    for home in &homes[..3] {
        // Who comes last may find it made.
        home.ask(&["renew"]);
    }
    let one = |name: &str| families(&page(at))[&format!("bft_crdts_{name}")].samples[""];
    until(|| one("generation") >= 1.0 && one("generation_ending_seconds") == 0.0);
    assert_eq!(one("generations"), one("generation"));
    assert!(one("generation_change_seconds") > 0.0);
    assert!(one("agreement_rounds") >= 1.0);
}

#[test]
fn what_strangers_say_is_refused_in_time_and_keeps_nobody_out_for_long() {
    let sandbox = Sandbox::new("scrapers");
    let one = sandbox.found_alone("set");
    let (_node, at) = run(&one);
    let long = format!("GET /metrics HTTP/1.1\r\nA: {}", "a".repeat(1 << 20));
    let many = format!("GET /metrics HTTP/1.1\r\n{}", "A: a\r\n".repeat(500));
    for (said, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /metrics/../x HTTP/1.1\r\n\r\n", "404"),
        (
            "POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\nanything!",
            "405",
        ),
        ("\u{1b}[2J\r\n\r\n", "400"),
        ("GET /metrics HTTP/9\r\n\r\n", "400"),
        (&long, "431"),
        (&many, "431"),
    ] {
        let (head, body) = say(at, said.as_bytes());
        let begin = format!("HTTP/1.1 {status} ");
        assert!(head.starts_with(&begin), "{said:.50} {head}");
        assert!(!body.contains("bft_crdts"), "{body}");
    }
    let (head, body) = say(at, b"HEAD /metrics?x HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body, "");
    // Those who say nothing, or take nothing, are hung up on.
    let idle = (0..100).map(|_| TcpStream::connect(at).expect("it listens"));
    let mut idle: Vec<_> = idle.collect();
    for stream in idle.iter_mut().skip(50) {
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\n")
            .expect("it listens");
    }
    assert_eq!(
        one.done(&["add", "apple"]).split(' ').next(),
        Some("delivered")
    );
    for stream in &mut idle[..16] {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a time");
        assert_eq!(stream.read(&mut [0; 1]).ok(), Some(0));
    }
    drop(idle);
    families(&page(at));
}

#[test]
fn an_address_that_cannot_be_served_at_is_told_at_the_start() {
    let sandbox = Sandbox::new("taken");
    let one = sandbox.found_alone("set");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("bound").to_string();
    let told = one.refused(&["run", "--metrics", &at]);
    assert!(
        told.contains(&format!("metrics cannot be served at {at}")),
        "{told}"
    );
    assert_eq!(
        one.ask(&["run", "--metrics", "here"]).status.code(),
        Some(2)
    );
}
