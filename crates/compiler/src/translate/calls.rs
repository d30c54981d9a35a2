//! Calls. What an indirect call checks are instructions of their own, so that they are found again and hoisted.

use super::{Context, Stop, Translator, types_of};
use crate::entity::Entity;
use crate::ir::{AliasClass, Builtin, Inst, Opcode, Sig, Type, Value};
use tiercel_abi::Trap;
use tiercel_abi::vmctx::func_ref;
use tiercel_wasm::FuncType;

/// The signatures that a function has, by index of the module's type.
#[derive(Default)]
pub struct Sigs {
    by_type: Vec<Option<Sig>>,
    used: Vec<u32>,
}

impl Sigs {
    /// Forgets all signatures of the last function; the module has `types` types.
    pub fn reset(&mut self, types: usize) {
        for index in self.used.drain(..) {
            self.by_type[index as usize] = None;
        }
        self.by_type.resize(types, None);
    }
}

impl Translator {
    fn sig(&mut self, cx: Context<'_>, ty: u32) -> Sig {
        if let Some(sig) = self.sigs.by_type[ty as usize] {
            return sig;
        }
        let func_type = &cx.info.func_types[ty as usize];
        let sig = self.build.func.make_sig(types_of(func_type.params()), types_of(func_type.results()));
        self.sigs.by_type[ty as usize] = Some(sig);
        self.sigs.used.push(ty);
        sig
    }

    /// Emits a call whose arguments are on the stack, and pushes its results or, for a tail call, returns them.
    pub(super) fn emit_call(&mut self, cx: Context<'_>, op: Opcode, callee: u32, ty: u32, tail: bool) {
        // In an inlined body to which its caller waits, the callee of a tail call takes the body's place.
        let op = match op {
            Opcode::Call if tail && self.body.returns => Opcode::ReturnCall,
            Opcode::CallImport if tail && self.body.returns => Opcode::ReturnCallImport,
            Opcode::CallRef if tail && self.body.returns => Opcode::ReturnCallRef,
            op => op,
        };
        if tail && let Some(caller) = self.body.caller {
            self.build.loc = caller;
        }
        let sig = self.sig(cx, ty);
        let func_type: &FuncType = &cx.info.func_types[ty as usize];
        let first = self.stack.len() - func_type.params().len();
        let args = self.build.func.make_list(self.stack[first..].iter().copied());
        let result = match func_type.results() {
            [single] if !op.is_terminator() => Type::from(*single),
            _ => Type::None,
        };
        let call = self.build.push(Inst::new(op, result).fields(callee, args.0, sig.index() as u32));
        self.stack.truncate(first);
        if op.is_terminator() {
            self.unreachable();
            return;
        }
        self.build.write_all();
        if result != Type::None {
            self.stack.push(call);
        } else {
            for (index, ty) in types_of(func_type.results()).enumerate() {
                let value = self.build.result_of(call, index, ty);
                self.stack.push(value);
            }
        }
        if tail {
            self.br(self.outermost());
        }
    }

    /// `call` and `return_call`.
    pub(super) fn call(&mut self, cx: Context<'_>, func: u32, tail: bool) -> Result<(), Stop> {
        let ty = cx.info.funcs[func as usize];
        let op = match cx.info.defined_func(func) {
            Some(body) if self.inlines(cx, body, cx.info.func_types[ty as usize].params().len()) => {
                return self.inline(cx, body, tail);
            }
            Some(_) => Opcode::Call,
            None => Opcode::CallImport,
        };
        self.emit_call(cx, op, func, ty, tail);
        Ok(())
    }

    /// `call_indirect` and `return_call_indirect`.
    pub(super) fn call_indirect(&mut self, cx: Context<'_>, ty: u32, table: u32, tail: bool) -> Result<(), Stop> {
        let index = self.pop();
        let Some(func) = self.table_element(cx, table, index) else { return Ok(()) };
        let checks = &mut |this: &mut Translator, func: Value| this.check_callee(cx, func, ty);
        match self.expected(cx, ty).filter(|&body| !tail && self.inlines_indirectly(cx, ty, body)) {
            Some(body) => self.guarded_call(cx, ty, body, func, checks)?,
            None if checks(self, func) => self.emit_call(cx, Opcode::CallRef, func.index() as u32, ty, tail),
            None => {}
        }
        Ok(())
    }

    fn inlines_indirectly(&mut self, cx: Context<'_>, ty: u32, body: usize) -> bool {
        self.inlines(cx, body, cx.info.func_types[ty as usize].params().len())
    }

