//! The tables of options: for each its field, its key, its type and what it does.

use super::value::{Field, OptionValue};
use super::{Group, Key};
use crate::log::Topic;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tiercel::{BranchProtection, Feature};

macro_rules! groups {
    ($($group:ident $letter:literal $title:literal {
        $($field:ident $key:literal: $ty:ty, $doc:literal;)*
        $(..$rest:ident: $rest_ty:ty = $rest_keys:path)?
    })*) => {
        $(
            #[doc = $title]
            #[derive(Default)]
            pub struct $group {
                $(#[doc = $doc] pub $field: $ty,)*
                $(#[doc = "Further keys, which another table has."] pub $rest: $rest_ty,)?
            }

            impl Group for $group {
                const LETTER: char = $letter;
                const TITLE: &'static str = $title;

                fn keys() -> Vec<Key<Self>> {
                    #[allow(unused_mut, reason = "not every group has further keys")]
                    let mut keys: Vec<Key<Self>> = vec![$(Key {
                        name: $key,
                        form: <<$ty as Field>::Value as OptionValue>::FORM,
                        doc: $doc,
                        set: Box::new(|group, text| {
                            group.$field.put(OptionValue::parse(text)?);
                            Ok(())
                        }),
                    },)*];
                    $(keys.extend($rest_keys());)?
                    keys
                }
            }
        )*
    };
}

groups! {
    Wasm 'W' "Options about WebAssembly itself: limits, imports, proposals." {
        fuel "fuel": Option<u64>, "Stop the guest when it has executed this many units (about one for each instruction).";
        timeout "timeout": Option<Duration>, "Stop the guest after this time; a bare number is seconds.";
        max_wasm_stack "max-wasm-stack": Option<usize>, "Bytes of stack for guests; deeper recursion is a trap.";
        max_memory_size "max-memory-size": Option<usize>, "Bytes that each linear memory may have.";
        max_table_elements "max-table-elements": Option<usize>, "Elements that each table may have.";
        max_instances "max-instances": Option<usize>, "How many instances there may be.";
        max_tables "max-tables": Option<usize>, "How many tables there may be.";
        max_memories "max-memories": Option<usize>, "How many linear memories there may be.";
        trap_on_grow_failure "trap-on-grow-failure": Option<bool>, "Stop the guest when a memory or table cannot grow, in place of the result -1.";
        unknown_imports_trap "unknown-imports-trap": Option<bool>, "Let missing functions be imported; calling one stops the guest.";
        unknown_imports_default "unknown-imports-default": Option<bool>, "Let anything missing be imported; functions return zero or null.";
        all_proposals "all-proposals": Option<bool>, "Switch all proposals that this version runs; the switches below come after it.";
        ..features: Vec<(Feature, bool)> = feature_keys
    }

    Optimize 'O' "Options that tune: no effect on what guests compute." {
        memory_reservation "memory-reservation": Option<u64>, "Bytes of address space for each linear memory; below 4 GiB, compiled code checks each access.";
        memory_guard_size "memory-guard-size": Option<u64>, "Bytes of address space left inaccessible behind each linear memory.";
        spectre "spectre": Option<bool>, "Defend compiled code against speculation with wrong indices of jump tables (default: y).";
        memory_may_move "memory-may-move": Option<bool>, "Let linear memories move when they outgrow their reservation (default: y).";
        signals_based_traps "signals-based-traps": Option<bool>, "Leave checks in compiled code to the processor and its faults (default: y).";
    }

    Codegen 'C' "Options about code generation." {
        inlining "inlining": Option<bool>, "Put small functions in place of calls of them (default: y).";
        branch_protection "branch-protection": Option<BranchProtection>, "How code for aarch64 defends its jumps and returns: by landing pads, signed return addresses, or both (default: none).";
        tier_up_budget "tier-up-budget": Option<usize>, "With --tier auto: how much a function runs before it is optimized, in instructions; 0 is at once, 4294967294 never, 4294967295 never and uncounted.";
        tier_up_threads "tier-up-threads": Option<usize>, "With --tier auto: how many threads optimize in the background; 0 is none, the guest waits.";
        tier_up_seed "tier-up-seed": Option<u64>, "With --tier auto: make it random by this seed when functions are optimized.";
        cache "cache": Option<bool>, "Keep compiled modules on disk, for the next time (default: y).";
        cache_dir "cache-dir": Option<PathBuf>, "Where they are kept; see `tiercel cache info`.";
    }

    Debug 'D' "Options for finding mistakes in guests." {
        max_backtrace "max-backtrace": Option<usize>, "How many functions a backtrace shows at most; 0 is no backtrace.";
        verify_compiler "verify-compiler": Option<bool>, "Make the compiler check itself after each step; it panics where it is wrong.";
        log "log": Vec<Topic>, "Tell on standard error what the engine does: which tiers functions come to, what the cache is used for.";
        check_widths "check-widths": Option<bool>, "Make compiled code test that the upper half of each i32 is zero, as the compiler assumes.";
    }

    Wasi 'S' "Options about WASI: what guests get of their surroundings." {
        cli "cli": Option<bool>, "Offer WASI 0.1 to modules that import it, under both of its names (default: y).";
        inherit_env "inherit-env": Option<bool>, "Give the guest all environment variables of the host.";
        inherit_stdin "inherit-stdin": Option<bool>, "Let the guest read standard input (default: y).";
        inherit_stdout "inherit-stdout": Option<bool>, "Let the guest write to standard output (default: y).";
        inherit_stderr "inherit-stderr": Option<bool>, "Let the guest write to standard error (default: y).";
        tcplisten "tcplisten": Vec<SocketAddr>, "As `--tcplisten`: let the guest accept connections at this address.";
    }
}

/// A switch for each proposal of the engine's table.
fn feature_keys() -> impl Iterator<Item = Key<Wasm>> {
    Feature::ALL.iter().map(|&feature| Key {
        name: feature.name(),
        form: bool::FORM,
        doc: feature_doc(feature),
        set: Box::new(move |group: &mut Wasm, text| {
            group.features.push((feature, bool::parse(text)?));
            Ok(())
        }),
    })
}

fn feature_doc(feature: Feature) -> &'static str {
    if feature.is_supported() { feature.doc() } else { "not in this version" }
}
