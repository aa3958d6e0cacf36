//! Meta's answers.
#![no_main]

use campaign::Provider;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz::classify(Provider::Meta, data, "/messages/0/id"));
