//! The new module: sections of the old one as they are, but for those that say what memories, tables and globals hold at first.

use super::SnapshotConfig;
use super::state::{State, Value};
use crate::api::error::{Error, Result};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;
use tiercel_wasm::ValType;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, ElementMode, ElementSection, ElementSegment, Elements, ExportSection,
    GlobalSection, HeapType, Ieee32, Ieee64, Instruction, MemorySection, Module, RawSection, RefType, Section,
    SectionId, TableSection,
};
use wasmparser::{ElementItems, Operator, Parser, Payload, TableInit};

/// Bytes of a module, at most.
const MOST_BYTES: usize = 1 << 30;

/// The module `wasm` with this state.
///
/// # Errors
/// It would be too large.
pub fn module(wasm: &[u8], state: &State<'_>, config: &SnapshotConfig) -> Result<Vec<u8>> {
    let data: usize = state.memories.iter().flat_map(|memory| &memory.runs).map(|(_, bytes)| bytes.len()).sum();
    if wasm.len().saturating_add(data) > MOST_BYTES {
        return Err(Error::unsupported(format!(
            "the instance cannot be written as a module: its memories hold {data} bytes that are not zero"
        )));
    }
    // The module was validated: nobody sees this.
    rewritten(wasm, state, config).map_err(|error| Error::msg(format!("the module cannot be rewritten: {error}")))
}

type Stop = wasm_encoder::reencode::Error;

fn rewritten(wasm: &[u8], state: &State<'_>, config: &SnapshotConfig) -> Result<Vec<u8>, Stop> {
    let mut rewrite = Rewrite {
        wasm,
        state,
        uses: Uses::of(wasm)?,
        sections: Vec::new(),
        tables: Vec::new(),
        memories: Vec::new(),
        has_elements: false,
        has_data: false,
    };
    for payload in Parser::new(0).parse_all(wasm) {
        rewrite.payload(payload?, config)?;
    }
    rewrite.finish()
}

/// Which segments code refers to.
#[derive(Default)]
struct Uses {
    /// One more than the largest index of a data segment.
    data: u32,
    /// Whether it refers to element segments, or makes references to functions, which some segment may declare.
    elements: bool,
}

impl Uses {
    fn of(wasm: &[u8]) -> wasmparser::Result<Uses> {
        let mut uses = Uses::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let Payload::CodeSectionEntry(body) = payload? else { continue };
            for operator in body.get_operators_reader()? {
                match operator? {
                    Operator::MemoryInit { data_index: index, .. }
                    | Operator::DataDrop { data_index: index }
                    | Operator::ArrayNewData { array_data_index: index, .. }
                    | Operator::ArrayInitData { array_data_index: index, .. } => uses.data = uses.data.max(index + 1),
                    Operator::TableInit { .. }
                    | Operator::ElemDrop { .. }
                    | Operator::ArrayNewElem { .. }
                    | Operator::ArrayInitElem { .. }
                    | Operator::RefFunc { .. } => uses.elements = true,
                    _ => {}
                }
            }
        }
        Ok(uses)
    }
}

struct Rewrite<'a> {
    wasm: &'a [u8],
    state: &'a State<'a>,
    uses: Uses,
    /// All sections, encoded, with their numbers.
    sections: Vec<(u8, Vec<u8>)>,
    /// Own tables: the type of their elements, and whether they have 64-bit indices.
    tables: Vec<(RefType, bool)>,
    /// Own memories: whether they have 64-bit addresses.
    memories: Vec<bool>,
    has_elements: bool,
    has_data: bool,
}

/// All kinds of sections but custom ones, in the order of a module.
const ORDER: [SectionId; 13] = [
    SectionId::Type,
    SectionId::Import,
    SectionId::Function,
    SectionId::Table,
    SectionId::Memory,
    SectionId::Tag,
    SectionId::Global,
    SectionId::Export,
    SectionId::Start,
    SectionId::Element,
    SectionId::DataCount,
    SectionId::Code,
    SectionId::Data,
];

