//! The stubs of an engine, made when a signature first needs them; and those that all engines share.

use super::arch::{Assembler, Features, stubs};
use super::stop;
use crate::api::error::Result;
use crate::sync::Mutex;
use crate::sys::Executable;
use crate::vm::HostCall;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use std::sync::OnceLock;
use tiercel_compiler::ir::Type;
use tiercel_compiler::isa::stubs::{Callee, Shape};
use tiercel_wasm::FuncType;

/// What code is aligned to, in bytes, so that the processor fetches the way through a stub at once. No effect on correctness.
const ALIGN: u32 = 32;

/// The stubs of one signature. They live as long as their engine.
#[derive(Clone, Copy)]
pub struct Stubs {
    /// How slots reach compiled code.
    pub entry: HostCall,
    /// The `native` entry of a host function.
    pub host: *const u8,
    /// The `native` entry of a host function that takes its arguments in registers; that of the others where they do not fit.
    pub host_in_registers: *const u8,
    /// The `native` entry of a function that the interpreter runs.
    pub interp: *const u8,
}

// SAFETY: addresses of code that does not change.
unsafe impl Send for Stubs {}

/// The stubs that an engine has made.
pub struct Cache {
    features: Features,
    exits: &'static Exits,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    by_shape: BTreeMap<Shape, Stubs>,
    /// What they lie in.
    code: Vec<Executable>,
}

/// The shape of a function type.
pub fn shape(ty: &FuncType) -> Shape {
    // In slots and registers references of all kinds are alike.
    let of = |ty: tiercel_wasm::ValType| if ty.is_traced() { Type::I64 } else { Type::from(ty) };
    let types = |types: &[tiercel_wasm::ValType]| types.iter().map(|&ty| of(ty)).collect();
    Shape { params: types(ty.params()), results: types(ty.results()) }
}

impl Cache {
    /// # Errors
    /// The host lets no program make code.
    pub fn new(features: Features) -> Result<Cache> {
        Ok(Cache { features, exits: exits()?, made: Mutex::new(Made::default()) })
    }

    /// What code calls to stop its guest in engines without signals.
    pub fn raise(&self) -> *const u8 {
        core::ptr::with_exposed_provenance(self.exits.raise)
    }

    /// The `native` entry of host functions for which there is no memory for another one.
    pub fn refuse(&self) -> *const u8 {
        core::ptr::with_exposed_provenance(self.exits.refuse)
    }

    /// The stubs of some shapes, in their order. New ones are made together.
    ///
    /// # Errors
    /// The host has no memory.
    pub fn get<'a>(&self, shapes: impl Iterator<Item = &'a Shape> + Clone) -> Result<Vec<Stubs>> {
        let made = &mut *self.made.lock();
        let mut asm = Assembler::new(self.features);
        let mut new: BTreeMap<&Shape, [u32; 4]> = BTreeMap::new();
        for shape in shapes.clone() {
            if !made.by_shape.contains_key(shape) && !new.contains_key(shape) {
                new.insert(shape, self.emit(&mut asm, shape));
            }
        }
        if !new.is_empty() {
            asm.finish();
            let bytes = asm.code();
            let code = Executable::new(bytes.len(), true, |place| place[..bytes.len()].copy_from_slice(bytes))?;
            for (shape, [entry, host, in_registers, interp]) in new {
                let at = |offset: u32| code.at(offset as usize);
                // SAFETY: an entry stub is called as a `HostCall`.
                let entry = unsafe { core::mem::transmute::<*const u8, HostCall>(at(entry)) };
                made.by_shape.insert(
                    shape.clone(),
                    Stubs { entry, host: at(host), host_in_registers: at(in_registers), interp: at(interp) },
                );
            }
            made.code.push(code);
        }
        Ok(shapes.map(|shape| made.by_shape[shape]).collect())
    }

    /// Emits the stubs of a shape; gives their offsets.
    fn emit(&self, asm: &mut Assembler, shape: &Shape) -> [u32; 4] {
        let exit = self.exits.stopped as u64;
        let mut place = |emit: &dyn Fn(&mut Assembler)| {
            asm.align(ALIGN);
            let offset = asm.offset();
            emit(asm);
            offset
        };
        let interp = Callee::Routine(stop::call_interpreter as *const () as u64);
        let entry = place(&|asm| stubs::entry(asm, shape));
        let host = place(&|asm| stubs::leave(asm, shape, Callee::Host, exit));
        let in_registers = match shape.fits_registers() {
            true => place(&|asm| stubs::leave_in_registers(asm, shape, exit)),
            false => host,
        };
        [entry, host, in_registers, place(&|asm| stubs::leave(asm, shape, interp, exit))]
    }
}

/// Where stopped guests go.
pub struct Exits {
    _code: Executable,
    /// After a signal.
    pub trapped: usize,
    /// After something that was called by way of a stub.
    pub stopped: usize,
    /// A trap of code that does without signals calls this.
    pub raise: usize,
    /// Stands for the entry of a host function that could not be made.
    pub refuse: usize,
    /// Stands for the code of a function that could not be made; the reason is in the store.
    pub abandoned: usize,
}

static EXITS: OnceLock<Exits> = OnceLock::new();

/// The exits, which never change once they are made. Async-signal-safe.
pub fn made_exits() -> Option<&'static Exits> {
    EXITS.get()
}

/// # Errors
/// The host lets no program make code.
fn exits() -> Result<&'static Exits> {
    if let Some(exits) = EXITS.get() {
        return Ok(exits);
    }
    let mut asm = Assembler::new(Features::BASELINE);
    stubs::exit(&mut asm, stop::trapped as *const () as u64);
    asm.align(ALIGN);
    let stopped = asm.offset() as usize;
    stubs::exit(&mut asm, stop::stopped as *const () as u64);
    asm.align(ALIGN);
    let raise = asm.offset() as usize;
    stubs::raise(&mut asm, stop::raised as *const () as u64);
    asm.align(ALIGN);
    let refuse = asm.offset() as usize;
    stubs::refuse(&mut asm, stop::refused as *const () as u64);
    asm.align(ALIGN);
    let abandoned = {
        let abandoned = asm.offset() as usize;
        stubs::refuse(&mut asm, stop::stopped as *const () as u64);
        abandoned
    };
    asm.finish();
    let bytes = asm.code();
    let code = Executable::new(bytes.len(), true, |place| place[..bytes.len()].copy_from_slice(bytes))?;
    let [trapped, stopped, raise, refuse] =
        [0, stopped, raise, refuse].map(|offset| code.at(offset).expose_provenance());
    let abandoned = code.at(abandoned).expose_provenance();
    Ok(EXITS.get_or_init(|| Exits { _code: code, trapped, stopped, raise, refuse, abandoned }))
}
