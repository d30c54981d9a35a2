//! Constant expressions: what globals, tables and segments start with.

use super::Instance;
use crate::api::error::Result;
use crate::api::store::StoreInner;
use crate::gc::object;
use alloc::vec::Vec;
use core::ptr::NonNull;
use tiercel_wasm::CompositeType;
use tiercel_wasm::module::{ConstExpr, ConstOp};

/// The bits of a value: one slot, or two for `v128`.
pub type Bits = [u64; 2];

impl Instance {
    /// The value of a constant expression that makes no object.
    pub(super) fn eval_number(&self, expr: &ConstExpr) -> Bits {
        if let [op @ (ConstOp::Const(..) | ConstOp::GlobalGet(_))] = expr.0.as_slice() {
            return self.eval_leaf(op);
        }
        let mut stack = Operands::default();
        for op in &expr.0 {
            if !stack.apply(op) {
                stack.push(self.eval_leaf(op), false);
            }
        }
        stack.pop()
    }

    /// The value of a constant expression.
    ///
    /// # Errors
    /// It makes an object for which there is no room.
    ///
    /// # Safety
    /// As [`Instance::new`].
    pub(super) unsafe fn eval(&self, store: NonNull<StoreInner>, expr: &ConstExpr) -> Result<Bits> {
        if let [op @ (ConstOp::Const(..) | ConstOp::GlobalGet(_) | ConstOp::RefNull | ConstOp::RefFunc(_))] =
            expr.0.as_slice()
        {
            return Ok(self.eval_leaf(op));
        }
        let mut stack = Operands::default();
        for op in &expr.0 {
            if stack.apply(op) {
                continue;
            }
            // SAFETY: promised by the caller.
            if let Some(reference) = unsafe { self.eval_new(store, op, &mut stack)? } {
                stack.push([reference, 0], true);
                continue;
            }
            let is_traced = match *op {
                ConstOp::GlobalGet(index) => self.module().info.globals[index as usize].content.is_traced(),
                _ => false,
            };
            stack.push(self.eval_leaf(op), is_traced);
        }
        Ok(stack.pop())
    }

    /// Makes the object that an instruction of a constant expression asks for.
    ///
    /// # Errors
    /// There is no room for it.
    ///
    /// # Safety
    /// As [`Instance::new`].
    unsafe fn eval_new(&self, store: NonNull<StoreInner>, op: &ConstOp, stack: &mut Operands) -> Result<Option<u64>> {
        let (ty, values) = match *op {
            ConstOp::StructNew(ty) => match &self.module().info.type_defs[ty as usize].ty.composite {
                CompositeType::Struct(fields) => (ty, New::Values(fields.len())),
                _ => return Ok(None),
            },
            ConstOp::StructNewDefault(ty) => (ty, New::Zero(0)),
            ConstOp::ArrayNew(ty) => {
                let len = stack.pop()[0] as u32;
                (ty, New::Repeated(len))
            }
            ConstOp::ArrayNewDefault(ty) => (ty, New::Zero(stack.pop()[0] as u32)),
            ConstOp::ArrayNewFixed(ty, len) => (ty, New::Values(len as usize)),
            _ => return Ok(None),
        };
        let (id, layout) = (self.module().info.types[ty as usize], &self.module().type_layouts[ty as usize]);
        // SAFETY: promised by the caller: the store knows the type, and operands that are references are made roots meanwhile.
        unsafe {
            let reference = match values {
                New::Zero(len) => object::new(store, id, layout, len, &mut stack.0, |_| &[])?,
                New::Repeated(len) => object::new(store, id, layout, len, &mut stack.0, |all| &all[all.len() - 1..])?,
                New::Values(len) => {
                    object::new(store, id, layout, len as u32, &mut stack.0, |all| &all[all.len() - len..])?
                }
            };
            match values {
                New::Zero(_) => {}
                New::Repeated(_) => drop(stack.pop()),
                New::Values(len) => stack.0.truncate(stack.0.len() - len),
            }
            Ok(Some(reference))
        }
    }

    pub(super) fn eval_leaf(&self, op: &ConstOp) -> Bits {
        match *op {
            ConstOp::Const(_, bits) => [bits as u64, (bits >> 64) as u64],
            // SAFETY: globals are live and only accessed by address.
            ConstOp::GlobalGet(index) => unsafe { self.global(index).read().0 },
            ConstOp::RefFunc(index) => [self.func(index).addr().get() as u64, 0],
            // `RefNull`; operators are not leaves.
            _ => [0, 0],
        }
    }
}

/// Where the contents of an object come from: the top operands.
#[derive(Clone, Copy)]
enum New {
    /// Nowhere: so many zeroes.
    Zero(u32),
    /// So many times from one operand.
    Repeated(u32),
    /// From so many operands.
    Values(usize),
}

/// The operands of a constant expression: bits, and whether they are a reference that the collector has to know of.
#[derive(Default)]
struct Operands(Vec<(Bits, bool)>);

impl Operands {
    fn push(&mut self, bits: Bits, is_traced: bool) {
        self.0.push((bits, is_traced));
    }

    fn pop(&mut self) -> Bits {
        self.0.pop().unwrap_or_default().0
    }

    /// Carries out an instruction on numbers; false if it is none.
    fn apply(&mut self, op: &ConstOp) -> bool {
        let apply: fn(u64, u64) -> u64 = match op {
            ConstOp::I32Add => |a, b| u64::from((a as u32).wrapping_add(b as u32)),
            ConstOp::I32Sub => |a, b| u64::from((a as u32).wrapping_sub(b as u32)),
            ConstOp::I32Mul => |a, b| u64::from((a as u32).wrapping_mul(b as u32)),
            ConstOp::I64Add => u64::wrapping_add,
            ConstOp::I64Sub => u64::wrapping_sub,
            ConstOp::I64Mul => u64::wrapping_mul,
            ConstOp::RefI31 => {
                let [value, _] = self.pop();
                self.push([crate::gc::i31(value as i32), 0], false);
                return true;
            }
            _ => return false,
        };
        let ([b, _], [a, _]) = (self.pop(), self.pop());
        self.push([apply(a, b), 0], false);
        true
    }
}
