//! What an instance holds, as far as a module can say it.

use super::runs;
use crate::api::error::{Error, Result};
use crate::gc;
use crate::vm::{self, VmFuncRef};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ptr::{NonNull, with_exposed_provenance_mut};
use tiercel_wasm::module::{ConstOp, ElementItems, EntityType, SegmentMode};
use tiercel_wasm::{ModuleInfo, Mutability, RefType, ValType};

/// Runs of all memories together; a module has 100,000 data segments at most, and may have some already.
const MOST_RUNS: usize = 50_000;

/// What an instance holds in its own memories, tables and globals, in the order of their indices.
pub struct State<'a> {
    pub memories: Vec<Memory<'a>>,
    pub tables: Vec<Vec<Value>>,
    /// None for a global that has its first value always.
    pub globals: Vec<Option<Value>>,
    /// For each data segment whether instructions can still copy from it.
    pub data: Vec<bool>,
    /// For each element segment whether instructions can still copy from it.
    pub elements: Vec<bool>,
}

/// A memory.
pub struct Memory<'a> {
    pub pages: u64,
    /// Places and bytes; all others are zero.
    pub runs: Vec<(u64, &'a [u8])>,
}

/// A value that a constant expression can give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number: its bits.
    Bits(ValType, [u64; 2]),
    Null,
    /// A function by its index.
    Func(u32),
    I31(i32),
}

impl<'a> State<'a> {
    /// What the instance holds.
    ///
    /// # Errors
    /// Something cannot be written as a module.
    pub fn read(instance: &'a vm::Instance) -> Result<State<'a>> {
        let info = &instance.module().info;
        check_imports(info)?;
        let reader = Reader::new(instance);
        let data = 0..info.data.len() as u32;
        let elements = 0..info.elements.len() as u32;
        let state = State {
            memories: reader.memories(),
            tables: reader.tables()?,
            globals: reader.globals()?,
            data: data.map(|segment| instance.has_data(segment)).collect(),
            elements: elements.map(|segment| instance.has_elements(segment)).collect(),
        };
        for (segment, element) in info.elements.iter().enumerate() {
            let ElementItems::Exprs(exprs) = &element.items else { continue };
            let makes_objects =
                exprs.iter().any(|expr| !matches!(expr.0[..], [ConstOp::RefNull | ConstOp::RefFunc(_)]));
            if matches!(element.mode, SegmentMode::Passive) && state.elements[segment] && makes_objects {
                return Err(refused(format!("element segment {segment} holds references that are not to functions")));
            }
        }
        Ok(state)
    }
}

fn refused(what: String) -> Error {
    Error::unsupported(format!("the instance cannot be written as a module: {what}"))
}

fn check_imports(info: &ModuleInfo) -> Result<()> {
    for import in &info.imports {
        let is_state = match &import.ty {
            EntityType::Func(_) => false,
            EntityType::Global(ty) => ty.mutability() == Mutability::Var,
            EntityType::Table(_) | EntityType::Memory(_) => true,
        };
        if is_state {
            let kind = import.ty.kind();
            return Err(refused(format!("its {kind} `{}::{}` is imported", import.module, import.name)));
        }
    }
    Ok(())
}

struct Reader<'a> {
    instance: &'a vm::Instance,
    /// Imported functions by address.
    imported: BTreeMap<usize, u32>,
}

impl<'a> Reader<'a> {
    fn new(instance: &'a vm::Instance) -> Reader<'a> {
        let imported = 0..instance.module().info.imported.funcs;
        let imported = imported.map(|func| (instance.func(func).addr().get(), func)).collect();
        Reader { instance, imported }
    }

    fn info(&self) -> &'a ModuleInfo {
        &self.instance.module().info
    }

    fn memories(&self) -> Vec<Memory<'a>> {
        let indices = self.info().imported.memories..self.info().memories.len() as u32;
        let mut left = MOST_RUNS;
        let read = |index| {
            // SAFETY: the instance's memories live as long as it does, and its store is borrowed: no guest runs.
            let (bytes, pages) = unsafe {
                let memory: &'a vm::Memory = self.instance.memory(index).as_ref();
                (core::slice::from_raw_parts(memory.def().base, memory.def().len_bytes), memory.pages())
            };
            let runs = runs::non_zero(bytes, left);
            left = left.saturating_sub(runs.len());
            Memory { pages, runs: runs.into_iter().map(|run| (run.start as u64, &bytes[run])).collect() }
        };
        indices.map(read).collect()
    }

    fn tables(&self) -> Result<Vec<Vec<Value>>> {
        let info = self.info();
        let indices = info.imported.tables..info.tables.len() as u32;
        let read = |index: u32| {
            // SAFETY: as in `memories`.
            let table: &vm::Table = unsafe { self.instance.table(index).as_ref() };
            let ty = info.tables[index as usize].element;
            let value = |element| {
                let value = self.reference(ty, table.get(element).unwrap_or(0));
                value.map_err(|what| refused(format!("element {element} of table {index} is a reference to {what}")))
            };
            (0..table.len()).map(value).collect()
        };
        indices.map(read).collect()
    }

    fn globals(&self) -> Result<Vec<Option<Value>>> {
        let info = self.info();
        let indices = info.imported.globals..info.globals.len() as u32;
        let read = |index: u32| {
            let ty = info.globals[index as usize];
            // SAFETY: globals are live and only accessed by address.
            let bits = unsafe { self.instance.global(index).read().0 };
            let value = match ty.content {
                ValType::Ref(ty) => self.reference(ty, bits[0]),
                number => Ok(Value::Bits(number, bits)),
            };
            let value = value.map_err(|what| refused(format!("global {index} is a reference to {what}")))?;
            Ok((ty.mutability() == Mutability::Var).then_some(value))
        };
        indices.map(read).collect()
    }

    /// A reference; the error is what it refers to.
    fn reference(&self, ty: RefType, bits: u64) -> Result<Value, &'static str> {
        if bits == 0 {
            return Ok(Value::Null);
        }
        if ty.heap.is_traced() {
            return match gc::is_i31(bits) {
                true => Ok(Value::I31((bits as u32 >> 1) as i32)),
                false => Err("an object or a value of the host"),
            };
        }
        if let Some(&func) = self.imported.get(&(bits as usize)) {
            return Ok(Value::Func(func));
        }
        let func: *mut VmFuncRef = with_exposed_provenance_mut(bits as usize);
        // SAFETY: such a reference is the address of a `VmFuncRef`, which lives as long as its store.
        let func = unsafe { NonNull::new_unchecked(func).as_ref() };
        match !func.is_host() && func.vmctx == self.instance.vmctx().as_ptr() {
            true => Ok(Value::Func(self.info().imported.funcs + func.func_index)),
            false => Err("a function of another instance, or of the host"),
        }
    }
}
