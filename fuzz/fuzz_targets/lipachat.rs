//! LipaChat's answers.
#![no_main]

use campaign::Provider;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz::classify(Provider::LipaChat, data, "/data/waId"));
