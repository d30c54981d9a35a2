//! An instance of a module whose functions run in the IR interpreter: the [`World`] that tests use.
//!
//! Nothing is shared with the runtime but the layout of the vmctx, so that both can be compared. Imports are not supported.
//!
//! A pointer is a region's number and an offset into it, `region << 40 | offset`. What lies behind a region's end is not mapped, so that
//! an access beyond a memory's length faults as with guard pages.

use super::builtins::Builtin;
use super::func::Function;
use super::interp::{self, Exit, Stop, World};
use crate::entity::Entity as _;
use std::collections::BTreeMap;
use std::rc::Rc;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::{GLOBAL_BYTES, TYPE_ID_BYTES, VmctxLayout, VmctxShape, header};
use tiercel_wasm::composite::TypeDef;
use tiercel_wasm::module::{ConstExpr, ConstOp, ElementItems, SegmentMode};
use tiercel_wasm::{ModuleInfo, ValType};

/// Makes the IR of the function with this body index; the reason as text if it cannot.
pub type Compile<'a> = dyn FnMut(usize) -> Result<Function, String> + 'a;

const OFFSET_BITS: u32 = 40;
const POINTER_BYTES: u32 = 8;
const VMCTX: u64 = 1 << OFFSET_BITS;

/// What a machine allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps of the interpreter.
    pub steps: u64,
    /// Calls inside each other.
    pub depth: u32,
    /// Bytes a memory may have.
    pub memory_bytes: u64,
    /// Elements a table may have.
    pub table_elements: u64,
    /// Fuel for each call from outside.
    pub fuel: i64,
}

/// An instance.
pub struct Machine<'a> {
    info: &'a ModuleInfo,
    bytes: &'a [u8],
    layout: VmctxLayout,
    compile: Box<Compile<'a>>,
    functions: BTreeMap<usize, Rc<Function>>,
    regions: Vec<Vec<u8>>,
    dropped_data: Vec<bool>,
    elements: Vec<Option<Vec<u64>>>,
    limits: Limits,
    steps: u64,
    depth: u32,
    /// Fuel left.
    pub fuel: i64,
}

/// The layout of the vmctx of a module.
pub fn layout_of(info: &ModuleInfo) -> VmctxLayout {
    let shape = VmctxShape {
        imported_funcs: info.imported.funcs,
        memories: info.memories.len() as u32,
        tables: info.tables.len() as u32,
        imported_globals: info.imported.globals,
        own_globals: info.globals.len() as u32 - info.imported.globals,
        func_refs: info.escaping.len() as u32,
        types: info.types.len() as u32,
    };
    VmctxLayout::new(POINTER_BYTES, shape)
}