    /// The function that `call_indirect` calls by the index on the stack, checked; none if that traps always.
    pub(super) fn indirect_callee(&mut self, cx: Context<'_>, ty: u32, table: u32) -> Option<Value> {
        let index = self.pop();
        let func = self.table_element(cx, table, index)?;
        self.check_callee(cx, func, ty).then_some(func)
    }

    /// The reference in a table, its index checked; none if that traps always.
    fn table_element(&mut self, cx: Context<'_>, table: u32, index: Value) -> Option<Value> {
        let element = self.element_address(cx, table, index)?;
        Some(self.build.ptr_load(Type::I64, element, 0, AliasClass::TABLE))
    }

    /// Checks that a reference is one of a function of this type; false if it never is.
    fn check_callee(&mut self, cx: Context<'_>, func: Value, ty: u32) -> bool {
        if !self.check_not_null(func, Trap::IndirectCallToNull) {
            return false;
        }
        let found =
            self.build.ptr_load(Type::I32, func, func_ref::TYPE_ID * cx.config.pointer_bytes, AliasClass::READ_ONLY);
        let wanted = self.type_id(cx, ty);
        let (op, condition) = if cx.info.type_defs[ty as usize].ty.is_final {
            (Opcode::TrapNz, self.build.binary(Opcode::I32Ne, found, wanted))
        } else {
            // Only the runtime knows what other modules' types extend.
            (Opcode::TrapZ, self.builtin(Builtin::TypeExtends, &[found, wanted]))
        };
        self.check(op, condition, Trap::BadSignature)
    }

    /// `call_ref` and `return_call_ref`.
    pub(super) fn call_ref(&mut self, cx: Context<'_>, ty: u32, tail: bool) -> Result<(), Stop> {
        let func = self.pop();
        let checks = &mut |this: &mut Translator, func: Value| this.check_not_null(func, Trap::NullReference);
        match self.expected(cx, ty).filter(|&body| !tail && self.inlines_indirectly(cx, ty, body)) {
            Some(body) => self.guarded_call(cx, ty, body, func, checks)?,
            None if checks(self, func) => self.emit_call(cx, Opcode::CallRef, func.index() as u32, ty, tail),
            None => {}
        }
        Ok(())
    }

    /// Traps if a reference is null; false if it always is.
    pub(super) fn check_not_null(&mut self, reference: Value, trap: Trap) -> bool {
        let is_null = self.is_null(reference);
        self.check(Opcode::TrapNz, is_null, trap)
    }

    /// The address of a table's element, its index checked; none if that traps always.
    pub(super) fn element_address(&mut self, cx: Context<'_>, table: u32, index: Value) -> Option<Value> {
        let index = self.index(index, cx.info.tables[table as usize].is_64);
        let pointer = self.table(cx, table);
        let ty = &cx.info.tables[table as usize];
        // A table that cannot grow has one length, and stays where it is.
        let is_fixed = self.config.optimize && ty.max == Some(ty.min);
        let (len, place) = if is_fixed {
            (self.build.i64(ty.min), AliasClass::READ_ONLY)
        } else {
            (self.table_len(cx, pointer), AliasClass::TABLE_SIZE)
        };
        let inside = self.build.binary(Opcode::I64LtU, index, len);
        if !self.check(Opcode::TrapZ, inside, Trap::TableOutOfBounds) {
            return None;
        }
        let base = self.build.ptr_load(Type::I64, pointer, 0, place);
        let shift = self.build.i64(3);
        let offset = self.build.binary(Opcode::I64Shl, index, shift);
        Some(self.build.binary(Opcode::I64Add, base, offset))
    }

    /// The number by which the engine knows a type.
    pub(super) fn type_id(&mut self, cx: Context<'_>, ty: u32) -> Value {
        self.build.ctx_load(Type::I32, cx.layout.type_id(ty), AliasClass::READ_ONLY)
    }

    /// The pointer to a table.
    pub(super) fn table(&mut self, cx: Context<'_>, table: u32) -> Value {
        self.build.ctx_load(Type::I64, cx.layout.table(table), AliasClass::READ_ONLY)
    }

    /// The length of a table, by its pointer.
    pub(super) fn table_len(&mut self, cx: Context<'_>, pointer: Value) -> Value {
        self.build.ptr_load(Type::I64, pointer, cx.config.pointer_bytes, AliasClass::TABLE_SIZE)
    }

    /// A check; if it traps always, the code behind it cannot be reached.
    pub(super) fn check(&mut self, op: Opcode, condition: Value, trap: Trap) -> bool {
        let goes_on = self.build.trap_if(op, condition, trap);
        if !goes_on {
            self.unreachable();
        }
        goes_on
    }
}
