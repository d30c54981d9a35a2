//! The walk over the operators.

use super::control::Kind;
use super::state::{Place, Value};
use super::x64::{Alu, Shift};
use super::{Baseline, Reader, constant};
use crate::ir::{Builtin, Type};
use crate::translate::{Context, fuel_of, type_of_reference};
use tiercel_abi::Trap;
use tiercel_wasm::Error;
use wasmparser::Operator;

impl Baseline {
    /// Compiles the operators of a body.
    pub(super) fn operators(&mut self, cx: Context<'_>, bytes: &[u8], reader: Reader<'_>) -> Result<(), Error> {
        let mut reader = reader;
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            self.loc = offset as u32;
            self.pos = self.loc - self.start;
            self.next_pos = reader.original_position() as u32 - self.start;
            self.next = bytes.get(self.next_pos as usize..).map_or([0; 8], window);
            if let Some(depth) = self.skipped {
                self.skip(cx, &op, depth);
            } else {
                if let Some((_, amount)) = &mut self.fuel {
                    *amount += fuel_of(&op);
                }
                self.operator(cx, &op)?;
            }
        }
        Ok(())
    }

    /// Follows the nesting of code that cannot be reached.
    fn skip(&mut self, cx: Context<'_>, op: &Operator<'_>, depth: u32) {
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.next_loop += usize::from(matches!(op, Operator::Loop { .. }));
                self.skipped = Some(depth + 1);
            }
            Operator::Else if depth == 0 => self.else_arm(false),
            Operator::End if depth == 0 => self.end(cx, false),
            Operator::End => self.skipped = Some(depth - 1),
            _ => {}
        }
    }

    /// The local that the next operator sets, if it does.
    pub(super) fn next_set(&self) -> Option<u32> {
        match self.next {
            [0x21 | 0x22, low, ..] if low < 0x80 => Some(low.into()),
            [0x21 | 0x22, low, high, ..] if high < 0x80 => Some(u32::from(low & 0x7f) | u32::from(high) << 7),
            _ => None,
        }
    }

    /// Whether the next operator takes a condition.
    pub(super) fn next_takes_condition(&self) -> bool {
        // br_if, if, i32.eqz in front of one of them
        matches!(self.next, [0x0d | 0x04, ..] | [0x45, 0x0d | 0x04, ..])
    }

    /// Whether the next operator is `select`.
    pub(super) fn next_is_select(&self) -> bool {
        matches!(self.next, [0x1b | 0x1c, ..])
    }

    /// Compiles one operator that can be reached.
    fn operator(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Error> {
        use Operator::*;
        match *op {
            LocalGet { local_index } => self.push_local(local_index),
            LocalSet { local_index } => self.local_set(local_index),
            LocalTee { local_index } => {
                self.local_set(local_index);
                self.push_local(local_index);
            }
            I32Const { value } => self.push(Type::I32, constant(u64::from(value as u32))),
            I64Const { value } => self.push(Type::I64, constant(value as u64)),
            F32Const { value } => self.push(Type::F32, constant(value.bits().into())),
            F64Const { value } => self.push(Type::F64, constant(value.bits())),

            Nop => {}
            Unreachable => self.trap_here(Trap::UnreachableCodeReached),
            Block { blockty } => self.open(cx, blockty, Kind::Block)?,
            Loop { blockty } => self.open(cx, blockty, Kind::Loop)?,
            If { blockty } => self.open_if(cx, blockty)?,
            Else => self.else_arm(true),
            End => self.end(cx, true),
            Br { relative_depth } => self.br(relative_depth),
            BrIf { relative_depth } => self.br_if(relative_depth),
            BrTable { ref targets } => self.br_table(targets)?,
            Return => self.ret(),
            Call { function_index } => self.call(cx, function_index, false),
            ReturnCall { function_index } => self.call(cx, function_index, true),
            CallIndirect { type_index, table_index } => self.call_indirect(cx, type_index, table_index, false)?,
            ReturnCallIndirect { type_index, table_index } => self.call_indirect(cx, type_index, table_index, true)?,
            CallRef { type_index } => self.call_ref(cx, type_index, false),
            ReturnCallRef { type_index } => self.call_ref(cx, type_index, true),
            BrOnNull { relative_depth } => {
                let value = self.pop();
                let test = self.test_null(&value);
                self.branch_if(test, relative_depth);
                self.repush(value);
                self.start_fuel();
            }
            BrOnNonNull { relative_depth } => {
                let value = self.pop();
                let test = self.test_null(&value);
                self.repush(value);
                self.branch_if(test.negate(), relative_depth);
                let value = self.pop();
                self.discard(value);
                self.start_fuel();
            }
            BrOnCast { relative_depth, .. } => {
                self.branch_on_cast(cx, op, relative_depth, true)?;
            }
            BrOnCastFail { relative_depth, .. } => {
                self.branch_on_cast(cx, op, relative_depth, false)?;
            }

            Drop => {
                let value = self.pop();
                self.discard(value);
            }
            Select | TypedSelect { .. } => self.select(),
            GlobalGet { global_index } => self.global_get(cx, global_index),
            GlobalSet { global_index } => self.global_set(cx, global_index),
            RefNull { hty } => self.push(type_of_reference(cx.info.heap_type(hty)?), constant(0)),
            RefIsNull => {
                let value = self.pop();
                let test = self.test_null(&value);
                self.discard(value);
                self.push_test(test);
            }
            RefAsNonNull => {
                let value = self.pop();
                let test = self.test_null(&value);
                self.trap_if(test, Trap::NullReference.code());
                self.repush(value);
            }

            MemoryGrow { mem } if !cx.info.memories[mem as usize].is_64 => {
                let pages = self.pop();
                self.builtin(Builtin::MemoryGrow, &[mem], &[pages]);
                self.push_wrapped_result();
            }
            MemoryFill { mem } if !cx.info.memories[mem as usize].is_64 => {
                let (len, value, to) = (self.pop(), self.pop(), self.pop());
                self.builtin(Builtin::MemoryFill, &[mem], &[to, value, len]);
            }
            MemoryCopy { dst_mem, src_mem }
                if [dst_mem, src_mem].iter().all(|memory| !cx.info.memories[*memory as usize].is_64) =>
            {
                let (len, from, to) = (self.pop(), self.pop(), self.pop());
                self.builtin(Builtin::MemoryCopy, &[dst_mem, src_mem], &[to, from, len]);
            }

            I32Add => self.alu(Type::I32, Alu::Add),
            I64Add => self.alu(Type::I64, Alu::Add),
            I32Sub => self.alu(Type::I32, Alu::Sub),
            I64Sub => self.alu(Type::I64, Alu::Sub),
            I32And => self.alu(Type::I32, Alu::And),
            I64And => self.alu(Type::I64, Alu::And),
            I32Or => self.alu(Type::I32, Alu::Or),
            I64Or => self.alu(Type::I64, Alu::Or),
            I32Xor => self.alu(Type::I32, Alu::Xor),
            I64Xor => self.alu(Type::I64, Alu::Xor),
            I32Mul => self.mul(Type::I32),
            I64Mul => self.mul(Type::I64),
            I32Shl => self.shift(Type::I32, Shift::Shl),
            I64Shl => self.shift(Type::I64, Shift::Shl),
            I32ShrS => self.shift(Type::I32, Shift::Sar),
            I64ShrS => self.shift(Type::I64, Shift::Sar),
            I32ShrU => self.shift(Type::I32, Shift::Shr),
            I64ShrU => self.shift(Type::I64, Shift::Shr),
            I32Rotl => self.shift(Type::I32, Shift::Rol),
            I64Rotl => self.shift(Type::I64, Shift::Rol),
            I32Rotr => self.shift(Type::I32, Shift::Ror),
            I64Rotr => self.shift(Type::I64, Shift::Ror),
            I32DivS => self.divide(Type::I32, true, false),
            I64DivS => self.divide(Type::I64, true, false),
            I32DivU => self.divide(Type::I32, false, false),
            I64DivU => self.divide(Type::I64, false, false),
            I32RemS => self.divide(Type::I32, true, true),
            I64RemS => self.divide(Type::I64, true, true),
            I32RemU => self.divide(Type::I32, false, true),
            I64RemU => self.divide(Type::I64, false, true),
            I64ExtendI32U => {
                // The upper half is zero already, at home as well.
                let value = self.pop();
                self.repush(Value { ty: Type::I64, ..value });
            }
            _ if self.int_unary(op) || self.compare(op) || self.float(op) => {}
            _ if self.access(cx, op) => {}
            _ => self.snippet(cx, op)?,
        }
        Ok(())
    }

    /// Pushes a popped operand again.
    pub(super) fn repush(&mut self, value: Value) {
        match value.place {
            Place::Local(local) if value.ty == self.locals[local as usize].ty => self.push_local(local),
            Place::Local(local) => {
                self.push_local(local);
                let top = self.stack.len() - 1;
                self.stack[top].ty = value.ty;
            }
            place => self.push(value.ty, place),
        }
    }
}

/// The first bytes of a list, and zeros behind its end.
fn window(bytes: &[u8]) -> [u8; 8] {
    let mut window = [0; 8];
    let len = bytes.len().min(8);
    window[..len].copy_from_slice(&bytes[..len]);
    window
}
