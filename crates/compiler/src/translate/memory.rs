//! Accesses to linear memory.
//!
//! An address is an index into memory 0 and a constant offset, or for other memories (and where memories move) a pointer and an offset.
//! Whether an access is checked, or may fault, depends on [`super::Bounds`].

use super::fold::known;
use super::{Bounds, Context, Translator};
use crate::entity::Entity;
use crate::ir::insts::access;
use crate::ir::{AliasClass, Inst, Opcode, Type, Value};
use tiercel_abi::Trap;
use tiercel_wasm::limits::DEFAULT_PAGE_BYTES;
use wasmparser::{MemArg, MemArgTarget, Operator};

/// Bytes that are copied or filled by loads and stores, at most. No effect on correctness.
const COPIED_BYTES: u64 = 128;
const FILLED_BYTES: u64 = 256;
/// Bytes of the widest piece.
const PIECE_BYTES: u32 = 16;
/// Pieces that are copied at most.
const PIECES: usize = (COPIED_BYTES / PIECE_BYTES as u64) as usize;

/// Pieces that cover a range of `len` bytes, as offsets and the loads of that width. They may overlap. The last one comes first: if it is in
/// bounds, all are, so that nothing is written before a trap.
fn pieces(len: u32) -> impl Iterator<Item = (u32, Opcode)> {
    let width = (1 << len.ilog2()).min(PIECE_BYTES);
    let op = match width {
        1 => Opcode::I32Load8U,
        2 => Opcode::I32Load16U,
        4 => Opcode::I32Load,
        8 => Opcode::I64Load,
        _ => Opcode::V128Load,
    };
    (0..len.div_ceil(width)).rev().map(move |piece| ((piece * width).min(len - width), op))
}

/// The store of what such a load loads.
fn store_of(load: Opcode) -> Opcode {
    match load {
        Opcode::I32Load8U => Opcode::I32Store8,
        Opcode::I32Load16U => Opcode::I32Store16,
        Opcode::I32Load => Opcode::I32Store,
        Opcode::I64Load => Opcode::I64Store,
        _ => Opcode::V128Store,
    }
}

/// Offsets beyond this are not made of smaller ones. No effect on correctness.
const MAX_REBASED_OFFSET: u64 = 1 << 20;

/// An address that an access can use.
#[derive(Clone, Copy)]
struct Address {
    base: Value,
    offset: u32,
    imm: u8,
    class: AliasClass,
    /// Whether a store there is [`access::WHOLE`].
    whole: bool,
    /// Index and offset as the guest has them, if they are others.
    written: Option<(Value, u32)>,
}

impl Translator {
    /// An index or length as an `i64`.
    pub(super) fn index(&mut self, index: Value, is_64: bool) -> Value {
        if is_64 { index } else { self.build.unary(Opcode::I64ExtendI32U, index) }
    }

    /// An `i64` as the type of a memory's or table's indices.
    pub(super) fn index_result(&mut self, value: Value, is_64: bool) -> Value {
        if is_64 { value } else { self.build.unary(Opcode::I32WrapI64, value) }
    }

    /// The pointer to a memory.
    fn memory(&mut self, cx: Context<'_>, memory: u32) -> Value {
        self.build.ctx_load(Type::I64, cx.layout.memory(memory), AliasClass::READ_ONLY)
    }

    /// The length of a memory in bytes.
    pub(super) fn memory_len(&mut self, cx: Context<'_>, memory: u32) -> Value {
        let pointer = self.memory(cx, memory);
        self.build.ptr_load(Type::I64, pointer, cx.config.pointer_bytes, AliasClass::MEMORY_SIZE)
    }