impl<'a> Machine<'a> {
    /// An instance, as instantiation leaves it.
    ///
    /// # Errors
    /// It stopped.
    ///
    /// # Panics
    /// The module has imports, or makes an object in a constant expression.
    pub fn instantiate(
        info: &'a ModuleInfo,
        bytes: &'a [u8],
        limits: Limits,
        compile: impl FnMut(usize) -> Result<Function, String> + 'a,
    ) -> Result<Machine<'a>, Stop> {
        assert!(info.imports.is_empty(), "the machine has no imports");
        let layout = layout_of(info);
        let mut machine = Machine {
            info,
            bytes,
            layout,
            compile: Box::new(compile),
            functions: BTreeMap::new(),
            regions: vec![Vec::new(), vec![0; layout.size() as usize]],
            dropped_data: vec![false; info.data.len()],
            elements: Vec::new(),
            limits,
            steps: 0,
            depth: 0,
            fuel: limits.fuel,
        };
        machine.lay_out();
        machine.fill_segments()?;
        if let Some(start) = info.start {
            machine.call_func(start, &[])?;
        }
        Ok(machine)
    }

    // Regions.

    fn region(&mut self, bytes: Vec<u8>) -> u64 {
        self.regions.push(bytes);
        (self.regions.len() as u64 - 1) << OFFSET_BITS
    }

    fn bytes_at(&mut self, pointer: u64, len: u64) -> Option<&mut [u8]> {
        let (region, offset) = ((pointer >> OFFSET_BITS) as usize, pointer & ((1 << OFFSET_BITS) - 1));
        self.regions.get_mut(region)?.get_mut(offset as usize..offset.checked_add(len)? as usize)
    }

    fn put(&mut self, pointer: u64, value: u64) {
        if let Some(bytes) = self.bytes_at(pointer, 8) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    fn get(&mut self, pointer: u64) -> u64 {
        self.read(pointer, 8).unwrap_or(0) as u64
    }

    /// Makes memories, tables, globals and function references.
    fn lay_out(&mut self) {
        let info = self.info;
        for (index, ty) in info.memories.iter().enumerate() {
            let len = ty.min_pages << ty.page_log2;
            let data = self.region(vec![0; len as usize]);
            let def = self.region(vec![0; 16]);
            self.put(def, data);
            self.put(def + 8, len);
            self.put(VMCTX + u64::from(self.layout.memory(index as u32)), def);
            if index == 0 {
                self.put(VMCTX + u64::from(header::MEMORY0_BASE * POINTER_BYTES), data);
                self.put(VMCTX + u64::from(header::MEMORY0 * POINTER_BYTES), def);
            }
        }
        for (place, &func) in info.escaping.iter().enumerate() {
            let at = VMCTX + u64::from(self.layout.func_ref(place as u32));
            let numbers = u64::from(info.func_type_id(func).as_u32()) | u64::from(func) << 32;
            self.put(at, VMCTX);
            self.put(at + 3 * u64::from(POINTER_BYTES), numbers);
        }
        for (index, id) in info.types.iter().enumerate() {
            let _ = self.write(VMCTX + u64::from(self.layout.type_id(index as u32)), TYPE_ID_BYTES, id.as_u32().into());
        }
        for index in 0..info.global_inits.len() {
            let bits = self.eval(&info.global_inits[index]);
            let at = VMCTX + u64::from(self.layout.own_global(index as u32));
            let _ = self.write(at, GLOBAL_BYTES, bits);
        }
        for (index, ty) in info.tables.iter().enumerate() {
            let init = match &info.table_inits[index] {
                Some(expr) => self.eval(expr) as u64,
                None => 0,
            };
            let data = self.region(init.to_le_bytes().repeat(ty.min as usize));
            let def = self.region(vec![0; 16]);
            self.put(def, data);
            self.put(def + 8, ty.min);
            self.put(VMCTX + u64::from(self.layout.table(index as u32)), def);
        }
    }

    fn fill_segments(&mut self) -> Result<(), Stop> {
        let info = self.info;
        for segment in &info.elements {
            let values = match &segment.items {
                ElementItems::Funcs(funcs) => funcs.iter().map(|&func| self.func_ref(func)).collect(),
                ElementItems::Exprs(exprs) => exprs.iter().map(|expr| self.eval(expr) as u64).collect(),
            };
            self.elements.push(Some(values));
        }
        for (number, segment) in info.elements.iter().enumerate() {
            if let SegmentMode::Active { index, offset } = &segment.mode {
                let to = self.eval(offset) as u64;
                let len = segment.items.len() as u64;
                self.table_init(u64::from(*index), number, to, 0, len)?;
            }
            if !matches!(segment.mode, SegmentMode::Passive) {
                self.elements[number] = None;
            }
        }
        for (number, segment) in info.data.iter().enumerate() {
            if let SegmentMode::Active { index, offset } = &segment.mode {
                let to = self.eval(offset) as u64;
                self.memory_init(u64::from(*index), number, to, 0, u64::from(segment.range.end - segment.range.start))?;
                self.dropped_data[number] = true;
            }
        }
        Ok(())
    }

    fn func_ref(&self, func: u32) -> u64 {
        match self.info.escaping.binary_search(&func) {
            Ok(place) => VMCTX + u64::from(self.layout.func_ref(place as u32)),
            Err(_) => 0,
        }
    }

    fn eval(&mut self, expr: &ConstExpr) -> u128 {
        let mut stack: Vec<u128> = Vec::new();
        for op in &expr.0 {
            let mut two = |f: fn(u64, u64) -> u64, mask: u64| {
                let (b, a) = (stack.pop().unwrap_or(0), stack.pop().unwrap_or(0));
                u128::from(f(a as u64, b as u64) & mask)
            };
            const NARROW: u64 = u32::MAX as u64;
            let value = match *op {
                ConstOp::Const(_, bits) => bits,
                ConstOp::GlobalGet(global) => self.global(global),
                ConstOp::RefNull => 0,
                ConstOp::RefFunc(func) => u128::from(self.func_ref(func)),
                ConstOp::I32Add => two(u64::wrapping_add, NARROW),
                ConstOp::I32Sub => two(u64::wrapping_sub, NARROW),
                ConstOp::I32Mul => two(u64::wrapping_mul, NARROW),
                ConstOp::I64Add => two(u64::wrapping_add, u64::MAX),
                ConstOp::I64Sub => two(u64::wrapping_sub, u64::MAX),
                ConstOp::I64Mul => two(u64::wrapping_mul, u64::MAX),
                ref object => panic!("the machine has no objects, but a constant expression has {object:?}"),
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(0)
    }

    // What can be seen from outside.

    /// The bits of a global.
    pub fn global(&mut self, global: u32) -> u128 {
        let bytes = match self.info.globals[global as usize].content {
            ValType::I32 | ValType::F32 => 4,
            ValType::V128 => 16,
            _ => 8,
        };
        self.read(VMCTX + u64::from(self.layout.own_global(global)), bytes).unwrap_or(0)
    }

    /// The bytes of a memory.
    pub fn memory(&mut self, memory: u32) -> &[u8] {
        let def = self.get(VMCTX + u64::from(self.layout.memory(memory)));
        let (data, len) = (self.get(def), self.get(def + 8));
        self.bytes_at(data, len).unwrap_or(&mut [])
    }

    /// Calls a function of the module.
    ///
    /// # Errors
    /// It stopped.
    ///
    /// # Panics
    /// A function cannot be compiled.
    pub fn call_func(&mut self, func: u32, args: &[u128]) -> Result<Vec<u128>, Stop> {
        self.fuel = self.limits.fuel;
        self.depth = 0;
        self.run(func, args)
    }

    fn run(&mut self, func: u32, args: &[u128]) -> Result<Vec<u128>, Stop> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(Stop::Steps);
        }
        let (mut func, mut args) = (func, args.to_vec());
        loop {
            let function = self.function(func as usize);
            match interp::run(&function, self, &args)? {
                Exit::Return(results) => {
                    self.depth -= 1;
                    return Ok(results);
                }
                Exit::TailCall(next, next_args) => (func, args) = (next, next_args),
                Exit::TailCallRef(next, next_args) => (func, args) = (self.referred(next), next_args),
            }
        }
    }

    fn function(&mut self, body: usize) -> Rc<Function> {
        if let Some(function) = self.functions.get(&body) {
            return function.clone();
        }
        let function = match (self.compile)(body) {
            Ok(function) => Rc::new(function),
            Err(reason) => panic!("function {body} cannot be compiled: {reason}"),
        };
        self.functions.insert(body, function.clone());
        function
    }

    fn referred(&mut self, func: u64) -> u32 {
        (self.get(func + 3 * u64::from(POINTER_BYTES)) >> 32) as u32
    }

    // Builtins.

    /// Where a memory's or table's structure is.
    fn def(&mut self, table: bool, index: u64) -> u64 {
        let offset = if table { self.layout.table(index as u32) } else { self.layout.memory(index as u32) };
        self.get(VMCTX + u64::from(offset))
    }

    /// The pointer to `start..start + len` of a memory or table, in units of `1 << log2` bytes.
    fn range(&mut self, table: bool, index: u64, start: u64, len: u64) -> Result<u64, Stop> {
        let def = self.def(table, index);
        let (data, size) = (self.get(def), self.get(def + 8));
        let trap = if table { Trap::TableOutOfBounds } else { Trap::MemoryOutOfBounds };
        match start.checked_add(len) {
            Some(end) if end <= size => Ok(data + (start << if table { 3 } else { 0 })),
            _ => Err(trap.into()),
        }
    }

    fn grow(&mut self, table: bool, index: u64, delta: u64, value: u64) -> u64 {
        let def = self.def(table, index);
        let (data, len) = (self.get(def), self.get(def + 8));
        let (log2, max, cap) = if table {
            (0, self.info.tables[index as usize].max, self.limits.table_elements)
        } else {
            let ty = &self.info.memories[index as usize];
            (ty.page_log2, ty.max_pages, self.limits.memory_bytes)
        };
        let old = len >> log2;
        let new = match old.checked_add(delta) {
            Some(new) if max.is_none_or(|max| new <= max) && u128::from(new) << log2 <= u128::from(cap) => new << log2,
            _ => return u64::MAX,
        };
        let bytes = &mut self.regions[(data >> OFFSET_BITS) as usize];
        if table {
            bytes.extend(value.to_le_bytes().repeat((new - len) as usize));
        } else {
            bytes.resize(new as usize, 0);
        }
        self.put(def + 8, new);
        old
    }

    fn copy(&mut self, table: bool, to: u64, from: u64, len: u64) {
        let bytes = len << if table { 3 } else { 0 };
        let copied = self.bytes_at(from, bytes).map(|bytes| bytes.to_vec()).unwrap_or_default();
        if let Some(bytes) = self.bytes_at(to, bytes) {
            bytes.copy_from_slice(&copied);
        }
    }

    fn memory_init(&mut self, memory: u64, segment: usize, to: u64, from: u64, len: u64) -> Result<(), Stop> {
        let range = self.info.data[segment].range.clone();
        let data = if self.dropped_data[segment] { &[] } else { &self.bytes[range.start as usize..range.end as usize] };
        let source = match from.checked_add(len) {
            Some(end) if end <= data.len() as u64 => &data[from as usize..end as usize],
            _ => return Err(Trap::MemoryOutOfBounds.into()),
        };
        let to = self.range(false, memory, to, len)?;
        if let Some(bytes) = self.bytes_at(to, len) {
            bytes.copy_from_slice(source);
        }
        Ok(())
    }

    fn table_init(&mut self, table: u64, segment: usize, to: u64, from: u64, len: u64) -> Result<(), Stop> {
        let items = self.elements[segment].clone().unwrap_or_default();
        let source = match from.checked_add(len) {
            Some(end) if end <= items.len() as u64 => &items[from as usize..end as usize],
            _ => return Err(Trap::TableOutOfBounds.into()),
        };
        let to = self.range(true, table, to, len)?;
        for (index, &item) in source.iter().enumerate() {
            self.put(to + 8 * index as u64, item);
        }
        Ok(())
    }
}