impl<'a> Rewrite<'a> {
    fn payload(&mut self, payload: Payload<'_>, config: &SnapshotConfig) -> Result<(), Stop> {
        match payload {
            Payload::StartSection { .. } => {}
            Payload::TableSection(reader) => self.tables(reader)?,
            Payload::MemorySection(reader) => self.memories(reader)?,
            Payload::GlobalSection(reader) => self.globals(reader)?,
            Payload::ExportSection(reader) => {
                let mut exports = ExportSection::new();
                for export in reader {
                    let export = export?;
                    if !config.removed_exports.iter().any(|removed| removed == export.name) {
                        RoundtripReencoder.parse_export(&mut exports, export)?;
                    }
                }
                self.push(&exports);
            }
            Payload::ElementSection(reader) => {
                self.has_elements = true;
                let elements = self.elements(Some(reader))?;
                self.push(&elements);
            }
            Payload::DataCountSection { count, .. } => {
                let runs: usize = self.state.memories.iter().map(|memory| memory.runs.len()).sum();
                self.push(&DataCountSection { count: self.uses.data.min(count) + runs as u32 });
            }
            Payload::DataSection(reader) => {
                self.has_data = true;
                let data = self.data(Some(reader))?;
                self.push(&data);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    self.push(&RawSection { id, data: self.bytes(range) });
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, Stop> {
        if !self.has_elements {
            let elements = self.elements(None)?;
            self.insert(&elements, elements.is_empty());
        }
        if !self.has_data {
            let data = self.data(None)?;
            self.insert(&data, data.is_empty());
        }
        let mut module = Module::new().finish();
        self.sections.iter().for_each(|(_, bytes)| module.extend_from_slice(bytes));
        Ok(module)
    }

    fn bytes(&self, range: Range<u64>) -> &'a [u8] {
        &self.wasm[range.start as usize..range.end as usize]
    }

    fn push(&mut self, section: &impl Section) {
        let encoded = encoded(section);
        self.sections.push(encoded);
    }

    /// Puts a section that was not there where it belongs.
    fn insert(&mut self, section: &impl Section, is_empty: bool) {
        if is_empty {
            return;
        }
        let place = |id: u8| ORDER.iter().position(|&known| known as u8 == id);
        let comes_before = |(id, _): &(u8, Vec<u8>)| place(*id).is_some_and(|other| Some(other) < place(section.id()));
        let at = self.sections.iter().rposition(comes_before).map_or(0, |last| last + 1);
        self.sections.insert(at, encoded(section));
    }

    fn tables(&mut self, reader: wasmparser::TableSectionReader<'_>) -> Result<(), Stop> {
        let mut tables = TableSection::new();
        for (table, elements) in reader.into_iter().zip(&self.state.tables) {
            let table = table?;
            let mut ty = RoundtripReencoder.table_type(table.ty)?;
            ty.minimum = elements.len() as u64;
            match table.init {
                // All elements that are not null are in segments.
                TableInit::Expr(init) if !ty.element_type.nullable => {
                    tables.table_with_init(ty, &RoundtripReencoder.const_expr(init)?)
                }
                _ => tables.table(ty),
            };
            self.tables.push((ty.element_type, ty.table64));
        }
        self.push(&tables);
        Ok(())
    }

    fn memories(&mut self, reader: wasmparser::MemorySectionReader<'_>) -> Result<(), Stop> {
        let mut memories = MemorySection::new();
        for (memory, state) in reader.into_iter().zip(&self.state.memories) {
            let mut ty = RoundtripReencoder.memory_type(memory?)?;
            ty.minimum = state.pages;
            memories.memory(ty);
            self.memories.push(ty.memory64);
        }
        self.push(&memories);
        Ok(())
    }

    fn globals(&mut self, reader: wasmparser::GlobalSectionReader<'_>) -> Result<(), Stop> {
        let mut globals = GlobalSection::new();
        for (global, value) in reader.into_iter().zip(&self.state.globals) {
            let global = global?;
            let ty = RoundtripReencoder.global_type(global.ty)?;
            let init = match (*value, ty.val_type) {
                (Some(value), wasm_encoder::ValType::Ref(ty)) => constant(value, ty.heap_type),
                (Some(value), _) => constant(value, HeapType::FUNC),
                (None, _) => RoundtripReencoder.const_expr(global.init_expr)?,
            };
            globals.global(ty, &init);
        }
        self.push(&globals);
        Ok(())
    }

    /// The element segments: those that there were, as far as they matter, and one for each run of elements of a table that are not null.
    fn elements(&self, old: Option<wasmparser::ElementSectionReader<'_>>) -> Result<ElementSection, Stop> {
        let mut section = ElementSection::new();
        let old = old.into_iter().flatten().zip(&self.state.elements);
        for (segment, &stays) in old.filter(|_| self.uses.elements) {
            let segment = segment?;
            match stays {
                true => section.raw(self.bytes(segment.range)),
                // It is dropped, and still declares functions.
                false => section.declared(items(segment.items)?),
            };
        }
        for ((index, elements), &(ty, is_64)) in (0..).zip(&self.state.tables).zip(&self.tables) {
            let mut start = 0;
            for run in elements.chunk_by(|a, b| (*a == Value::Null) == (*b == Value::Null)) {
                if run[0] != Value::Null {
                    let table = if index == 0 && ty == RefType::FUNCREF { None } else { Some(index) };
                    let mode = ElementMode::Active { table, offset: &address(start, is_64) };
                    section.segment(ElementSegment { mode, elements: items_of(ty, run) });
                }
                start += run.len() as u64;
            }
        }
        Ok(section)
    }

    /// The data segments: those that code refers to, and one for each run of bytes of a memory.
    fn data(&self, old: Option<wasmparser::DataSectionReader<'_>>) -> Result<DataSection, Stop> {
        let mut section = DataSection::new();
        let old = old.into_iter().flatten().zip(&self.state.data);
        for (segment, &stays) in old.take(self.uses.data as usize) {
            match stays {
                true => section.raw(self.bytes(segment?.range)),
                false => section.passive([]),
            };
        }
        for ((index, memory), &is_64) in (0..).zip(&self.state.memories).zip(&self.memories) {
            for (start, bytes) in &memory.runs {
                section.active(index, &address(*start, is_64), bytes.iter().copied());
            }
        }
        Ok(section)
    }
}

fn encoded(section: &impl Section) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    section.append_to(&mut bytes);
    (section.id(), bytes)
}

fn address(at: u64, is_64: bool) -> ConstExpr {
    if is_64 { ConstExpr::i64_const(at as i64) } else { ConstExpr::i32_const(at as i32) }
}

/// The expression with this value; `heap` is the type of a null.
fn constant(value: Value, heap: HeapType) -> ConstExpr {
    match value {
        Value::Bits(ValType::I32, [bits, _]) => ConstExpr::i32_const(bits as i32),
        Value::Bits(ValType::I64, [bits, _]) => ConstExpr::i64_const(bits as i64),
        Value::Bits(ValType::F32, [bits, _]) => ConstExpr::f32_const(Ieee32::new(bits as u32)),
        Value::Bits(ValType::F64, [bits, _]) => ConstExpr::f64_const(Ieee64::new(bits)),
        Value::Bits(_, [low, high]) => ConstExpr::v128_const((u128::from(high) << 64 | u128::from(low)) as i128),
        Value::Null => ConstExpr::ref_null(heap),
        Value::Func(func) => ConstExpr::ref_func(func),
        Value::I31(value) => ConstExpr::extended([Instruction::I32Const(value), Instruction::RefI31]),
    }
}

/// Elements of a table, none of them null.
fn items_of(ty: RefType, values: &[Value]) -> Elements<'static> {
    let func = |value: &Value| match value {
        Value::Func(func) => Some(*func),
        _ => None,
    };
    match values.iter().map(func).collect::<Option<Vec<u32>>>().filter(|_| ty == RefType::FUNCREF) {
        Some(funcs) => Elements::Functions(funcs.into()),
        None => Elements::Expressions(ty, values.iter().map(|value| constant(*value, ty.heap_type)).collect()),
    }
}

fn items(items: ElementItems<'_>) -> Result<Elements<'static>, Stop> {
    Ok(match items {
        ElementItems::Functions(funcs) => Elements::Functions(funcs.into_iter().collect::<Result<Vec<_>, _>>()?.into()),
        ElementItems::Expressions(ty, exprs) => {
            let exprs = exprs.into_iter().map(|expr| RoundtripReencoder.const_expr(expr?));
            Elements::Expressions(RoundtripReencoder.ref_type(ty)?, exprs.collect::<Result<Vec<_>, _>>()?.into())
        }
    })
}
