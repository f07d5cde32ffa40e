//! A variable that asks for nothing, or for what is not a number, fails the tests that read it.

use std::process::{Command, Output};

use bft_crdts::environment;

/// A property of quickcheck's own, and one of ours: each obeys the variable.
const PROPERTIES: [&str; 2] = [
    "environment::the_variables_that_quickcheck_reads_are_numbers",
    "laws::the_set_keeps_the_laws",
];

/// Runs one test of this program in another process, with a variable set.
fn run(test: &str, variable: &str, value: &str) -> Output {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", test]).env(variable, value);
    command.output().expect("the program runs")
}

#[test]
fn a_property_that_is_told_to_try_nothing_or_no_number_of_cases_fails() {
    for test in PROPERTIES {
        for value in ["0", "1e3", "-1", "", "ten", "5000000000000000000000"] {
            let output = run(test, "QUICKCHECK_TESTS", value);
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(!output.status.success(), "{test} passed with {value:?}");
            assert!(told.contains("QUICKCHECK_TESTS"), "{told}");
        }
        let output = run(test, "QUICKCHECK_TESTS", "2");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("1 passed"), "{told}");
    }
}

/// quickcheck passes with `QUICKCHECK_TESTS=0` and takes what it cannot read for its default.
/// Nothing inside one of its properties can tell, so this test stands beside them.
#[test]
fn the_variables_that_quickcheck_reads_are_numbers() {
    environment::check_quickcheck();
}
