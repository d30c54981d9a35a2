//! Functions written by hand. What they are made of is in the file of each machine.

use crate::native;
use crate::native::image::{Batch, Image};
use crate::{Config, Engine, Module, Tier};
use alloc::vec::Vec;
use std::sync::Arc;
use tiercel_abi::Trap;
use tiercel_abi::frames::NO_MAP;
use tiercel_compiler::compile::{CallReloc, CallSite, Code, TrapSite};

pub use machine::{ARGS, RESULT};
use machine::{Assembler, Label, Symbol};

#[cfg_attr(target_arch = "x86_64", path = "x64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod machine;

/// A function that is being written.
pub struct Hand {
    pub asm: Assembler,
    code: Code,
    exits: Vec<(Label, u8, u32)>,
}

impl Hand {
    /// A function with a frame of so many bytes, a multiple of 16. Its stack is checked at the start.
    pub fn framed(frame_bytes: i32) -> Hand {
        let mut hand = Hand::frameless();
        hand.code.frameless = false;
        hand.prologue(frame_bytes);
        hand
    }

    /// A function without a frame.
    pub fn frameless() -> Hand {
        let asm = Assembler::new(crate::native::arch::CPU_FLOOR);
        let mut hand = Hand { asm, code: Code::default(), exits: Vec::new() };
        hand.foreign_entry();
        hand.code.foreign_entry = Some(0);
        hand.code.local_entry = hand.asm.offset();
        hand.code.frameless = true;
        hand
    }

    /// The next instruction may fault.
    pub fn trap_site(&mut self, code: u8, loc: u32) {
        self.code.traps.push(TrapSite { offset: self.asm.offset(), code, loc });
    }

    /// Traps.
    pub fn trap(&mut self, trap: Trap, loc: u32) {
        self.trap_site(trap.code(), loc);
        self.trap_instruction();
    }

    /// Where a jump leads that stops the guest.
    fn exit(&mut self, code: u8, loc: u32) -> Label {
        let label = self.asm.label();
        self.exits.push((label, code, loc));
        label
    }

    fn after_call(&mut self, loc: u32) {
        self.code.call_sites.push(CallSite { offset: self.asm.offset(), loc, map: NO_MAP });
    }

    /// Calls a function of the module.
    pub fn call(&mut self, body: u32, loc: u32) {
        self.asm.call_symbol(Symbol(body));
        self.after_call(loc);
    }

    /// Returns.
    pub fn ret(&mut self) {
        self.epilogue(!self.code.frameless);
    }

    /// The finished function.
    pub fn finish(mut self) -> Code {
        for (label, code, loc) in std::mem::take(&mut self.exits) {
            self.asm.bind(label);
            self.trap_site(code, loc);
            self.trap_instruction();
        }
        self.asm.finish();
        self.code.bytes = self.asm.code().to_vec();
        self.code.align = 16;
        self.code.calls =
            self.asm.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 }).collect();
        self.code
    }
}

/// An engine with compiled code.
pub fn engine() -> Engine {
    Engine::new(Config::new().tier(Tier::Opt)).expect("a host that runs compiled code")
}

/// A module whose functions are these, in order; the bodies in `wat` have no meaning and are best `unreachable`.
pub fn module(engine: &Engine, wat: &str, functions: Vec<Code>) -> Module {
    let mut module = Module::new(engine, wat).expect("a valid module");
    let mut batch = Batch::default();
    for (body, code) in functions.iter().enumerate() {
        batch.push(body, code);
    }
    let image = Image::new(native::arch::target(native::arch::Features::BASELINE), false, functions.len(), &[batch])
        .expect("memory");
    let inner = Arc::get_mut(&mut module.0).expect("nobody else has it");
    let native = engine.native().expect("an engine with compiled code");
    inner.native = Some(native.module(&inner.info, Some(image), Tier::Opt).expect("memory"));
    module
}
