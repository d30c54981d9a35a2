//! The walk over the operators.

use super::control::Kind;
use super::machine::{Alu, Condition, Emit, Machine, Shift};
use super::state::{Place, Value};
use super::{Baseline, constant, scan};
use crate::ir::{Builtin, Opcode, Type};
use crate::isa::convention::class_of;
use crate::translate::{Bounds, Context, fuel_of, known_global, lane_access_of, type_of_reference};
use std::sync::LazyLock;
use tiercel_abi::Trap;
use tiercel_wasm::Error;
use wasmparser::{BinaryReader, BlockType, MemArg, MemArgTarget, Operator, OperatorsReader, ValType};

/// The page size that addresses are guarded for.
const DEFAULT_PAGE_LOG2: u8 = 16;
/// Bytes of the widest access.
const WIDEST_ACCESS: u64 = 16;

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// Compiles the operators of a body from `first` on.
    pub(super) fn operators(&mut self, cx: Context<'_>, bytes: &[u8], first: usize) -> Result<(), Error> {
        let mut at = first;
        while at < bytes.len() {
            let behind = scan::behind(bytes, at)?;
            (self.pos, self.loc) = (at as u32, self.start + at as u32);
            self.next = window(bytes, behind);
            match self.skipped {
                Some(depth) => self.skip(cx, bytes[at], depth),
                None => {
                    if self.fuel.is_some() {
                        self.burn(&bytes[at..behind]);
                    }
                    self.operator(cx, bytes, at, behind)?;
                }
            }
            at = behind;
        }
        Ok(())
    }

    /// Notes what an operator costs.
    fn burn(&mut self, bytes: &[u8]) {
        // What does not stand alone is `else`, which costs nothing.
        let cost = read(bytes, self.loc).map_or(0, |op| fuel_of(&op));
        if let Some((_, amount)) = &mut self.fuel {
            *amount += cost;
        }
    }

    /// Follows the nesting of code that cannot be reached.
    fn skip(&mut self, cx: Context<'_>, op: u8, depth: u32) {
        match op {
            opcode::BLOCK | opcode::LOOP | opcode::IF => {
                self.next_loop += usize::from(op == opcode::LOOP);
                self.skipped = Some(depth + 1);
            }
            opcode::ELSE if depth == 0 => self.else_arm(false),
            opcode::END if depth == 0 => self.end(cx, false),
            opcode::END => self.skipped = Some(depth - 1),
            _ => {}
        }
    }

    /// Compiles one operator that can be reached. The frequent ones are read here; body and operators have been validated.
    fn operator(&mut self, cx: Context<'_>, bytes: &[u8], at: usize, behind: usize) -> Result<(), Error> {
        let index = || scan::leb(bytes, at + 1).0;
        match bytes[at] {
            opcode::LOCAL_GET => self.push_local(index()),
            opcode::LOCAL_SET => self.local_set(index()),
            opcode::LOCAL_TEE => self.local_tee(index()),
            opcode::I32_CONST => {
                let value = scan::signed(bytes, at + 1) as u32;
                self.push(Type::I32, constant(value.into()));
            }
            opcode::I64_CONST => {
                let value = scan::signed(bytes, at + 1);
                self.push(Type::I64, constant(value as u64));
            }
            op @ (opcode::BLOCK | opcode::LOOP | opcode::IF) if block_type(bytes[at + 1]).is_some() => {
                let ty = block_type(bytes[at + 1]).unwrap_or(BlockType::Empty);
                match op {
                    opcode::BLOCK => self.open(cx, ty, Kind::Block)?,
                    opcode::LOOP => self.open(cx, ty, Kind::Loop)?,
                    _ => self.open_if(cx, ty)?,
                }
            }
            opcode::ELSE => self.else_arm(true),
            opcode::END => self.end(cx, true),
            opcode::RETURN => self.ret(),
            opcode::SELECT => self.select(),
            opcode::GLOBAL_GET => self.global_get(cx, index()),
            opcode::GLOBAL_SET => self.global_set(cx, index()),
            opcode::BR => self.br(index()),
            opcode::BR_IF => self.br_if(index()),
            opcode::CALL => self.call(cx, index(), false),
            opcode::DROP => {
                let value = self.pop();
                self.discard(value);
            }
            op @ opcode::FIRST_ACCESS..=opcode::LAST_ACCESS => {
                let (align, next) = scan::leb(bytes, at + 1);
                let known = &self.known.accesses[(op - opcode::FIRST_ACCESS) as usize];
                // Offsets of more than 32 bits are of memories whose accesses are checked.
                if align & opcode::NAMES_MEMORY != 0 || !self.access(cx, known, scan::leb(bytes, next).0.into()) {
                    self.snippet(cx, &read(&bytes[at..behind], self.loc)?)?;
                }
            }
            op @ opcode::FIRST_NUMERIC..=opcode::LAST_NUMERIC => {
                self.numeric(cx, &self.known.numeric[(op - opcode::FIRST_NUMERIC) as usize])?;
            }
            opcode::VECTOR => self.vector_operator(cx, &read(&bytes[at..behind], self.loc)?)?,
            _ => self.rare(cx, &read(&bytes[at..behind], self.loc)?)?,
        }
        Ok(())
    }

    /// The local that the next operator sets, if it does.
    pub(super) fn next_set(&self) -> Option<u32> {
        match self.next {
            [opcode::LOCAL_SET | opcode::LOCAL_TEE, low, ..] if low < 0x80 => Some(low.into()),
            [opcode::LOCAL_SET | opcode::LOCAL_TEE, low, high, ..] if high < 0x80 => {
                Some(u32::from(low & 0x7f) | u32::from(high) << 7)
            }
            _ => None,
        }
    }

    /// Whether the next operator takes a condition.
    pub(super) fn next_takes_condition(&self) -> bool {
        use opcode::{BR_IF, I32_EQZ, IF};
        matches!(self.next, [BR_IF | IF, ..] | [I32_EQZ, BR_IF | IF, ..])
    }

    /// Whether the next operator is `select`.
    pub(super) fn next_is_select(&self) -> bool {
        matches!(self.next, [opcode::SELECT | opcode::TYPED_SELECT, ..])
    }

    fn global_get(&mut self, cx: Context<'_>, global: u32) {
        if let Some((ty, bits)) = known_global(cx, global)
            && let Ok(bits) = u64::try_from(bits)
            && ty != Type::V128
        {
            return self.push(ty, Place::Const(bits));
        }
        let ty = Type::from(cx.info.globals[global as usize].content);
        let dst = self.result(class_of(ty), [None, None]);
        self.load_global(cx, global, ty, dst);
        self.push_reg(ty, dst);
    }

    /// Compiles an operator that is read by its own name.
    fn rare(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Error> {
        use Operator::*;
        match *op {
            F32Const { value } => self.push(Type::F32, constant(value.bits().into())),
            F64Const { value } => self.push(Type::F64, constant(value.bits())),

            Nop => {}
            Unreachable => self.trap_here(Trap::UnreachableCodeReached),
            Block { blockty } => self.open(cx, blockty, Kind::Block)?,
            Loop { blockty } => self.open(cx, blockty, Kind::Loop)?,
            If { blockty } => self.open_if(cx, blockty)?,
            BrTable { ref targets } => self.br_table(targets)?,
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

            TypedSelect { .. } => self.select(),
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
            _ => self.snippet(cx, op)?,
        }
        Ok(())
    }

    /// Compiles an operator on vectors.
    fn vector_operator(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Error> {
        let in_memory0 = |memarg: &MemArg| memarg.target == MemArgTarget::Memory(0);
        let done = match *op {
            Operator::V128Const { value } => {
                self.vector_constant(u128::from_le_bytes(*value.bytes()));
                true
            }
            Operator::I8x16Shuffle { lanes } => {
                self.shuffle(lanes);
                true
            }
            Operator::V128Store { memarg } => in_memory0(&memarg) && self.access(cx, op, memarg.offset),
            _ => {
                if let Some((numeric, lane)) = Opcode::from_numeric(op) {
                    self.vector(numeric, lane)
                } else if let Some((load, memarg)) = Opcode::from_load(op) {
                    in_memory0(&memarg) && self.vector_load(cx, load, memarg.offset)
                } else if let Some(access) = lane_access_of(op) {
                    in_memory0(&access.memarg) && self.lane_access(cx, &access)
                } else {
                    false
                }
            }
        };
        if done { Ok(()) } else { self.snippet(cx, op) }
    }

    /// Compiles an operator without immediates.
    fn numeric(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Error> {
        use Operator::*;
        match *op {
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
            _ => self.snippet(cx, op)?,
        }
        Ok(())
    }

    /// Whether guard pages keep an access to memory 0 with this offset in bounds.
    pub(super) fn is_guarded(&self, cx: Context<'_>, offset: u64) -> bool {
        let config = &self.options.translate;
        let Bounds::Guarded { guard_bytes } = config.bounds else { return false };
        let Some(memory) = cx.info.memories.first() else { return false };
        !config.memories_move
            && !memory.is_64
            && memory.page_log2 == DEFAULT_PAGE_LOG2
            && offset.saturating_add(WIDEST_ACCESS) <= guard_bytes
    }

    /// Pushes a popped operand again.
    pub(super) fn repush(&mut self, value: Value<M>) {
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

/// Opcodes, as the specification has them: those that are told apart by their byte.
mod opcode {
    pub const BLOCK: u8 = 0x02;
    pub const LOOP: u8 = 0x03;
    pub const IF: u8 = 0x04;
    pub const ELSE: u8 = 0x05;
    pub const END: u8 = 0x0b;
    pub const BR: u8 = 0x0c;
    pub const BR_IF: u8 = 0x0d;
    pub const RETURN: u8 = 0x0f;
    pub const CALL: u8 = 0x10;
    pub const DROP: u8 = 0x1a;
    pub const SELECT: u8 = 0x1b;
    pub const TYPED_SELECT: u8 = 0x1c;
    pub const LOCAL_GET: u8 = 0x20;
    pub const LOCAL_SET: u8 = 0x21;
    pub const LOCAL_TEE: u8 = 0x22;
    pub const GLOBAL_GET: u8 = 0x23;
    pub const GLOBAL_SET: u8 = 0x24;
    pub const FIRST_ACCESS: u8 = 0x28;
    pub const LAST_ACCESS: u8 = 0x3e;
    pub const I32_CONST: u8 = 0x41;
    pub const I64_CONST: u8 = 0x42;
    pub const I32_EQZ: u8 = 0x45;
    pub const FIRST_NUMERIC: u8 = I32_EQZ;
    pub const LAST_NUMERIC: u8 = 0xc4;
    /// The first byte of all operators on vectors.
    pub const VECTOR: u8 = 0xfd;
    /// Set in the alignment of an access that names its memory.
    pub const NAMES_MEMORY: u32 = 0x40;
}

/// Operators by opcode.
pub struct Known {
    numeric: Vec<Operator<'static>>,
    /// With the offset 0.
    accesses: Vec<Operator<'static>>,
}

/// Those of this version.
pub static KNOWN: LazyLock<Known> = LazyLock::new(Known::new);

impl Known {
    fn new() -> Known {
        let read = |op: u8| {
            // What stands for immediates is not there for long.
            let mut reader = OperatorsReader::new(BinaryReader::new(OPERATORS[op as usize], 0));
            reader.read().unwrap_or(Operator::Nop)
        };
        Known {
            numeric: (opcode::FIRST_NUMERIC..=opcode::LAST_NUMERIC).map(read).collect(),
            accesses: (opcode::FIRST_ACCESS..=opcode::LAST_ACCESS).map(read).collect(),
        }
    }
}

/// Each opcode with zeros for what follows.
static OPERATORS: [&[u8]; 256] = {
    const BYTES: [[u8; 4]; 256] = {
        let mut bytes = [[0; 4]; 256];
        let mut op = 0;
        while op < 256 {
            bytes[op][0] = op as u8;
            op += 1;
        }
        bytes
    };
    const KEPT: &[[u8; 4]; 256] = &BYTES;
    let mut operators: [&[u8]; 256] = [&[]; 256];
    let mut op = 0;
    while op < 256 {
        operators[op] = &KEPT[op];
        op += 1;
    }
    operators
};

/// The type of a construct that says no more than this byte: no type, or a number's.
fn block_type(byte: u8) -> Option<BlockType> {
    Some(match byte {
        0x40 => BlockType::Empty,
        0x7f => BlockType::Type(ValType::I32),
        0x7e => BlockType::Type(ValType::I64),
        0x7d => BlockType::Type(ValType::F32),
        0x7c => BlockType::Type(ValType::F64),
        _ => return None,
    })
}

/// Reads one operator.
fn read(bytes: &[u8], loc: u32) -> Result<Operator<'_>, Error> {
    Ok(OperatorsReader::new(BinaryReader::new(bytes, loc.into())).read()?)
}

/// The bytes from a place on, and zeros behind the last one.
#[inline]
fn window(bytes: &[u8], at: usize) -> [u8; 4] {
    if let Some(window) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        return *window;
    }
    let mut window = [0; 4];
    for (to, &byte) in window.iter_mut().zip(&bytes[at..]) {
        *to = byte;
    }
    window
}
