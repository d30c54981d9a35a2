//! References, tables and globals.

use super::Handler;
use super::control::{cx_pointer, ops, stop_of, trap};
use super::memory::operands;
use crate::interp::dispatch::{Next, Op, Regs, handler};
use crate::interp::operand::{A, Dst, S, Src, St, Value, imm32};
use crate::vm::{VmGlobal, VmTable, libcalls};
use core::marker::PhantomData;
use tiercel_abi::Trap;
use tiercel_wasm::numeric::V128;

ops! {
    /// `dst` = a reference to function `imm32`.
    RefFunc |r| {
        let func = libcalls::ref_func(r.cx, imm32(r.ip));
        St::put(r, func as i64);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// Traps if `s0` is null.
    NonNull<P: Src> |r| {
        let reference: i64 = P::get(r, 1);
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// Goes on at the distance in the third word if `s0` is null.
    BrNull<P: Src> |r| {
        let reference: i64 = P::get(r, 1);
        r.ip = r.ip.offset(if reference == 0 { *r.ip.add(2) as i64 as isize } else { 3 });
        Next::Go
    }

    /// Goes on at the distance in the third word if `s0` is not null.
    BrNonNull<P: Src> |r| {
        let reference: i64 = P::get(r, 1);
        r.ip = r.ip.offset(if reference == 0 { 3 } else { *r.ip.add(2) as i64 as isize });
        Next::Go
    }

    /// `dst` = element `s0` of the table at vmctx offset `imm32`.
    TableGet |r| {
        let index: i64 = S::get(r, 1);
        let table: *mut VmTable = cx_pointer(r.cx, imm32(r.ip));
        if index as u64 >= (*table).len as u64 {
            return trap(Trap::TableOutOfBounds);
        }
        let element = *(*table).base.add(index as usize);
        St::put(r, element as i64);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// Element `s0` of the table at vmctx offset `imm32` = `dst`.
    TableSet |r| {
        let (index, element): (i64, i64) = (S::get(r, 1), S::get(r, 0));
        let table: *mut VmTable = cx_pointer(r.cx, imm32(r.ip));
        if index as u64 >= (*table).len as u64 {
            return trap(Trap::TableOutOfBounds);
        }
        *(*table).base.add(index as usize) = element as u64;
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = elements of the table at vmctx offset `imm32`.
    TableSize |r| {
        let table: *mut VmTable = cx_pointer(r.cx, imm32(r.ip));
        St::put(r, (*table).len as i64);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = old length of table number (third word's first half), grown by `s0` elements equal to `s1`; all ones if it cannot. The
    /// other half says whether it has 64-bit indices.
    TableGrow |r| {
        let word = r.ip.add(2).cast::<u32>();
        let [_, delta, value] = operands(r);
        match libcalls::table_grow(r.cx, *word, delta, value) {
            Ok(len) if *word.add(1) != 0 => St::put(r, len as i64),
            Ok(len) => St::put(r, len as i32),
            Err(stop) => return stop_of(stop),
        }
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// Fills table number (third word) from `dst` on with `s0`, `s1` times.
    TableFill |r| {
        let [to, value, len] = operands(r);
        match libcalls::table_fill(r.cx, *r.ip.add(2) as u32, to, value, len) {
            Ok(()) => r.ip = r.ip.add(3),
            Err(reason) => return trap(reason),
        }
        Next::Go
    }

    /// Copies between the tables of the third word's halves: destination, source and length in `dst`, `s0`, `s1`.
    TableCopy |r| {
        let tables = r.ip.add(2).cast::<u32>();
        let [to, from, len] = operands(r);
        match libcalls::table_copy(r.cx, *tables, *tables.add(1), to, from, len) {
            Ok(()) => r.ip = r.ip.add(3),
            Err(reason) => return trap(reason),
        }
        Next::Go
    }

    /// Copies from a segment to a table, the third word's halves the other way round: destination, source and length in `dst`, `s0`, `s1`.
    TableInit |r| {
        let indices = r.ip.add(2).cast::<u32>();
        let [to, from, len] = operands(r);
        match libcalls::table_init(r.cx, *indices, *indices.add(1), to, from, len) {
            Ok(()) => r.ip = r.ip.add(3),
            Err(reason) => return trap(reason),
        }
        Next::Go
    }

    /// Drops element segment `imm32`.
    ElemDrop |r| {
        libcalls::elem_drop(r.cx, imm32(r.ip));
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = the own global at vmctx offset `imm32`.
    GlobalGet<T: Value> |r| {
        let value = T::load(r.cx.byte_add(imm32(r.ip) as usize).cast());
        St::put(r, value);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = the global that vmctx offset `imm32` points at.
    GlobalGetImported<T: Value> |r| {
        let global: *mut VmGlobal = cx_pointer(r.cx, imm32(r.ip));
        let value = T::load(global.cast());
        St::put(r, value);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// The own global at vmctx offset `imm32` = `s0`.
    GlobalSet<T: Value, P: Src> |r| {
        let value: T = P::get(r, 1);
        value.store(r.cx.byte_add(imm32(r.ip) as usize).cast());
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// The global that vmctx offset `imm32` points at = `s0`.
    GlobalSetImported<T: Value> |r| {
        let value: T = S::get(r, 1);
        let global: *mut VmGlobal = cx_pointer(r.cx, imm32(r.ip));
        value.store(global.cast());
        r.ip = r.ip.add(2);
        Next::Go
    }
}

super::control::by_class! {
    /// Reads an own global.
    global_get() = GlobalGet<>;
    /// Reads an imported global.
    global_get_imported() = GlobalGetImported<>;
    /// Writes an own global from a slot.
    global_set_slot() = GlobalSet<S>;
    /// Writes an own global from the accumulator; not for vectors.
    global_set_acc() = GlobalSet<A>;
    /// Writes an imported global from a slot.
    global_set_imported() = GlobalSetImported<>;
}
