//! bytes -> [`ModuleInfo`]. wasmparser decodes and validates; here its terms become ours.

use crate::bodies::Declarations;
use crate::composite::*;
use crate::error::Error;
use crate::features::Features;
use crate::limits;
use crate::module::*;
use crate::types::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Range;
use wasmparser::{
    BranchHintSectionReader, CompositeInnerType, DataKind, ElementKind, ExternalKind, FromReader, Imports, Operator,
    Parser, Payload, SectionLimited, TypeRef, ValidPayload, Validator, ValidatorResources,
};

/// Decodes and validates a whole module, its function bodies included.
pub fn decode(bytes: &[u8], features: &Features, registry: &mut TypeRegistry) -> Result<ModuleInfo, Error> {
    declarations(bytes, features, registry)?.validate(|bodies| bodies.validate())
}

/// Decodes a module and validates all but its function bodies.
pub fn declarations<'a>(
    bytes: &'a [u8],
    features: &Features,
    registry: &mut TypeRegistry,
) -> Result<Declarations<'a>, Error> {
    if let Some(feature) = features.unsupported() {
        return Err(Error::limit(format!("the proposal `{}` is not supported yet", feature.name())));
    }
    if bytes.len() > limits::MAX_MODULE_BYTES {
        let (len, max) = (bytes.len(), limits::MAX_MODULE_BYTES);
        return Err(Error::limit(format!("the module has {len} bytes, the limit is {max}")));
    }
    let mut decoder = Decoder { info: ModuleInfo::default(), hints: None, group: Vec::new(), registry };
    let mut resources = None;
    let whole = decoder.module(bytes, features, &mut resources);
    Ok(Declarations { bytes, features: features.wasmparser(), info: decoder.info, resources, whole })
}

struct Decoder<'a> {
    info: ModuleInfo,
    /// The section of hints about branches.
    hints: Option<BranchHintSectionReader<'a>>,
    /// What the members of the recursive group are that is being read.
    group: Vec<fn(TypeId) -> HeapType>,
    registry: &'a mut TypeRegistry,
}

/// A range of the module; its size is checked to fit on entry.
fn range(range: &Range<u64>) -> Range<u32> {
    range.start as u32..range.end as u32
}

