//! Random modules of dense arithmetic make lowering use all that it can: each row of the instruction table that a file here names has to come
//! up. What they compute is compared elsewhere; this test sees to it that the comparison is about everything.

use super::{Buffers, Lowering, lower};
use crate::ir::machine::layout_of;
use crate::ir::{Function, Type};
use crate::isa::x64::regs::{SCRATCH, VECTOR_SCRATCH};
use crate::isa::x64::vcode::VCode;
use crate::isa::x64::{Assembler, Features};
use crate::opt::Scratch;
use crate::pipeline;
use crate::translate::{self, Bounds, Callees, Config, Translator};
use std::collections::BTreeSet;
use tiercel_wasm::TypeRegistry;

/// Modules.
const MODULES: u64 = 400;

/// The files of this folder, but for those that only move values around.
const FILES: [&str; 12] = [
    include_str!("carry.rs"),
    include_str!("control.rs"),
    include_str!("divide.rs"),
    include_str!("float.rs"),
    include_str!("int.rs"),
    include_str!("memory.rs"),
    include_str!("mod.rs"),
    include_str!("narrow.rs"),
    include_str!("vector/arith.rs"),
    include_str!("vector/convert.rs"),
    include_str!("vector/lanes.rs"),
    include_str!("vector/mod.rs"),
];

/// Rows that these modules cannot ask for, and why.
const NEVER: &[(&str, &str)] = &[
    ("SUB_MR", "no function takes 2^31 units of fuel at once"),
    ("VFMADD213PD", "there are no relaxed operations"),
    ("VFMADD213PS", "there are no relaxed operations"),
    ("VFNMADD213PD", "there are no relaxed operations"),
    ("VFNMADD213PS", "there are no relaxed operations"),
];

/// The rows that the files name.
fn named() -> BTreeSet<&'static str> {
    let lines = FILES.iter().flat_map(|text| text.lines()).filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| {
        line.match_indices("Op::").filter_map(|(at, _)| {
            let name = &line[at + 4..];
            let len = name.find(|c: char| c != '_' && !c.is_ascii_uppercase() && !c.is_ascii_digit());
            let name = &name[..len.unwrap_or(name.len())];
            let is_path = line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            (!is_path && !name.is_empty()).then_some(name)
        })
    });
    names.collect()
}

#[test]
fn random_modules_use_every_row() {
    let mut missing = named();
    assert!(missing.len() > 100, "only {} rows are named", missing.len());
    let mut features = tiercel_wasm::Features::default();
    features.set(tiercel_wasm::Feature::WideArithmetic, true);
    let floor = Features::SSE3.union(Features::SSSE3).union(Features::SSE41);
    let cpus = [Features::ALL, floor, Features::ALL.difference(Features::AVX2)];
    let (mut translator, mut scratch) = (Translator::default(), Scratch::default());
    let (mut vcode, mut buffers) = (VCode::default(), Buffers::default());
    for seed in 0..MODULES {
        let bytes = tiercel_random::dense::numbered(seed);
        let info = tiercel_wasm::decode(&bytes, &features, &mut TypeRegistry::default()).expect("a valid module");
        let layout = layout_of(&info);
        let bounds = if seed % 3 == 0 { Bounds::Checked } else { Config::default().bounds };
        let config = Config { bounds, fuel: seed % 5 == 0, ..Config::default() };
        let callees = Callees::new(&info, &bytes);
        let cx = translate::Context { info: &info, bytes: &bytes, layout: &layout, callees: &callees, config };
        for body in 0..info.bodies.len() {
            let func: &mut Function = translator.translate(cx, body).expect("it is supported");
            pipeline::run(func, &mut scratch, &mut pipeline::Options::default());
            let ty = info.func_type(body as u32 + info.imported.funcs);
            let params: Vec<Type> = ty.params().iter().map(|&ty| Type::from(ty)).collect();
            for features in cpus {
                let mut asm = Assembler::new(features);
                let context = Lowering {
                    info: &info,
                    layout: &layout,
                    foreign_tail_calls: false,
                    spectre: seed % 2 == 0,
                    signals: true,
                    check_widths: false,
                    registers: crate::isa::x64::abi::REGISTERS,
                };
                lower(context, func, &params, &mut vcode, &mut asm, &mut buffers).expect("it is supported");
                for inst in &vcode.insts {
                    missing.remove(inst.x.op().row().name);
                    // The allocator's moves use these, and may stand between any two instructions.
                    inst.x.for_each_operand(|operand| {
                        assert!(![SCRATCH, VECTOR_SCRATCH].contains(&operand.reg), "seed {seed}: {}", inst.x);
                    });
                }
            }
        }
    }
    for (name, why) in NEVER {
        assert!(missing.remove(name), "{name} comes up, although {why}");
    }
    assert!(missing.is_empty(), "no module asks for {missing:?}");
}
