//! Modules compiled for aarch64 and linked.

use tiercel_abi::{BranchProtection, VmctxLayout};
use tiercel_compiler::baseline;
use tiercel_compiler::compile::{self, Code, Compiler};
use tiercel_compiler::ir::Function;
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::isa::Target;
use tiercel_compiler::isa::aarch64::{CallPolicy, Features, Ranges, Variant};
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline;
use tiercel_compiler::regalloc::Chaos;
use tiercel_compiler::translate::{Bounds, Callees, Config, Context, Inlining, Translator};
use tiercel_wasm::{Features as WasmFeatures, ModuleInfo, TypeRegistry};

/// What all of it is for.
const TARGET: Target = Target::Aarch64(Features::ALL);

/// A module that has been read.
pub struct Module {
    pub bytes: Vec<u8>,
    pub info: ModuleInfo,
}

impl Module {
    pub fn new(text: &str) -> Module {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let info = tiercel_wasm::decode(&bytes, &WasmFeatures::default(), &mut TypeRegistry::default());
        Module { info: info.unwrap_or_else(|error| panic!("{error}\n{text}")), bytes }
    }

    fn cx<'a>(&'a self, layout: &'a VmctxLayout, callees: &'a Callees) -> Context<'a> {
        Context { info: &self.info, bytes: &self.bytes, layout, callees, config: Config::default() }
    }

    /// The IR of a body after all passes.
    pub fn ir(&self, body: usize) -> Function {
        let mut translator = Translator::default();
        let layout = layout_of(&self.info);
        let callees = Callees::new(&self.info, &self.bytes);
        let func = translator.translate(self.cx(&layout, &callees), body).expect("it is translated");
        let mut options = pipeline::Options { verify: true, ..pipeline::Options::default() };
        pipeline::run(func, &mut Scratch::default(), &mut options);
        func.clone()
    }
}

/// How to compile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub chaos: Chaos,
    pub policy: Option<CallPolicy>,
    pub ranges: Ranges,
    /// Every value in a slot.
    pub plain: bool,
    /// Checks instead of guard pages and signals, memories that move.
    pub explicit: bool,
    /// The code tests that the upper half of each `i32` is zero.
    pub check_widths: bool,
    /// By the baseline compiler.
    pub baseline: bool,
    /// Every call stays one.
    pub no_inlining: bool,
    pub protection: BranchProtection,
    /// Whether the pages of the code want landing pads though it has none.
    pub guarded: bool,
}

/// Compiles every function and places them one behind another; gives the code and each function's offset.
pub fn link(module: &Module, options: Options) -> (Vec<u8>, Vec<usize>) {
    let mut functions = Vec::new();
    let mut image: Vec<u8> = Vec::new();
    let mut entries = Vec::new();
    for body in 0..module.info.bodies.len() {
        let code = compile(module, body, options);
        image.resize(image.len().next_multiple_of(code.align as usize), 0);
        entries.push(image.len());
        image.extend_from_slice(&code.bytes);
        functions.push(code);
    }
    for (code, entry) in functions.iter().zip(&entries) {
        for call in &code.calls {
            let at = entry + call.offset as usize;
            let distance = entries[call.body as usize] as i64 - at as i64;
            TARGET.patch_call(&mut image[at..], distance as i32);
        }
    }
    (image, entries)
}

/// Compiles a function.
pub fn compile(module: &Module, body: usize, options: Options) -> Code {
    let Options { chaos, policy, ranges, plain, explicit, check_widths, baseline, no_inlining, protection, .. } =
        options;
    let inlining = if no_inlining { Inlining::Off } else { Inlining::Usual };
    let bounds = if explicit { Bounds::Checked } else { Config::default().bounds };
    let options = compile::Options {
        target: TARGET,
        verify: true,
        chaos,
        plain,
        signals: !explicit,
        check_widths,
        translate: Config { bounds, memories_move: explicit, inlining, ..Config::default() },
        branch_protection: protection,
        aarch64: Variant { policy, ranges },
        ..compile::Options::default()
    };
    let layout = layout_of(&module.info);
    let callees = Callees::new(&module.info, &module.bytes);
    let mut code = Code::default();
    let cx = module.cx(&layout, &callees);
    let compiled = match baseline {
        true => baseline::Compiler::new(options).compile(cx, body, &mut code),
        false => Compiler::new(options).compile(cx, body, &mut code),
    };
    compiled.unwrap_or_else(|error| panic!("{error}"));
    code
}