    /// The address of an access of `bytes` bytes; none if it traps always.
    fn address(&mut self, cx: Context<'_>, index: Value, memarg: &MemArg, bytes: u8) -> Option<Address> {
        let MemArgTarget::Memory(memory) = memarg.target else { return None };
        let ty = &cx.info.memories[memory as usize];
        let is_guarded = |end: u128| {
            !ty.is_64
                && ty.page_bytes() == DEFAULT_PAGE_BYTES
                && matches!(cx.config.bounds, Bounds::Guarded { guard_bytes } if end <= u128::from(guard_bytes))
        };
        let (mut index, mut far, mut written) = (index, memarg.offset, None);
        // A constant that does not wrap may as well be part of the offset.
        if let Some((other, constant)) = self.build.rebased(index, memory)
            && let Some(sum) = far.checked_add(constant).filter(|&sum| sum <= MAX_REBASED_OFFSET)
            && is_guarded(u128::from(far) + u128::from(bytes)) == is_guarded(u128::from(sum) + u128::from(bytes))
        {
            written = Some((index, far as u32));
            (index, far) = (other, sum);
        }
        let end = u128::from(far) + u128::from(bytes);
        let (mut base, mut offset) = (index, far as u32);
        let guarded = is_guarded(end);
        let mut imm = 0;
        // A memory has at least what it starts with.
        let least = u128::from(ty.min_pages) << ty.page_log2;
        let is_safe = cx.config.optimize
            && far <= u64::from(u32::MAX)
            && end <= least
            && self.may_be_small(index)
            && u128::from(known::most(&self.build.func, index)) + end <= least;
        if is_safe {
            imm |= access::SAFE;
        } else if !guarded {
            imm |= access::CHECKED;
            let len = self.memory_len(cx, memory);
            let mut end = end;
            if end > u128::from(u32::MAX) {
                // The offset does not fit: it is added first, and the sum may leave 64 bits.
                let index = self.index(index, ty.is_64);
                let constant = self.build.i64(far);
                base = self.build.binary(Opcode::I64Add, index, constant);
                (offset, end) = (0, u128::from(bytes));
                let wraps = self.build.binary(Opcode::I64LtU, base, constant);
                if !self.check(Opcode::TrapNz, wraps, Trap::MemoryOutOfBounds) {
                    return None;
                }
            }
            self.build.mem_check(base, end as u32, memory, len);
        }
        let known = base == index && self.build.accessed(index, end as u64, memory);
        let whole = known || imm & access::NO_TRAP != 0 || {
            let zeros = known::low_zeros(&self.build.func, index).min(far.trailing_zeros());
            zeros >= u32::from(bytes).trailing_zeros()
        };
        // Two imported memories may be the same one.
        let class = if memory == 0 || memory < cx.info.imported.memories {
            AliasClass::MEMORY
        } else {
            imm |= access::OTHER_MEMORY;
            AliasClass::MEMORY_OTHER
        };
        if memory != 0 || cx.config.memories_move {
            imm |= access::NATIVE;
            let pointer = self.memory(cx, memory);
            let moves = if cx.config.memories_move { AliasClass::MEMORY_SIZE } else { AliasClass::READ_ONLY };
            let start = self.build.ptr_load(Type::I64, pointer, 0, moves);
            let is_64 = self.build.func.ty(base) == Type::I64;
            let index = self.index(base, is_64);
            base = self.build.binary(Opcode::I64Add, start, index);
        }
        let written = written.filter(|_| imm & access::NATIVE == 0);
        Some(Address { base, offset, imm, class, whole, written })
    }

    /// Whether it is worth finding out how large an index can be.
    fn may_be_small(&self, index: Value) -> bool {
        use Opcode::*;
        let inst = self.build.func.inst(index);
        match inst.op {
            I32Add | I64Add => self.build.func.is_const(Value::new(inst.b as usize)),
            Const | I32And | I64And | I32ShrU | I64ShrU | I32Shl | I64Shl | I32RemU | I64RemU => true,
            I32Load8U | I32Load16U | I64Load8U | I64Load16U | I64ExtendI32U => true,
            _ => false,
        }
    }

    fn load_from(&mut self, op: Opcode, address: Address) -> Value {
        let load = |base: Value, offset: u32| {
            Inst::new(op, op.info().result).fields(base.index() as u32, offset, 0).imm(address.imm)
        };
        if let Some((index, offset)) = address.written
            && let Some(loaded) = self.build.loaded(load(index, offset), address.class)
        {
            return loaded;
        }
        self.build.load(load(address.base, address.offset), address.class)
    }