impl<'a> Decoder<'a> {
    /// Reads sections up to the end, or to the first that is wrong. Gives what validating the bodies needs, if there are any, besides.
    fn module(
        &mut self,
        bytes: &'a [u8],
        features: &Features,
        resources: &mut Option<ValidatorResources>,
    ) -> Result<(), Error> {
        let mut validator = Validator::new_with_features(features.wasmparser());
        let mut parser = Parser::new(0);
        parser.set_features(features.wasmparser());
        for payload in parser.parse_all(bytes) {
            let payload = payload?;
            if let ValidPayload::Func(func, _) = validator.payload(&payload)?
                && resources.is_none()
            {
                *resources = Some(func.resources);
            }
            self.payload(payload)?;
        }
        self.branch_hints();
        self.info.escaping.sort_unstable();
        self.info.escaping.dedup();
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), Error> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.rec_group(group?)?;
                }
            }
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::FunctionSection(section) => {
                self.info.funcs.extend(all(section)?);
            }
            Payload::TableSection(section) => self.tables(section)?,
            Payload::MemorySection(section) => {
                for ty in section {
                    self.info.memories.push(memory_type(&ty?));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let ty = self.global_type(&global.ty)?;
                    let init = self.const_expr(&global.init_expr)?;
                    self.info.globals.push(ty);
                    self.info.global_inits.push(init);
                }
            }
            Payload::ExportSection(section) => self.exports(section)?,
            Payload::StartSection { func, .. } => {
                self.info.start = Some(func);
                self.info.escaping.push(func);
            }
            Payload::ElementSection(section) => self.elements(section)?,
            Payload::DataSection(section) => self.data(section)?,
            Payload::CodeSectionEntry(body) => self.info.bodies.push(range(&body.range())),
            Payload::CustomSection(section) => {
                if let wasmparser::KnownCustom::BranchHints(hints) = section.as_known() {
                    self.hints = Some(hints);
                }
                let start = section.data_offset();
                let contents = range(&(start..start + section.data().len() as u64));
                self.info.custom.push((section.name().to_string(), contents));
            }
            Payload::TagSection(section) => return Err(Error::unsupported(section.range().start, "the tag section")),
            _ => {}
        }
        Ok(())
    }

    /// Reads the hints about branches. They stop at what cannot be read: custom sections make no module invalid.
    fn branch_hints(&mut self) {
        let Some(functions) = self.hints.take() else { return };
        for function in functions.into_iter().map_while(Result::ok) {
            let body = function.func.checked_sub(self.info.imported.funcs).map(|body| body as usize);
            let Some(body) = body.and_then(|body| self.info.bodies.get(body)) else { continue };
            let start = body.start;
            let hints = function.hints.into_iter().map_while(Result::ok);
            let hints = hints.filter_map(|hint| Some((start.checked_add(hint.func_offset)?, hint.taken)));
            self.info.branch_hints.extend(hints.map(|(offset, taken)| BranchHint { offset, taken }));
        }
        self.info.branch_hints.sort_by_key(|hint| hint.offset);
        self.info.branch_hints.dedup_by_key(|hint| hint.offset);
    }

    fn rec_group(&mut self, group: wasmparser::RecGroup) -> Result<(), Error> {
        let first = self.info.types.len() as u32;
        self.group = group.types().map(|ty| in_group(&ty.composite_type.inner)).collect();
        let mut members = Vec::with_capacity(group.types().len());
        for (offset, ty) in group.into_types_and_offsets() {
            let composite = match &ty.composite_type.inner {
                CompositeInnerType::Func(func) => {
                    let types = func.params().iter().chain(func.results());
                    let types = types.map(|ty| self.val_type(*ty)).collect::<Result<Vec<_>, _>>()?;
                    let (params, results) = types.split_at(func.params().len());
                    CompositeType::Func(FuncType::new(params.iter().copied(), results.iter().copied()))
                }
                CompositeInnerType::Struct(ty) => {
                    CompositeType::Struct(ty.fields.iter().map(|ty| self.field_type(ty)).collect::<Result<_, _>>()?)
                }
                CompositeInnerType::Array(ty) => CompositeType::Array(self.field_type(&ty.0)?),
                CompositeInnerType::Cont(_) => {
                    return Err(Error::unsupported(offset, "a continuation type (proposal `stack-switching`)"));
                }
            };
            let supertype = ty.supertype_idxs.first().and_then(|index| index.as_module_index());
            let supertype = supertype.and_then(|index| self.concrete(index).concrete());
            members.push(SubType { is_final: ty.is_final, supertype, composite });
        }
        self.group.clear();
        let len = members.len() as u32;
        let id = self.registry.intern_group(members).as_u32();
        for id in (id..id + len).map(TypeId::from_u32) {
            self.info.declare(id, self.registry.get(id));
        }
        debug_assert_eq!(self.info.types.len() as u32, first + len);
        Ok(())
    }

    /// The type of index `index`; one of the group that is being read is relative to it.
    fn concrete(&self, index: u32) -> HeapType {
        match (index as usize).checked_sub(self.info.types.len()) {
            Some(member) => self.group[member](TypeId::in_group(member as u32)),
            None => self.info.concrete(index),
        }
    }

    fn field_type(&self, ty: &wasmparser::FieldType) -> Result<FieldType, Error> {
        let storage = match ty.element_type {
            wasmparser::StorageType::I8 => StorageType::I8,
            wasmparser::StorageType::I16 => StorageType::I16,
            wasmparser::StorageType::Val(ty) => StorageType::Val(self.val_type(ty)?),
        };
        Ok(FieldType { storage, mutable: ty.mutable })
    }

    fn val_type(&self, ty: wasmparser::ValType) -> Result<ValType, Error> {
        Ok(match ty {
            wasmparser::ValType::I32 => ValType::I32,
            wasmparser::ValType::I64 => ValType::I64,
            wasmparser::ValType::F32 => ValType::F32,
            wasmparser::ValType::F64 => ValType::F64,
            wasmparser::ValType::V128 => ValType::V128,
            wasmparser::ValType::Ref(ty) => ValType::Ref(self.ref_type(ty)?),
        })
    }

    fn ref_type(&self, ty: wasmparser::RefType) -> Result<RefType, Error> {
        match heap_type(ty.heap_type(), |index| self.concrete(index)) {
            Some(heap) => Ok(RefType { nullable: ty.is_nullable(), heap }),
            None => Err(Error::unsupported(0, format!("the reference type {ty}"))),
        }
    }

    fn table_type(&self, ty: &wasmparser::TableType) -> Result<TableType, Error> {
        let element = self.ref_type(ty.element_type)?;
        Ok(TableType { element, min: ty.initial, max: ty.maximum, is_64: ty.table64 })
    }

    fn global_type(&self, ty: &wasmparser::GlobalType) -> Result<GlobalType, Error> {
        Ok(GlobalType { content: self.val_type(ty.content_type)?, mutable: ty.mutable })
    }

    fn imports(&mut self, section: SectionLimited<'_, Imports<'_>>) -> Result<(), Error> {
        for import in section.into_imports() {
            let import = import?;
            let info = &mut self.info;
            let ty = match import.ty {
                TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                    info.funcs.push(ty);
                    info.imported.funcs += 1;
                    EntityType::Func(info.types[ty as usize])
                }
                TypeRef::Table(ty) => {
                    let ty = self.table_type(&ty)?;
                    self.info.tables.push(ty);
                    self.info.imported.tables += 1;
                    EntityType::Table(ty)
                }
                TypeRef::Memory(ty) => {
                    let ty = memory_type(&ty);
                    info.memories.push(ty);
                    info.imported.memories += 1;
                    EntityType::Memory(ty)
                }
                TypeRef::Global(ty) => {
                    let ty = self.global_type(&ty)?;
                    self.info.globals.push(ty);
                    self.info.imported.globals += 1;
                    EntityType::Global(ty)
                }
                TypeRef::Tag(_) => return Err(Error::unsupported(0, "the import of a tag (proposal `exceptions`)")),
            };
            self.info.imports.push(Import { module: import.module.to_string(), name: import.name.to_string(), ty });
        }
        Ok(())
    }

    fn tables(&mut self, section: SectionLimited<'_, wasmparser::Table<'_>>) -> Result<(), Error> {
        for table in section {
            let table = table?;
            let ty = self.table_type(&table.ty)?;
            let init = match &table.init {
                wasmparser::TableInit::RefNull => None,
                wasmparser::TableInit::Expr(expr) => Some(self.const_expr(expr)?),
            };
            self.info.tables.push(ty);
            self.info.table_inits.push(init);
        }
        Ok(())
    }

    fn exports(&mut self, section: SectionLimited<'_, wasmparser::Export<'_>>) -> Result<(), Error> {
        for export in section {
            let export = export?;
            let entity = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    self.info.escaping.push(export.index);
                    Entity::Func(export.index)
                }
                ExternalKind::Table => Entity::Table(export.index),
                ExternalKind::Memory => Entity::Memory(export.index),
                ExternalKind::Global => Entity::Global(export.index),
                ExternalKind::Tag => return Err(Error::unsupported(0, "the export of a tag (proposal `exceptions`)")),
            };
            self.info.exports.push(Export { name: export.name.to_string(), entity });
        }
        Ok(())
    }

    fn elements(&mut self, section: SectionLimited<'_, wasmparser::Element<'_>>) -> Result<(), Error> {
        for element in section {
            let element = element?;
            let mode = match &element.kind {
                ElementKind::Passive => SegmentMode::Passive,
                ElementKind::Active { table_index, offset_expr } => {
                    SegmentMode::Active { index: table_index.unwrap_or(0), offset: self.const_expr(offset_expr)? }
                }
                ElementKind::Declared => SegmentMode::Declared,
            };
            let (ty, items) = match element.items {
                wasmparser::ElementItems::Functions(funcs) => {
                    let funcs = all(funcs)?;
                    self.info.escaping.extend(&funcs);
                    (RefType::FUNCREF, ElementItems::Funcs(funcs))
                }
                wasmparser::ElementItems::Expressions(ty, exprs) => {
                    let mut items = Vec::new();
                    for expr in exprs {
                        items.push(self.const_expr(&expr?)?);
                    }
                    (self.ref_type(ty)?, ElementItems::Exprs(items))
                }
            };
            self.info.elements.push(ElementSegment { mode, ty, items });
        }
        Ok(())
    }

    fn data(&mut self, section: SectionLimited<'_, wasmparser::Data<'_>>) -> Result<(), Error> {
        for data in section {
            let data = data?;
            let mode = match &data.kind {
                DataKind::Passive => SegmentMode::Passive,
                DataKind::Active { memory_index, offset_expr } => {
                    SegmentMode::Active { index: *memory_index, offset: self.const_expr(offset_expr)? }
                }
            };
            let end = data.range.end;
            let range = range(&(end - data.data.len() as u64..end));
            self.info.data.push(DataSegment { mode, range });
        }
        Ok(())
    }

    fn const_expr(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Error> {
        let mut ops = Vec::new();
        let mut reader = expr.get_operators_reader();
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            ops.push(match op {
                Operator::I32Const { value } => ConstOp::Const(ValType::I32, value as u32 as u128),
                Operator::I64Const { value } => ConstOp::Const(ValType::I64, value as u64 as u128),
                Operator::F32Const { value } => ConstOp::Const(ValType::F32, value.bits() as u128),
                Operator::F64Const { value } => ConstOp::Const(ValType::F64, value.bits() as u128),
                Operator::V128Const { value } => ConstOp::Const(ValType::V128, u128::from_le_bytes(*value.bytes())),
                Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
                Operator::RefNull { .. } => ConstOp::RefNull,
                Operator::RefFunc { function_index } => {
                    self.info.escaping.push(function_index);
                    ConstOp::RefFunc(function_index)
                }
                Operator::I32Add => ConstOp::I32Add,
                Operator::I32Sub => ConstOp::I32Sub,
                Operator::I32Mul => ConstOp::I32Mul,
                Operator::I64Add => ConstOp::I64Add,
                Operator::I64Sub => ConstOp::I64Sub,
                Operator::I64Mul => ConstOp::I64Mul,
                Operator::End => continue,
                Operator::RefI31 => ConstOp::RefI31,
                Operator::StructNew { struct_type_index } => ConstOp::StructNew(struct_type_index),
                Operator::StructNewDefault { struct_type_index } => ConstOp::StructNewDefault(struct_type_index),
                Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(array_type_index),
                Operator::ArrayNewDefault { array_type_index } => ConstOp::ArrayNewDefault(array_type_index),
                Operator::ArrayNewFixed { array_type_index, array_size } => {
                    ConstOp::ArrayNewFixed(array_type_index, array_size)
                }
                // A reference has the same bits in both hierarchies.
                Operator::AnyConvertExtern | Operator::ExternConvertAny => continue,
                op => return Err(Error::unsupported(offset, format!("{op:?} in a constant expression"))),
            });
        }
        Ok(ConstExpr(ops))
    }
}

