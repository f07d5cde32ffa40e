//! The environment variables that say what the tests try.
//!
//! A variable that is not set changes nothing. One that is set and cannot be read, or that asks for
//! nothing to be tried, ends the program: a test that checked nothing must not pass.

use std::env::{self, VarError};
use std::fmt::Display;
use std::str::FromStr;

/// The variables that quickcheck reads, each with the least number that still tries something.
///
/// quickcheck takes its default, silently, for what it cannot read, and passes when it is told to
/// try nothing.
const QUICKCHECK: [(&str, u64); 4] = [
    ("QUICKCHECK_TESTS", 1),
    ("QUICKCHECK_MAX_TESTS", 1),
    ("QUICKCHECK_GENERATOR_SIZE", 1),
    ("QUICKCHECK_MIN_TESTS_PASSED", 0),
];

/// The text of the variable `name`, if it is set.
///
/// # Panics
/// When the text is not UTF-8.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    match env::var(name) {
        Ok(text) => Some(text),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(text)) => panic!("{name}={}: not UTF-8", text.display()),
    }
}

/// The number that the variable `name` holds, if it is set.
///
/// # Panics
/// When it holds anything but a number of type `T` that is at least `least`.
#[must_use]
pub fn number<T: FromStr + PartialOrd + Display>(name: &str, least: T) -> Option<T> {
    let text = text(name)?;
    match parse(&text, least) {
        Ok(number) => Some(number),
        Err(expected) => panic!("{name}={text}: expected {expected}"),
    }
}

/// Whether the variable `name` is set, which it may only be to `word`.
///
/// # Panics
/// When it is set to anything else.
#[must_use]
pub fn is(name: &str, word: &str) -> bool {
    let given = text(name);
    if let Some(given) = &given {
        assert!(given == word, "{name}={given}: expected {word}, or nothing");
    }
    given.is_some()
}

/// Checks the variables that quickcheck reads by itself.
///
/// # Panics
/// When one of them is set to what quickcheck would ignore, or would pass with without having tried
/// anything.
pub fn check_quickcheck() {
    for (name, least) in QUICKCHECK {
        let _ = number(name, least);
    }
}

/// The number that a text is, or what was expected of it.
fn parse<T: FromStr + PartialOrd + Display>(text: &str, least: T) -> Result<T, String> {
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => {
            let kind = std::any::type_name::<T>();
            Err(format!(
                "a whole number that is at least {least} and fits {kind}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_or_less_than_the_least_is_not_read() {
        assert_eq!(parse("7", 1_u32), Ok(7));
        assert_eq!(parse("0", 0_u32), Ok(0));
        for text in [
            "",
            " ",
            "0",
            "-1",
            "1e3",
            "1_000",
            "4294967296",
            "7 ",
            "0x10",
        ] {
            assert!(parse(text, 1_u32).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_variable_that_is_not_set_says_nothing() {
        let name = "A_VARIABLE_THAT_NOBODY_SETS";
        assert_eq!((number(name, 1_u32), is(name, "deep")), (None, false));
    }
}
