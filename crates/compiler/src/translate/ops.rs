//! Everything but control, calls and accesses to memory.

use super::memory::lane_access_of;
use super::{Context, Stop, Translator, type_of_reference};
use crate::entity::Entity;
use crate::ir::{AliasClass, Builtin, Inst, Opcode, Type, Value};
use tiercel_abi::Trap;
use tiercel_wasm::Error;
use tiercel_wasm::module::ConstOp;
use wasmparser::Operator;

impl Translator {
    pub(super) fn pop(&mut self) -> Value {
        // Validation has seen to it that there is one; the first value stands in where it has not.
        self.stack.pop().unwrap_or(Value::new(0))
    }

    /// Translates one operator that can be reached.
    pub(super) fn operator(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Stop> {
        if let Some((_, amount)) = &mut self.fuel {
            *amount += fuel_of(op);
        }
        match *op {
            Operator::LocalGet { local_index } => {
                let value = self.get_local(local_index);
                self.stack.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set_local(local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.set_local(local_index, value);
                self.stack.push(value);
            }
            Operator::I32Const { value } => self.push_const(Type::I32, u128::from(value as u32)),
            Operator::I64Const { value } => self.push_const(Type::I64, u128::from(value as u64)),
            Operator::F32Const { value } => self.push_const(Type::F32, u128::from(value.bits())),
            Operator::F64Const { value } => self.push_const(Type::F64, u128::from(value.bits())),
            Operator::V128Const { value } => self.push_const(Type::V128, u128::from_le_bytes(*value.bytes())),

            Operator::Nop => {}
            Operator::Unreachable => {
                let trap = Trap::UnreachableCodeReached;
                self.build.terminate(Inst::new(Opcode::Trap, Type::None).imm(trap.code()));
                self.unreachable();
            }
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.open(cx, op),
            Operator::Else => self.else_arm(cx, true),
            Operator::End => self.end(true),
            Operator::Br { relative_depth } => self.br(relative_depth),
            Operator::BrIf { relative_depth } => self.br_if(cx, relative_depth),
            Operator::BrTable { ref targets } => self.br_table(targets)?,
            Operator::Return => self.br(self.outermost()),
            Operator::Call { function_index } => self.call(cx, function_index, false)?,
            Operator::ReturnCall { function_index } => self.call(cx, function_index, true)?,
            Operator::CallIndirect { type_index, table_index } => {
                self.call_indirect(cx, type_index, table_index, false)?;
            }
            Operator::ReturnCallIndirect { type_index, table_index } => {
                self.call_indirect(cx, type_index, table_index, true)?;
            }

            Operator::CallRef { type_index } => self.call_ref(cx, type_index, false)?,
            Operator::ReturnCallRef { type_index } => self.call_ref(cx, type_index, true)?,
            Operator::BrOnNull { relative_depth } => self.br_on_null(relative_depth),
            Operator::BrOnNonNull { relative_depth } => self.br_on_non_null(relative_depth),

            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let (c, b, a) = (self.pop(), self.pop(), self.pop());
                let inst = Inst::new(Opcode::Select, self.build.func.ty(a));
                let value = self.build.value(inst.fields(a.index() as u32, b.index() as u32, c.index() as u32));
                self.stack.push(value);
            }
            Operator::GlobalGet { global_index } => self.global_get(cx, global_index),
            Operator::GlobalSet { global_index } => self.global_set(cx, global_index),

            Operator::RefNull { hty } => self.push_const(type_of_reference(cx.info.heap_type(hty)?), 0),
            Operator::RefIsNull => {
                let reference = self.pop();
                let is_null = self.is_null(reference);
                self.stack.push(is_null);
            }
            Operator::RefAsNonNull => {
                let reference = self.pop();
                if self.check_not_null(reference, Trap::NullReference) {
                    self.stack.push(reference);
                }
            }
            Operator::RefFunc { function_index } => self.ref_func(cx, function_index),

            Operator::MemorySize { mem } => {
                let ty = &cx.info.memories[mem as usize];
                let len = self.memory_len(cx, mem);
                let log2 = self.build.i64(u64::from(ty.page_log2));
                let pages = self.build.binary(Opcode::I64ShrU, len, log2);
                let pages = self.index_result(pages, ty.is_64);
                self.stack.push(pages);
            }
            Operator::MemoryGrow { mem } => {
                let is_64 = cx.info.memories[mem as usize].is_64;
                let delta = self.pop();
                let delta = self.index(delta, is_64);
                let memory = self.build.i32(mem);
                let old = self.builtin(Builtin::MemoryGrow, &[memory, delta]);
                let old = self.index_result(old, is_64);
                self.stack.push(old);
            }
            Operator::MemoryFill { mem } if self.short_fill(cx, mem) => {}
            Operator::MemoryFill { mem } => {
                let is_64 = cx.info.memories[mem as usize].is_64;
                let (len, value, to) = (self.pop(), self.pop(), self.pop());
                let (len, to) = (self.index(len, is_64), self.index(to, is_64));
                let memory = self.build.i32(mem);
                self.builtin(Builtin::MemoryFill, &[memory, to, value, len]);
            }
            Operator::MemoryCopy { dst_mem, src_mem } if self.short_copy(cx, [dst_mem, src_mem]) => {}
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let is_64 = |memory: u32| cx.info.memories[memory as usize].is_64;
                let (to_64, from_64) = (is_64(dst_mem), is_64(src_mem));
                self.copy(Builtin::MemoryCopy, [dst_mem, src_mem], [to_64, from_64, to_64 && from_64]);
            }
            Operator::MemoryInit { data_index, mem } => {
                let is_64 = cx.info.memories[mem as usize].is_64;
                self.copy(Builtin::MemoryInit, [mem, data_index], [is_64, false, false]);
            }
            Operator::DataDrop { data_index } => {
                let segment = self.build.i32(data_index);
                self.builtin(Builtin::DataDrop, &[segment]);
            }

            Operator::TableGet { table } => {
                let index = self.pop();
                if let Some(element) = self.element_address(cx, table, index) {
                    let ty = type_of_reference(cx.info.tables[table as usize].element.heap);
                    let value = self.build.ptr_load(ty, element, 0, AliasClass::TABLE);
                    self.stack.push(value);
                }
            }
            Operator::TableSet { table } => {
                let (value, index) = (self.pop(), self.pop());
                if let Some(element) = self.element_address(cx, table, index) {
                    let class = AliasClass::TABLE;
                    let at = element.index() as u32;
                    let ty = self.build.func.ty(value);
                    let load = Inst::new(Opcode::PtrLoad, ty).fields(at, 0, 0).imm(class.imm());
                    let store = Inst::new(Opcode::PtrStore, Type::None).fields(at, 0, value.index() as u32);
                    self.build.store(store.imm(class.imm()), class, Some(load));
                }
            }
            Operator::TableSize { table } => {
                let pointer = self.table(cx, table);
                let len = self.table_len(cx, pointer);
                let len = self.index_result(len, cx.info.tables[table as usize].is_64);
                self.stack.push(len);
            }
            Operator::TableGrow { table } => {
                let is_64 = cx.info.tables[table as usize].is_64;
                let (delta, value) = (self.pop(), self.pop());
                let delta = self.index(delta, is_64);
                let number = self.build.i32(table);
                let value = self.bits(value);
                let old = self.builtin(Builtin::TableGrow, &[number, delta, value]);
                let old = self.index_result(old, is_64);
                self.stack.push(old);
            }
            Operator::TableFill { table } => {
                let is_64 = cx.info.tables[table as usize].is_64;
                let (len, value, to) = (self.pop(), self.pop(), self.pop());
                let (len, to) = (self.index(len, is_64), self.index(to, is_64));
                let number = self.build.i32(table);
                let value = self.bits(value);
                self.builtin(Builtin::TableFill, &[number, to, value, len]);
            }
            Operator::TableCopy { dst_table, src_table } => {
                let is_64 = |table: u32| cx.info.tables[table as usize].is_64;
                let (to_64, from_64) = (is_64(dst_table), is_64(src_table));
                self.copy(Builtin::TableCopy, [dst_table, src_table], [to_64, from_64, to_64 && from_64]);
            }
            Operator::TableInit { elem_index, table } => {
                let is_64 = cx.info.tables[table as usize].is_64;
                self.copy(Builtin::TableInit, [table, elem_index], [is_64, false, false]);
            }
            Operator::ElemDrop { elem_index } => {
                let segment = self.build.i32(elem_index);
                self.builtin(Builtin::ElemDrop, &[segment]);
            }

            Operator::I8x16Shuffle { lanes } => {
                let (b, a) = (self.pop(), self.pop());
                let lanes = u128::from_le_bytes(lanes);
                // The number of an equal constant, so that equal shuffles are one value.
                let constant = self.build.constant(Type::V128, lanes);
                let number = self.build.func.inst(constant).a;
                let inst = Inst::new(Opcode::I8x16Shuffle, Type::V128);
                let value = self.build.value(inst.fields(a.index() as u32, b.index() as u32, number));
                self.stack.push(value);
            }
            Operator::I64Add128 => self.add128(Opcode::I64Add128),
            Operator::I64Sub128 => self.add128(Opcode::I64Sub128),
            Operator::I64MulWideS => self.mul_wide(Opcode::I64MulWideS),
            Operator::I64MulWideU => self.mul_wide(Opcode::I64MulWideU),
            _ if self.gc(cx, op)? => {}
            _ => self.access_or_numeric(cx, op)?,
        }
        Ok(())
    }