impl World for Machine<'_> {
    fn ctx(&self) -> u64 {
        VMCTX
    }

    fn memory0(&self) -> u64 {
        // Memory 0 is the first region behind the vmctx.
        2 << OFFSET_BITS
    }

    fn read(&mut self, pointer: u64, bytes: u32) -> Option<u128> {
        let mut value = [0; 16];
        value[..bytes as usize].copy_from_slice(self.bytes_at(pointer, u64::from(bytes))?);
        Some(u128::from_le_bytes(value))
    }

    fn write(&mut self, pointer: u64, bytes: u32, bits: u128) -> Option<()> {
        self.bytes_at(pointer, u64::from(bytes))?.copy_from_slice(&bits.to_le_bytes()[..bytes as usize]);
        Some(())
    }

    fn call(&mut self, func: u32, args: &[u128]) -> Result<Vec<u128>, Stop> {
        self.run(func, args)
    }

    fn call_ref(&mut self, func: u64, args: &[u128]) -> Result<Vec<u128>, Stop> {
        let func = self.referred(func);
        self.run(func, args)
    }

    fn builtin(&mut self, builtin: Builtin, args: &[u128]) -> Result<u128, Stop> {
        let arg = |index: usize| args[index] as u64;
        match builtin {
            Builtin::MemoryGrow => return Ok(u128::from(self.grow(false, arg(0), arg(1), 0))),
            Builtin::TableGrow => return Ok(u128::from(self.grow(true, arg(0), arg(1), arg(2)))),
            Builtin::MemoryFill => {
                let to = self.range(false, arg(0), arg(1), arg(3))?;
                if let Some(bytes) = self.bytes_at(to, arg(3)) {
                    bytes.fill(arg(2) as u8);
                }
            }
            Builtin::TableFill => {
                let to = self.range(true, arg(0), arg(1), arg(3))?;
                for index in 0..arg(3) {
                    self.put(to + 8 * index, arg(2));
                }
            }
            Builtin::MemoryCopy | Builtin::TableCopy => {
                let table = builtin == Builtin::TableCopy;
                let from = self.range(table, arg(1), arg(3), arg(4))?;
                let to = self.range(table, arg(0), arg(2), arg(4))?;
                self.copy(table, to, from, arg(4));
            }
            Builtin::MemoryFillAhead => {
                let Ok(to) = self.range(false, arg(0), arg(1), arg(3)) else { return Ok(0) };
                if let Some(bytes) = self.bytes_at(to, arg(3)) {
                    bytes.fill(arg(2) as u8);
                }
                return Ok(args[3]);
            }
            Builtin::MemoryCopyAhead => {
                let ranges = (self.range(false, arg(0), arg(1), arg(3)), self.range(false, arg(0), arg(2), arg(3)));
                let (Ok(to), Ok(from)) = ranges else { return Ok(0) };
                if arg(1).wrapping_sub(arg(2)) < arg(3) {
                    return Ok(0);
                }
                self.copy(false, to, from, arg(3));
                return Ok(args[3]);
            }
            Builtin::MemoryInit => self.memory_init(arg(0), arg(1) as usize, arg(2), arg(3), arg(4))?,
            Builtin::TableInit => self.table_init(arg(0), arg(1) as usize, arg(2), arg(3), arg(4))?,
            Builtin::DataDrop => self.dropped_data[arg(0) as usize] = true,
            Builtin::TypeExtends => {
                let extends = |def: &TypeDef| def.lineage.iter().any(|id| u64::from(id.as_u32()) == arg(1));
                let place = self.info.types.iter().position(|id| u64::from(id.as_u32()) == arg(0));
                return Ok(u128::from(place.is_some_and(|place| extends(&self.info.type_defs[place]))));
            }
            Builtin::ElemDrop => self.elements[arg(0) as usize] = None,
            object => panic!("the machine has no objects, but code calls `{}`", object.name()),
        }
        Ok(0)
    }

    fn fuel(&mut self, units: u32) -> Result<(), Stop> {
        self.fuel -= i64::from(units);
        if self.fuel < 0 { Err(Trap::OutOfFuel.into()) } else { Ok(()) }
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.steps += 1;
        if self.steps > self.limits.steps { Err(Stop::Steps) } else { Ok(()) }
    }
}

/// The types of a function's parameters, for callers that make arguments.
pub fn params_of(func: &Function) -> Vec<super::Type> {
    if func.blocks.is_empty() {
        return Vec::new();
    }
    func.params(super::Block::new(0)).map(|param| func.ty(param)).collect()
}
