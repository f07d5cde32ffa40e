//! Money that is safe to retry: what is asked for under a reference is paid once, whoever dies
//! meanwhile.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use bft_crdts::environment;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::sandbox::{self, Home, Process, Sandbox, json};

/// Two members of a bank, whose first has 1,000,000.
fn bank(sandbox: &Sandbox) -> ([Home; 2], [Process; 2]) {
    let homes = sandbox.found("bank");
    let nodes = [homes[0].run(), homes[1].run()];
    homes[0].done(&["open", "1000000"]);
    homes[1].done(&["open", "0"]);
    homes[0].until(&["balance", &homes[1].actor], "0\n");
    (homes, nodes)
}

fn state(home: &Home, which: &str) -> serde_json::Value {
    json(&home.done(&["payment", which, "--json"]))
}

#[test]
fn a_payment_under_a_reference_is_made_once_and_its_reference_and_place_tell_of_it() {
    let sandbox = Sandbox::new("paid once");
    let ([one, two], _nodes) = bank(&sandbox);
    let pay = |amount| ["pay", &two.actor, amount, "--ref", "invoice 7"];
    assert!(one.done(&pay("10")).contains("delivered"));
    let again = one.done(&pay("10"));
    let place = format!("{}/1", one.actor);
    let told = format!(
        "payment {place} accepted, 10 to {}, under invoice 7\n",
        two.actor
    );
    assert_eq!(again, told);
    let other = one.refused(&pay("11"));
    assert!(other.contains("under that reference 10 go to"), "{other}");
    one.done(&["pay", &two.actor, "5"]);
    assert_eq!(one.done(&["payment", "invoice 7"]), told);
    two.until(&["balance"], "15\n");
    assert_eq!(two.done(&["payment", &place]), told);
    let plain = state(&two, &format!("{}/2", one.actor));
    assert_eq!(
        (&plain["state"], &plain["paid"]["amount"]),
        (&"accepted".into(), &5.into())
    );
    assert!(
        one.refused(&["payment", "invoice 8"])
            .contains("no payment")
    );
    assert!(
        one.refused(&["payment", &format!("{}/3", one.actor)])
            .contains("no payment")
    );
    let history = json(&two.done(&["history", &one.actor, "--last", "2", "--json"]));
    assert_eq!(history["since"]["seq"], 1);
    let operations = history["operations"].as_array().expect("two of three");
    assert_eq!(
        (
            operations.len(),
            &operations[0]["operation"]["pay"]["payment"]
        ),
        (2, &place.into())
    );
    assert_eq!(one.done(&["pending"]), "nothing waits\n");
    let empty = one.refused(&["pay", &two.actor, "1", "--ref", ""]);
    assert!(empty.contains("not empty"), "{empty}");
}

#[test]
fn a_payment_without_a_quorum_is_named_before_it_waits_and_is_one_however_often_it_is_asked_for() {
    let sandbox = Sandbox::new("paid later");
    let ([one, two], [first, second]) = bank(&sandbox);
    drop(second);
    let pay = ["pay", &two.actor, "100", "--ref", "invoice 7"];
    let place = format!("{}/1", one.actor);
    let mut asking = one.start_into(&pay, Stdio::piped());
    // Others see that it waits before the one who asked can have been answered.
    let mut said = String::new();
    let mut stderr = BufReader::new(asking.0.stderr.take().expect("piped"));
    stderr.read_line(&mut said).expect("a text");
    assert!(
        said.contains(&format!("payment {place} pending, 100 to")),
        "{said}"
    );
    assert!(one.done(&["pending"]).contains(&place));
    drop(asking);
    for _ in 0..3 {
        assert!(one.done(&pay).contains("pending"));
    }
    drop(first);
    let _first = one.run();
    assert!(one.done(&pay).contains("pending"));
    assert_eq!(state(&one, &place)["state"], "pending");
    let _second = two.run();
    two.until(&["balance"], "100\n");
    sandbox::until(|| state(&one, "invoice 7")["state"] == "accepted");
    assert!(one.done(&pay).contains("accepted"));
    assert_eq!(two.done(&["balance"]), "100\n");
}

/// `PAYMENTS` references under which 1 is paid, and `PAYMENT_KILLS` kills of a node; the seed,
/// `PAYMENT_SEED`, is printed.
#[test]
fn each_reference_is_paid_once_while_clients_and_nodes_are_killed_and_all_is_asked_for_again() {
    let number = |name, default| environment::number(name, 1).unwrap_or(default);
    let (payments, kills) = (number("PAYMENTS", 60), number("PAYMENT_KILLS", 4));
    let seed = number("PAYMENT_SEED", u64::from(std::process::id()));
    eprintln!("PAYMENT_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let sandbox = Sandbox::new("killed");
    let (homes, nodes) = bank(&sandbox);
    let mut nodes = nodes.map(Some);
    let [one, two] = &homes;
    let mut open: Vec<u64> = (0..payments).collect();
    let (mut asked, mut killed) = (0, 0);
    while !open.is_empty() {
        asked += 1;
        let index = random.random_range(0..open.len());
        let reference = format!("invoice {}", open[index]);
        let mut asking = one.start(&["pay", &two.actor, "1", "--ref", &reference]);
        if random.random_ratio(1, 4) {
            std::thread::sleep(Duration::from_millis(random.random_range(0..12)));
            let _ = asking.0.kill();
        }
        if killed < kills && asked * kills > killed * payments {
            killed += 1;
            let victim = random.random_range(0..nodes.len());
            nodes[victim] = None;
            nodes[victim] = Some(homes[victim].run());
        }
        // Whoever was answered asks again now and then, as one who forgot; all others do.
        if asking.ended().success() && random.random_ratio(3, 4) {
            open.swap_remove(index);
        }
    }
    assert_eq!(killed, kills);
    for number in 0..payments {
        sandbox::until(|| state(one, &format!("invoice {number}"))["state"] == "accepted");
    }
    two.until(&["balance"], &format!("{payments}\n"));
    let balance = format!("{}\n", 1_000_000 - payments);
    assert_eq!(one.done(&["balance"]), balance);
}
