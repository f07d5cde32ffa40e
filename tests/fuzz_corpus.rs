//! The fuzz targets without a fuzzer: all that is kept in `fuzz/corpus`, and as many seeded
//! mutations of it as asked for.

#[path = "promises/common/mod.rs"]
mod common;

#[path = "../fuzz/src/bodies/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the fuzz crate uses the rest"
)]
mod bodies;

#[cfg(feature = "cli")]
#[path = "../src/bin/bft-crdts/name.rs"]
#[allow(dead_code, unreachable_pub, reason = "the program uses the rest")]
mod name;
#[cfg(feature = "cli")]
#[path = "../src/bin/bft-crdts/protocol/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
mod protocol;

use std::path::Path;

use bft_crdts::environment;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The files of a target's corpus, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = std::fs::read_dir(folder).expect("a committed corpus");
    let mut files: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let bytes = std::fs::read(&path).expect("its bytes");
            (path.display().to_string(), bytes)
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// How many properties are to be tried, as quickcheck's own tests ask.
fn tests() -> usize {
    environment::number("QUICKCHECK_TESTS", 1).unwrap_or(100)
}

/// Tells which input it was before a panic ends the test.
struct Input<'a>(&'a str, &'a [u8]);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.1.iter().map(|byte| format!("{byte:02x}")).collect();
            let message = format!("{}: {hex}\n", self.0);
            let _ = std::io::Write::write_all(&mut std::io::stderr(), message.as_bytes());
        }
    }
}

fn try_out(body: fn(&[u8]), name: &str, bytes: &[u8]) {
    let _told = Input(name, bytes);
    body(bytes);
}

/// Replays the corpus, then `rounds` mutations of its files, the same in every run.
fn replay(target: &str, body: fn(&[u8]), rounds: usize) {
    let corpus = corpus(target);
    for (name, bytes) in &corpus {
        try_out(body, name, bytes);
    }
    let mut random = ChaCha8Rng::seed_from_u64(corpus.len() as u64);
    for _ in 0..rounds {
        let (name, bytes) = &corpus[random.random_range(0..corpus.len())];
        let mut bytes = bytes.clone();
        (0..=random.random_range(0..4)).for_each(|_| mutate(&mut random, &mut bytes));
        try_out(body, name, &bytes);
    }
}

fn mutate(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let at = random.random_range(0..=bytes.len());
    let until = (at + random.random_range(0..16usize)).min(bytes.len());
    match random.random_range(0..6) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..until)),
        2 => {
            let again = bytes[at..until].to_vec();
            bytes.splice(at..at, again);
        }
        3 => {
            let mut more = [0; 16];
            random.fill_bytes(&mut more);
            bytes.extend(more);
        }
        4 => bytes[at..until].fill(0xff),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
    }
}

/// A kind that was added since the seeds were written last has none: the example `seeds` writes it.
#[test]
fn the_corpus_has_a_seed_of_each_kind() {
    let written: Vec<_> = corpus("decode").into_iter().map(|(path, _)| path).collect();
    for (name, _) in bodies::decode_seeds() {
        let end = format!("/{name}");
        assert!(written.iter().any(|path| path.ends_with(&end)), "{name}");
    }
}

/// Seeds of a format that is no more reach nothing behind the decoder.
#[test]
fn the_seeds_of_proofs_are_the_vectors_of_their_names() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/proofs");
    for (path, seed) in corpus("proof") {
        let name = path.rsplit('/').next().expect("a name");
        let vector = std::fs::read(golden.join(format!("{name}.bin"))).expect("a vector");
        assert_eq!(seed, vector, "{path}");
    }
}

#[test]
fn whatever_bytes_come_a_decoder_refuses_them_or_they_are_what_it_encodes() {
    replay("decode", bodies::decode, 20 * tests());
}

#[test]
fn whatever_a_liar_and_the_network_do_with_packets_what_is_promised_holds() {
    replay("handle_packet", bodies::handle_packet, 2 * tests());
}

#[test]
fn whatever_file_comes_it_is_refused_or_establishes_the_same_however_it_is_read() {
    replay("proof", bodies::proof, 10 * tests());
}

#[test]
fn whatever_became_of_its_records_a_replica_agrees_with_them_or_is_not_built() {
    replay("recover", bodies::recover, 5 * tests());
}

#[test]
fn whatever_state_and_operations_come_each_type_judges_them_by_the_laws() {
    replay("types", bodies::types, 20 * tests());
}

/// The doors of a node and its program.
#[cfg(feature = "cli")]
mod real {
    use super::{bodies::real, replay, tests};

    #[test]
    fn what_is_heard_on_a_link_is_what_was_said_and_may_be_said() {
        replay("frames", real::frames, 10 * tests());
    }

    #[test]
    fn an_invitation_is_read_from_its_own_text_and_no_other() {
        replay("invitation", real::invitation, 20 * tests());
    }

    #[test]
    fn a_line_on_the_control_socket_is_refused_or_means_what_it_says() {
        replay("request", real::request, 20 * tests());
    }

    #[test]
    fn rows_of_a_log_are_what_was_written_or_the_first_wrong_one_is_named() {
        replay("rows", real::rows, 10 * tests());
    }

    #[test]
    fn a_damaged_file_is_an_error_or_a_beginning() {
        replay("file", real::file, tests() / 10);
    }
}
