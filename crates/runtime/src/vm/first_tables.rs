//! What tables of a module hold at first, as places in the vmctx: so that an instance fills them in one go.

use super::{Instance, Table};
use crate::api::module::ModuleInner;
use crate::tuning::{TABLE_FACTOR, TABLE_SLACK};
use alloc::boxed::Box;
use alloc::vec::Vec;
use tiercel_wasm::module::{ConstOp, ElementItems, SegmentMode};

/// What one table holds at first: null, but for this.
pub struct FirstTable {
    /// The first element that is not null.
    start: usize,
    /// For each element from there on the place of a function's reference in the vmctx; 0 for null.
    places: Box<[u32]>,
    /// Elements that are imported functions: the index among `places`, and that of the function.
    imported: Box<[(u32, u32)]>,
}

/// What each own table of a module holds at first. None if that is not known beforehand, or not worth it.
pub fn of_module(module: &ModuleInner) -> Option<Box<[FirstTable]>> {
    let info = &module.info;
    let own = &info.tables[info.imported.tables as usize..];
    // For each table the functions that its segments put somewhere.
    let mut pieces: Vec<Vec<(usize, Funcs<'_>)>> = own.iter().map(|_| Vec::new()).collect();
    for (table, init) in info.table_inits.iter().enumerate() {
        match init.as_ref().map(|init| &init.0[..]) {
            None | Some([ConstOp::RefNull]) => {}
            Some([ConstOp::RefFunc(func)]) => pieces[table].push((0, Funcs::Same(*func, own[table].min as usize))),
            Some(_) => return None,
        }
    }
    for element in &info.elements {
        let SegmentMode::Active { index, offset } = &element.mode else { continue };
        // An imported table is not ours, and may be too small.
        let table = index.checked_sub(info.imported.tables)? as usize;
        let [ConstOp::Const(_, start)] = offset.0[..] else { return None };
        let start = usize::try_from(start).ok()?;
        if start.checked_add(element.items.len())? as u64 > own[table].min {
            return None;
        }
        pieces[table].push((start, Funcs::Segment(&element.items)));
    }
    pieces.into_iter().map(|pieces| FirstTable::new(module, &pieces)).collect()
}

/// Functions in the order of a table's elements.
enum Funcs<'a> {
    Same(u32, usize),
    Segment(&'a ElementItems),
}

impl Funcs<'_> {
    fn len(&self) -> usize {
        match self {
            Funcs::Same(_, len) => *len,
            Funcs::Segment(items) => items.len(),
        }
    }

    /// A function, or none for null. The outer option is none for anything else.
    fn get(&self, index: usize) -> Option<Option<u32>> {
        match self {
            Funcs::Same(func, _) => Some(Some(*func)),
            Funcs::Segment(ElementItems::Funcs(funcs)) => Some(Some(funcs[index])),
            Funcs::Segment(ElementItems::Exprs(exprs)) => match exprs[index].0[..] {
                [ConstOp::RefFunc(func)] => Some(Some(func)),
                [ConstOp::RefNull] => Some(None),
                _ => None,
            },
        }
    }
}

impl FirstTable {
    fn new(module: &ModuleInner, pieces: &[(usize, Funcs<'_>)]) -> Option<FirstTable> {
        let start = pieces.iter().map(|(start, _)| *start).min().unwrap_or(0);
        let end = pieces.iter().map(|(start, funcs)| start + funcs.len()).max().unwrap_or(0);
        let given: usize = pieces.iter().map(|(_, funcs)| funcs.len()).sum();
        if end - start > given.saturating_mul(TABLE_FACTOR).saturating_add(TABLE_SLACK) {
            return None;
        }
        let mut funcs = alloc::vec![None; end - start];
        for (place, piece) in pieces {
            for index in 0..piece.len() {
                funcs[place - start + index] = piece.get(index)?;
            }
        }
        let place = |func: &Option<u32>| match *func {
            Some(func) => module.func_ref_index(func).map_or(0, |place| module.layout.func_ref(place)),
            None => 0,
        };
        let is_imported = |func: u32| func < module.info.imported.funcs;
        let imported =
            funcs.iter().zip(0..).filter_map(|(func, at)| Some((at, func.filter(|&func| is_imported(func))?)));
        Some(FirstTable { start, places: funcs.iter().map(place).collect(), imported: imported.collect() })
    }

    /// Fills a table of an instance, new and long enough.
    pub fn fill(&self, instance: &Instance, table: &mut Table) {
        let Ok(elements) = table.range_mut(self.start as u64, self.places.len() as u64) else { return };
        let vmctx = instance.vmctx().addr().get() as u64;
        for (element, &place) in elements.iter_mut().zip(&self.places) {
            *element = if place == 0 { 0 } else { vmctx + u64::from(place) };
        }
        for &(at, func) in &self.imported {
            elements[at as usize] = instance.func(func).addr().get() as u64;
        }
    }
}
