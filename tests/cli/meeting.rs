//! Nodes that cannot meet say why, once, and call nobody level whom they have not heard.

use std::fs::{self, File};

use crate::sandbox::{self, Home, Sandbox, free_address, json, text, until};

/// The first of two founders, and how it speaks of the second one, whom it has to find at this
/// address.
struct Seeker {
    one: Home,
    two: String,
    invitation: String,
}

impl Seeker {
    fn of(sandbox: &Sandbox, there: &str) -> Self {
        let mut homes = ["one", "two"].map(|name| sandbox.home(name));
        homes[0].address = free_address();
        homes[1].address = there.to_owned();
        let invitation = sandbox::found("set", &homes);
        homes[0].done(&["join", invitation.trim()]);
        let [one, two] = homes;
        let two = two.actor;
        Self {
            one,
            two,
            invitation,
        }
    }

    /// What it says of the second founder, once it has tried to reach it.
    fn complains(&self, why: &[&str]) {
        let log = self.one.directory.join("log");
        let mut node = self
            .one
            .start_into(&["run"], File::create(&log).expect("a file"));
        assert!(node.line().starts_with("ready "));
        let member = || {
            let members = json(&self.one.done(&["members", "--json"]));
            let mut members = members.as_array().expect("a list").clone().into_iter();
            members
                .find(|member| member["actor"] == self.two)
                .expect("a member")
        };
        until(|| !member()["unreached"].as_array().expect("a list").is_empty());
        let member = member();
        let told = member["unreached"][0]["why"]
            .as_str()
            .expect("a text")
            .to_owned();
        assert!(why.iter().any(|why| told.contains(why)), "{member}");
        assert_eq!(member["lacks"], serde_json::Value::Null, "{member}");
        let members = self.one.done(&["members"]);
        assert!(
            members.contains("not heard of; not reached at "),
            "{members}"
        );
        assert!(!members.contains("level"), "{members}");
        let health = self.one.ask(&["health"]);
        assert_eq!(health.status.code(), Some(5));
        let health = text(&health.stdout);
        let silent = format!("{} is silent: not heard since", self.two);
        assert!(
            health.contains(&silent) && health.contains(&told),
            "{health}"
        );
        let log = fs::read_to_string(log).expect("a file");
        let lines: Vec<_> = log
            .lines()
            .filter(|line| line.contains("not reached"))
            .collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(
            lines[0].contains(&self.two) && lines[0].contains(&told),
            "{log}"
        );
    }
}

#[test]
fn a_name_that_does_not_exist_is_said_to_be_none() {
    let sandbox = Sandbox::new("name");
    let seeker = Seeker::of(&sandbox, "there.invalid:4433");
    seeker.complains(&["no such name", "name server"]);
}

#[test]
fn a_port_at_which_nobody_listens_is_named() {
    let sandbox = Sandbox::new("port");
    Seeker::of(&sandbox, &free_address()).complains(&["nobody answers"]);
}

#[test]
fn another_actor_at_the_address_is_told_from_the_one_that_is_sought() {
    let sandbox = Sandbox::new("key");
    let there = free_address();
    let seeker = Seeker::of(&sandbox, &there);
    let third = sandbox.home("third");
    third.done(&["join", seeker.invitation.trim()]);
    let mut node = third.start(&["run", "--listen", &there]);
    assert!(node.line().starts_with("ready "));
    seeker.complains(&["another actor"]);
}

#[test]
fn a_node_of_another_network_is_told_from_one_of_ours() {
    let sandbox = Sandbox::new("network");
    let there = free_address();
    let seeker = Seeker::of(&sandbox, &there);
    let mut third = sandbox.home("third");
    third.address.clone_from(&there);
    let invitation = sandbox::found("set", std::slice::from_ref(&third));
    third.done(&["join", invitation.trim()]);
    let _node = third.run();
    seeker.complains(&["another network"]);
}