/// The heap type of a member of the group that is being read.
fn in_group(ty: &CompositeInnerType) -> fn(TypeId) -> HeapType {
    match ty {
        CompositeInnerType::Struct(_) => HeapType::ConcreteStruct,
        CompositeInnerType::Array(_) => HeapType::ConcreteArray,
        CompositeInnerType::Func(_) | CompositeInnerType::Cont(_) => HeapType::ConcreteFunc,
    }
}

/// wasmparser's heap type in our terms; `concrete` knows the types that a module declares. Nothing if we have no such type.
fn heap_type(ty: wasmparser::HeapType, concrete: impl FnOnce(u32) -> HeapType) -> Option<HeapType> {
    use wasmparser::{AbstractHeapType as Abstract, HeapType as Heap};
    Some(match ty {
        Heap::Abstract { shared: false, ty } => match ty {
            Abstract::Func => HeapType::Func,
            Abstract::NoFunc => HeapType::NoFunc,
            Abstract::Extern => HeapType::Extern,
            Abstract::NoExtern => HeapType::NoExtern,
            Abstract::Any => HeapType::Any,
            Abstract::Eq => HeapType::Eq,
            Abstract::I31 => HeapType::I31,
            Abstract::Struct => HeapType::Struct,
            Abstract::Array => HeapType::Array,
            Abstract::None => HeapType::None,
            _ => return None,
        },
        Heap::Concrete(index) => concrete(index.as_module_index()?),
        _ => return None,
    })
}

impl ModuleInfo {
    /// The heap type that type `index` of the type section is.
    pub fn concrete(&self, index: u32) -> HeapType {
        self.type_defs[index as usize].ty.composite.heap_type(self.types[index as usize])
    }

    /// The heap type that an instruction names, in our terms.
    ///
    /// # Errors
    /// It belongs to a proposal that is not supported.
    pub fn heap_type(&self, ty: wasmparser::HeapType) -> Result<HeapType, Error> {
        heap_type(ty, |index| self.concrete(index))
            .ok_or_else(|| Error::unsupported(0, format!("the heap type {ty:?}")))
    }
}

fn memory_type(ty: &wasmparser::MemoryType) -> MemoryType {
    let page_log2 = ty.page_size_log2.unwrap_or(16) as u8;
    MemoryType { min_pages: ty.initial, max_pages: ty.maximum, is_64: ty.memory64, page_log2 }
}

fn all<'a, T: FromReader<'a>>(section: SectionLimited<'a, T>) -> Result<Vec<T>, Error> {
    Ok(section.into_iter().collect::<Result<_, _>>()?)
}
