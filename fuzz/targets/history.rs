#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| meanwhile_fuzz::history::check(data));
