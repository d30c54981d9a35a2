//! Functions written by hand.

use crate::native::image::{Batch, Image};
use crate::{Config, Engine, Module, Tier};
use alloc::vec::Vec;
use std::sync::Arc;
use tiercel_abi::Trap;
use tiercel_abi::frames::NO_MAP;
use tiercel_abi::vmctx::{func_ref, header, store};
use tiercel_compiler::compile::{CallReloc, CallSite, Code, TrapSite};
use tiercel_compiler::isa::x64::abi::CALLEE_REF;
use tiercel_compiler::isa::x64::regs::*;
use tiercel_compiler::isa::x64::{Assembler, Cond, Features, Label, Mem, Op, Symbol};

/// A function that is being written. It has a frame, and its stack is checked at the start.
pub struct Hand {
    pub asm: Assembler,
    code: Code,
    exits: Vec<(Label, u8, u32)>,
}

impl Hand {
    /// A function with a frame of so many bytes, a multiple of 16.
    pub fn framed(frame_bytes: i32) -> Hand {
        let mut hand = Hand::frameless();
        hand.code.frameless = false;
        hand.asm.r(Op::PUSH, RBP);
        hand.asm.rr(Op::MOV_RM.s64(), RBP, RSP);
        hand.asm.rm(Op::MOV_RM.s64(), R11, Mem::base(R14, 8 * header::STORE as i32));
        hand.asm.rm(Op::CMP_RM.s64(), RSP, Mem::base(R11, store::NATIVE_STACK_LIMIT as i32));
        hand.trap_if(Cond::B, Trap::StackOverflow, 0);
        if frame_bytes != 0 {
            hand.asm.ri(Op::SUB_I.s64(), RSP, frame_bytes);
        }
        hand
    }

    /// A function without a frame.
    pub fn frameless() -> Hand {
        let mut hand = Hand { asm: Assembler::new(Features::BASELINE), code: Code::default(), exits: Vec::new() };
        hand.asm.rm(Op::MOV_RM.s64(), R14, Mem::base(CALLEE_REF, 8 * func_ref::VMCTX as i32));
        hand.asm.rm(Op::MOV_RM.s64(), R15, Mem::base(R14, 8 * header::MEMORY0_BASE as i32));
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
        self.asm.op(Op::UD2);
    }

    /// Traps on a condition.
    pub fn trap_if(&mut self, cond: Cond, trap: Trap, loc: u32) {
        self.stop_if(cond, trap.code(), loc);
    }

    fn stop_if(&mut self, cond: Cond, code: u8, loc: u32) {
        let label = self.asm.label();
        self.asm.jcc(cond, label);
        self.exits.push((label, code, loc));
    }

    fn after_call(&mut self, loc: u32) {
        self.code.call_sites.push(CallSite { offset: self.asm.offset(), loc, map: NO_MAP });
    }

    /// Calls a function of the module.
    pub fn call(&mut self, body: u32, loc: u32) {
        self.asm.call_symbol(Symbol(body));
        self.after_call(loc);
    }

    /// Calls the imported function whose pointer is at this offset of the vmctx, and restores the vmctx from the bottom of the frame.
    pub fn call_import(&mut self, vmctx_offset: u32, loc: u32) {
        self.asm.rm(Op::MOV_MR.s64(), R14, Mem::base(RSP, 0));
        self.asm.rm(Op::MOV_RM.s64(), CALLEE_REF, Mem::base(R14, vmctx_offset as i32));
        self.asm.m(Op::CALL_RM, Mem::base(CALLEE_REF, 8 * func_ref::NATIVE as i32));
        self.after_call(loc);
        self.asm.rm(Op::MOV_RM.s64(), R14, Mem::base(RSP, 0));
        self.asm.rm(Op::MOV_RM.s64(), R15, Mem::base(R14, 8 * header::MEMORY0_BASE as i32));
    }

    /// Calls a builtin whose arguments are in place, but for the vmctx.
    pub fn call_builtin(&mut self, number: u32, loc: u32) {
        self.asm.rr(Op::MOV_RM.s64(), RDI, R14);
        self.asm.rm(Op::MOV_RM.s64(), R11, Mem::base(R14, 8 * header::BUILTINS as i32));
        self.asm.m(Op::CALL_RM, Mem::base(R11, 8 * number as i32));
        self.after_call(loc);
        self.asm.rr(Op::TEST_MR.s32(), RDX, RDX);
        self.stop_if(Cond::Ne, 0, loc);
    }

    /// Goes to the imported function whose pointer is at this offset of the vmctx, with the arguments that are there. No frame may be open.
    pub fn tail_call_import(&mut self, vmctx_offset: u32) {
        self.asm.rm(Op::MOV_RM.s64(), CALLEE_REF, Mem::base(R14, vmctx_offset as i32));
        self.asm.m(Op::JMP_RM, Mem::base(CALLEE_REF, 8 * func_ref::NATIVE as i32));
    }

    /// Returns.
    pub fn ret(&mut self) {
        if !self.code.frameless {
            self.asm.rr(Op::MOV_RM.s64(), RSP, RBP);
            self.asm.r(Op::POP, RBP);
        }
        self.asm.op(Op::RET);
    }

    /// The finished function.
    pub fn finish(mut self) -> Code {
        for (label, code, loc) in std::mem::take(&mut self.exits) {
            self.asm.bind(label);
            self.trap_site(code, loc);
            self.asm.op(Op::UD2);
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
    let image = Image::new(functions.len(), &[batch]).expect("memory");
    let inner = Arc::get_mut(&mut module.0).expect("nobody else has it");
    let native = engine.native().expect("an engine with compiled code");
    inner.native = Some(native.module(&inner.info, Some(image), Tier::Opt).expect("memory"));
    module
}
