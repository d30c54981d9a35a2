//! The stages from WebAssembly to aarch64 code, as [`tiercel_compiler::compile`] has them for the other ISA.

use tiercel_compiler::compile::Code;
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::ir::{Function, Type};
use tiercel_compiler::isa::aarch64::vcode::{VCode, preg, preg_set};
use tiercel_compiler::isa::aarch64::{Assembler, CallPolicy, Features, Ranges, abi, emit, lower, regs};
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline;
use tiercel_compiler::regalloc::{self, Allocator, Chaos, Machine, Output, checker, plain};
use tiercel_compiler::translate::{Callees, Config, Context, Translator};
use tiercel_wasm::{Features as WasmFeatures, ModuleInfo, TypeRegistry};

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

    /// The IR of a body after all passes.
    pub fn ir(&self, body: usize) -> Function {
        let mut translator = Translator::default();
        let layout = layout_of(&self.info);
        let callees = Callees::new(&self.info, &self.bytes);
        let cx = Context {
            info: &self.info,
            bytes: &self.bytes,
            layout: &layout,
            callees: &callees,
            config: Config::default(),
        };
        let func = translator.translate(cx, body).expect("it is translated");
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
}

/// Compiles every function and places them one behind another; gives the code and each function's offset.
pub fn link(module: &Module, options: Options) -> (Vec<u8>, Vec<usize>) {
    let mut functions = Vec::new();
    let mut image: Vec<u8> = Vec::new();
    let mut entries = Vec::new();
    for body in 0..module.info.bodies.len() {
        let (code, _) = compile(module, body, options);
        image.resize(image.len().next_multiple_of(code.align as usize), 0);
        entries.push(image.len());
        image.extend_from_slice(&code.bytes);
        functions.push(code);
    }
    for (code, entry) in functions.iter().zip(&entries) {
        for call in &code.calls {
            let at = entry + call.offset as usize;
            let distance = (entries[call.body as usize] as i64 - at as i64) / 4;
            let word = u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes"));
            let word = word | distance as u32 & 0x3ff_ffff;
            image[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
    }
    (image, entries)
}

/// Compiles a function; gives its vcode as text too.
pub fn compile(module: &Module, body: usize, options: Options) -> (Code, String) {
    let info = &module.info;
    let func = module.ir(body);
    let layout = layout_of(info);
    let params: Vec<Type> =
        info.func_type(body as u32 + info.imported.funcs).params().iter().map(|&ty| ty.into()).collect();
    let mut asm = Assembler::with_ranges(Features::ALL, options.ranges);
    let (mut vcode, mut code) = (VCode::default(), Code::default());
    let cx = lower::Context {
        info,
        layout: &layout,
        features: Features::ALL,
        foreign_tail_calls: false,
        policy: options.policy,
    };
    lower::lower(cx, &func, &params, &mut vcode, &mut asm, &mut lower::Buffers::default())
        .unwrap_or_else(|op| panic!("`{}` cannot be lowered", op.name()));
    let machine = Machine {
        allocatable: preg_set(regs::ALLOCATABLE),
        callee_saved: preg_set(abi::CALLEE_SAVED),
        scratch: [preg(regs::SCRATCH), preg(regs::VECTOR_SCRATCH)],
    };
    let (mut allocator, mut out) = (Allocator::new(), Output::default());
    allocator.chaos = options.chaos;
    let text = vcode.to_string();
    let done = if options.plain {
        plain::allocate(&vcode, &machine, &mut out)
    } else {
        match allocator.run(&vcode, &machine, &mut out) {
            Err(regalloc::Error::TooComplex | regalloc::Error::Irreducible(_)) => {
                plain::allocate(&vcode, &machine, &mut out)
            }
            done => done,
        }
    };
    done.unwrap_or_else(|error| panic!("{error}\n{text}"));
    checker::check(&vcode, &machine, &out).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let escapes = info.escaping.binary_search(&(body as u32)).is_ok();
    let cx = emit::Context { escapes, loc: 0 };
    emit::emit(cx, &vcode, &out, &mut asm, &mut emit::Buffers::default(), &mut code);
    (code, text)
}
