#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gridcrew_tests::fuzzing::exchange::sheets(bytes);
});
