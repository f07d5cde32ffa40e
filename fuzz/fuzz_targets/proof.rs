#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bft_crdts_fuzz::bodies::proof(input));