    fn push_const(&mut self, ty: Type, bits: u128) {
        let value = self.build.constant(ty, bits);
        self.stack.push(value);
    }

    fn access_or_numeric(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Stop> {
        if let Some((load, memarg)) = Opcode::from_load(op) {
            self.load(cx, load, &memarg);
        } else if let Some((store, memarg)) = Opcode::from_store(op) {
            self.store(cx, store, &memarg);
        } else if let Some((numeric, lane)) = Opcode::from_numeric(op) {
            let info = numeric.info();
            let mut fields = [0; 3];
            for field in fields[..info.operands.len()].iter_mut().rev() {
                *field = self.pop().index() as u32;
            }
            let inst = Inst::new(numeric, info.result).fields(fields[0], fields[1], fields[2]).imm(lane);
            let value = self.build.value(inst);
            self.stack.push(value);
        } else if let Some(access) = lane_access_of(op) {
            self.lane_access(cx, &access);
        } else {
            let offset = u64::from(self.build.loc.wrapping_sub(self.body.shift));
            return Err(Error::unsupported(offset, format!("the instruction {op:?}")).into());
        }
        Ok(())
    }

    fn add128(&mut self, op: Opcode) {
        let first = self.stack.len() - 4;
        let list = self.build.func.make_list(self.stack[first..].iter().copied());
        self.stack.truncate(first);
        let results = self.build.pair(Inst::new(op, Type::None).fields(list.0, 0, 0));
        self.stack.extend(results);
    }

    fn mul_wide(&mut self, op: Opcode) {
        let (b, a) = (self.pop(), self.pop());
        let results = self.build.pair(Inst::new(op, Type::None).fields(a.index() as u32, b.index() as u32, 0));
        self.stack.extend(results);
    }

    // Builtins.

    /// Calls a builtin; the value is meaningless if it has no result.
    pub(super) fn builtin(&mut self, builtin: Builtin, args: &[Value]) -> Value {
        let list = self.build.func.make_list(args.iter().copied());
        let inst = Inst::new(Opcode::Builtin, builtin.result()).fields(builtin as u32, list.0, 0);
        let value = self.build.push(inst);
        for &class in builtin.writes() {
            self.build.write(class);
        }
        value
    }

    /// A builtin with two numbers and three operands - destination, source, length - which are `i64` or not.
    fn copy(&mut self, builtin: Builtin, numbers: [u32; 2], are_64: [bool; 3]) {
        let (len, from, to) = (self.pop(), self.pop(), self.pop());
        let to = self.index(to, are_64[0]);
        let from = self.index(from, are_64[1]);
        let len = self.index(len, are_64[2]);
        let [first, second] = numbers.map(|number| self.build.i32(number));
        self.builtin(builtin, &[first, second, to, from, len]);
    }

    // Variables.

    fn global_get(&mut self, cx: Context<'_>, global: u32) {
        if let Some((ty, bits)) = known_global(cx, global) {
            self.push_const(ty, bits);
            return;
        }
        let place = self.global(cx, global);
        let value = self.build.load(place.load, place.class);
        self.stack.push(value);
    }

    fn global_set(&mut self, cx: Context<'_>, global: u32) {
        let value = self.pop();
        let place = self.global(cx, global);
        let op = if place.load.op == Opcode::CtxLoad { Opcode::CtxStore } else { Opcode::PtrStore };
        let inst = Inst { op, ty: Type::None, c: value.index() as u32, ..place.load };
        self.build.store(inst, place.class, Some(place.load));
    }

    fn global(&mut self, cx: Context<'_>, global: u32) -> GlobalPlace {
        let ty = cx.info.globals[global as usize];
        let content = Type::from(ty.content);
        let (class, op, pointer, offset) = match global.checked_sub(cx.info.imported.globals) {
            Some(own) => (AliasClass::own_global(own), Opcode::CtxLoad, 0, cx.layout.own_global(own)),
            None => {
                let pointer = self.build.ctx_load(Type::I64, cx.layout.imported_global(global), AliasClass::READ_ONLY);
                (AliasClass::GLOBAL_IMPORTED, Opcode::PtrLoad, pointer.index() as u32, 0)
            }
        };
        let class = if ty.mutable { class } else { AliasClass::READ_ONLY };
        GlobalPlace { load: Inst::new(op, content).fields(pointer, offset, 0).imm(class.imm()), class }
    }

    fn ref_func(&mut self, cx: Context<'_>, func: u32) {
        let value = match cx.info.defined_func(func) {
            None => self.build.ctx_load(Type::I64, cx.layout.imported_func(func), AliasClass::READ_ONLY),
            Some(_) => {
                // Validation asks that a function whose reference is taken is declared, which makes it an escaping one.
                let index = cx.info.escaping.binary_search(&func).unwrap_or(0) as u32;
                self.build.value(Inst::new(Opcode::CtxAddr, Type::I64).fields(0, cx.layout.func_ref(index), 0))
            }
        };
        self.stack.push(value);
    }
}

/// The value of a global that never changes and is known now.
pub(crate) fn known_global(cx: Context<'_>, global: u32) -> Option<(Type, u128)> {
    let own = global.checked_sub(cx.info.imported.globals)?;
    if cx.info.globals[global as usize].mutable {
        return None;
    }
    match cx.info.global_inits[own as usize].0[..] {
        [ConstOp::Const(ty, bits)] => Some((Type::from(ty), bits)),
        [ConstOp::RefNull] => Some((Type::from(cx.info.globals[global as usize].content), 0)),
        _ => None,
    }
}

/// How a global is read.
struct GlobalPlace {
    load: Inst,
    class: AliasClass,
}

/// What an operator costs: nothing if it does nothing when it runs.
pub(crate) fn fuel_of(op: &Operator<'_>) -> u32 {
    match op {
        Operator::Nop | Operator::Drop | Operator::Block { .. } | Operator::Loop { .. } => 0,
        Operator::Else | Operator::End | Operator::Unreachable | Operator::Return => 0,
        _ => 1,
    }
}