    fn store_to(&mut self, op: Opcode, address: Address, value: Value) {
        let (op, value) = self.narrowed(op, value);
        let same = match op {
            Opcode::I32Store => Some(Opcode::I32Load),
            Opcode::I64Store => Some(Opcode::I64Load),
            Opcode::F32Store => Some(Opcode::F32Load),
            Opcode::F64Store => Some(Opcode::F64Load),
            Opcode::V128Store => Some(Opcode::V128Load),
            _ => None,
        };
        let at = address.base.index() as u32;
        let load = same.map(|load| Inst::new(load, load.info().result).fields(at, address.offset, 0).imm(address.imm));
        let imm = address.imm | if address.whole { access::WHOLE } else { 0 };
        let inst = Inst::new(op, Type::None).fields(at, address.offset, value.index() as u32).imm(imm);
        self.build.store(inst, address.class, load);
    }

    /// A store without what only changes bits that it does not store.
    fn narrowed(&self, op: Opcode, value: Value) -> (Opcode, Value) {
        let kept: u64 = match op {
            _ if !self.config.optimize => return (op, value),
            Opcode::I32Store8 | Opcode::I64Store8 => 0xff,
            Opcode::I32Store16 | Opcode::I64Store16 => 0xffff,
            Opcode::I64Store32 => 0xffff_ffff,
            _ => return (op, value),
        };
        let inst = self.build.func.inst(value);
        if !inst.op.is_numeric() {
            return (op, value);
        }
        let (x, y) = (Value::new(inst.a as usize), Value::new(inst.b as usize));
        match inst.op {
            // p & c where c has all bits that are stored
            Opcode::I32And | Opcode::I64And if self.build.func.int_const(y).is_some_and(|c| c & kept == kept) => {
                (op, x)
            }
            Opcode::I32Extend8S | Opcode::I64Extend8S if kept == 0xff => (op, x),
            Opcode::I32Extend16S | Opcode::I64Extend16S if kept <= 0xffff => (op, x),
            Opcode::I64Extend32S => (op, x),
            // an i32, extended: stored as an i32
            Opcode::I64ExtendI32S | Opcode::I64ExtendI32U => {
                let narrow = match op {
                    Opcode::I64Store8 => Opcode::I32Store8,
                    Opcode::I64Store16 => Opcode::I32Store16,
                    _ => Opcode::I32Store,
                };
                (narrow, x)
            }
            _ => (op, value),
        }
    }

    /// A load of any kind.
    pub(super) fn load(&mut self, cx: Context<'_>, op: Opcode, memarg: &MemArg) {
        let index = self.pop();
        if let Some(address) = self.address(cx, index, memarg, op.info().bytes) {
            let value = self.load_from(op, address);
            self.stack.push(value);
        }
    }

    /// A store of any kind.
    pub(super) fn store(&mut self, cx: Context<'_>, op: Opcode, memarg: &MemArg) {
        let (value, index) = (self.pop(), self.pop());
        if let Some(address) = self.address(cx, index, memarg, op.info().bytes) {
            self.store_to(op, address, value);
        }
    }

    /// `memory.copy` of a few bytes, a constant number: everything is loaded before anything is stored, so that the ranges may overlap.
    /// `false`: it is not that.
    pub(super) fn short_copy(&mut self, cx: Context<'_>, memories: [u32; 2]) -> bool {
        let [.., to, from, len] = self.stack[..] else { return false };
        let Some(len) = self.short_len(len, COPIED_BYTES) else { return false };
        self.stack.truncate(self.stack.len() - 3);
        let mut loaded = Vec::with_capacity(PIECES);
        for (offset, op) in pieces(len) {
            let Some(address) = self.piece(cx, from, memories[1], offset, op) else { return true };
            loaded.push(self.load_from(op, address));
        }
        for ((offset, op), value) in pieces(len).zip(loaded) {
            let Some(address) = self.piece(cx, to, memories[0], offset, op) else { return true };
            self.store_to(store_of(op), address, value);
        }
        true
    }

    /// `memory.fill` of a few bytes, a constant number; `false`: it is not that.
    pub(super) fn short_fill(&mut self, cx: Context<'_>, memory: u32) -> bool {
        let [.., to, byte, len] = self.stack[..] else { return false };
        let Some(len) = self.short_len(len, FILLED_BYTES) else { return false };
        self.stack.truncate(self.stack.len() - 3);
        let (_, widest) = pieces(len).next().unwrap_or((0, Opcode::I32Load8U));
        let value = match widest {
            Opcode::V128Load => self.build.unary(Opcode::I8x16Splat, byte),
            Opcode::I32Load8U => byte,
            op => {
                let mask = self.build.i32(0xff);
                let byte = self.build.binary(Opcode::I32And, byte, mask);
                if op == Opcode::I64Load {
                    let (wide, ones) = (self.index(byte, false), self.build.i64(0x0101_0101_0101_0101));
                    self.build.binary(Opcode::I64Mul, wide, ones)
                } else {
                    let ones = self.build.i32(0x0101_0101);
                    self.build.binary(Opcode::I32Mul, byte, ones)
                }
            }
        };
        for (offset, op) in pieces(len) {
            let Some(address) = self.piece(cx, to, memory, offset, op) else { return true };
            self.store_to(store_of(op), address, value);
        }
        true
    }

    /// A length that is a constant of at most so many bytes, but not none: nothing still checks where it would be.
    fn short_len(&self, len: Value, most: u64) -> Option<u32> {
        let bytes = self.build.func.int_const(len).filter(|_| self.config.optimize)?;
        (1..=most).contains(&bytes).then_some(bytes as u32)
    }

    /// The address of a piece of a range.
    fn piece(&mut self, cx: Context<'_>, start: Value, memory: u32, offset: u32, op: Opcode) -> Option<Address> {
        let target = MemArgTarget::Memory(memory);
        let memarg = MemArg { align: 0, max_align: 0, offset: offset.into(), target, ordering: None };
        self.address(cx, start, &memarg, op.info().bytes)
    }

    /// An access to one lane: a load of a scalar that replaces a lane, or a store of a lane that was taken out.
    pub(super) fn lane_access(&mut self, cx: Context<'_>, access: &LaneAccess) {
        let (vector, index) = (self.pop(), self.pop());
        let Some(address) = self.address(cx, index, &access.memarg, access.op.info().bytes) else { return };
        if access.is_store {
            let inst = Inst::new(access.lane_op, access.lane_op.info().result).fields(vector.index() as u32, 0, 0);
            let value = self.build.value(inst.imm(access.lane));
            self.store_to(access.op, address, value);
        } else {
            let loaded = self.load_from(access.op, address);
            let fields = (vector.index() as u32, loaded.index() as u32);
            let inst = Inst::new(access.lane_op, Type::V128).fields(fields.0, fields.1, 0);
            let value = self.build.value(inst.imm(access.lane));
            self.stack.push(value);
        }
    }
}

/// An access to one lane.
pub struct LaneAccess {
    /// The access to memory.
    pub op: Opcode,
    /// What takes the lane out or puts it in.
    pub lane_op: Opcode,
    /// Where.
    pub memarg: MemArg,
    /// Its number.
    pub lane: u8,
    /// Whether it is stored.
    pub is_store: bool,
}

/// The access to one lane that an operator is.
pub fn lane_access_of(op: &Operator<'_>) -> Option<LaneAccess> {
    let (op, lane_op, memarg, lane, is_store) = match *op {
        Operator::V128Load8Lane { memarg, lane } => (Opcode::I32Load8U, Opcode::I8x16ReplaceLane, memarg, lane, false),
        Operator::V128Load16Lane { memarg, lane } => {
            (Opcode::I32Load16U, Opcode::I16x8ReplaceLane, memarg, lane, false)
        }
        Operator::V128Load32Lane { memarg, lane } => (Opcode::I32Load, Opcode::I32x4ReplaceLane, memarg, lane, false),
        Operator::V128Load64Lane { memarg, lane } => (Opcode::I64Load, Opcode::I64x2ReplaceLane, memarg, lane, false),
        Operator::V128Store8Lane { memarg, lane } => (Opcode::I32Store8, Opcode::I8x16ExtractLaneU, memarg, lane, true),
        Operator::V128Store16Lane { memarg, lane } => {
            (Opcode::I32Store16, Opcode::I16x8ExtractLaneU, memarg, lane, true)
        }
        Operator::V128Store32Lane { memarg, lane } => (Opcode::I32Store, Opcode::I32x4ExtractLane, memarg, lane, true),
        Operator::V128Store64Lane { memarg, lane } => (Opcode::I64Store, Opcode::I64x2ExtractLane, memarg, lane, true),
        _ => return None,
    };
    Some(LaneAccess { op, lane_op, memarg, lane, is_store })
}
