//! The frame: parameters and locals at the start, the stack maps at the end.

use super::Baseline;
use super::machine::{Emit, Machine};
use super::state::{Place, Value};
use crate::ir::Type;
use crate::isa::convention;
use crate::isa::reg::{Reg, RegSet};
use tiercel_abi::frames::{NO_MAP, StackMap};

/// So many locals without a register are zeroed without a loop.
const ZEROED_UNROLLED: usize = 16;

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// Puts parameters in their places and zeroes locals.
    pub(super) fn enter(&mut self) {
        let convention = std::mem::take(&mut self.convention);
        if convention.buffer_bytes != 0 {
            self.store(Type::I64, M::REGISTERS.args[0], self.buffer_home);
        }
        self.moves.clear();
        let mut from_stack = Vec::new();
        for (number, place) in convention.params.iter().enumerate() {
            let local = self.locals[number];
            let is_used = self.scan.locals[number].weight > 0 || local.ty == Type::Ref;
            match *place {
                _ if !is_used => {}
                convention::Place::Reg(from) if local.reg.is_none() => self.store(local.ty, from, local.home),
                convention::Place::Reg(from) => {
                    let value = Value { ty: local.ty, place: Place::Reg(from), home: 0 };
                    self.moves.push((value, local.reg));
                }
                convention::Place::Memory(offset) if local.ty == Type::Ref => {
                    from_stack.push((Type::Ref, Reg::NONE, 16 + offset as i32, local.home));
                }
                convention::Place::Memory(offset) if !local.reg.is_none() => {
                    from_stack.push((local.ty, local.reg, 16 + offset as i32, 0));
                }
                convention::Place::Memory(_) => {}
            }
        }
        let loaded: RegSet = self.moves.iter().map(|&(_, to)| to).collect();
        self.make_moves();
        for (ty, reg, from, home) in from_stack {
            if reg.is_none() {
                self.copy_home(ty, from, home);
            } else {
                self.load(ty, reg, from);
                self.state.loaded = self.state.loaded.with(reg);
                self.state.stored = self.state.stored.with(reg);
            }
        }
        self.state.loaded = self.state.loaded.union(loaded);
        self.zero_locals(convention.params.len());
        self.convention = convention;
    }

    /// Zeroes the locals behind the parameters that are read before they are set.
    fn zero_locals(&mut self, params: usize) {
        let mut homes = Vec::new();
        let mut without = 0;
        for number in params..self.locals.len() {
            let (local, found) = (self.locals[number], &self.scan.locals[number]);
            if local.ty != Type::Ref && (found.first != 0 || found.weight == 0) {
                continue;
            }
            if !local.reg.is_none() {
                self.zero(local.reg);
                self.state.loaded = self.state.loaded.with(local.reg);
                continue;
            }
            without += 1;
            if without <= ZEROED_UNROLLED {
                homes.push(local.home);
                if local.ty == Type::V128 {
                    homes.push(local.home + 8);
                }
            }
        }
        match without {
            0 => {}
            few if few <= ZEROED_UNROLLED => self.zero_homes(&homes),
            _ => self.zero_all_homes(),
        }
    }

    /// Makes the stack maps of a frame of so many slots.
    pub(super) fn make_stack_maps(&mut self, frame_slots: u32) {
        if !self.has_references {
            return;
        }
        let of_snippets = std::mem::take(&mut self.code.stack_maps);
        let mut bits: Vec<u32> = Vec::new();
        for &(site, first, end) in &self.maps {
            bits.clear();
            let mut set = |slot: u32| {
                let word = slot as usize / 32;
                if bits.len() <= word {
                    bits.resize(word + 1, 0);
                }
                bits[word] |= 1 << (slot % 32);
            };
            let site = &mut self.code.call_sites[site as usize];
            if site.map != NO_MAP {
                StackMap::read(&of_snippets, site.map).slots().for_each(&mut set);
            }
            for &home in &self.map_homes[first as usize..end as usize] {
                set((frame_slots as i32 + home / 8) as u32);
            }
            site.map = NO_MAP;
            if !bits.is_empty() {
                site.map = self.code.stack_maps.len() as u32;
                let map = StackMap { frame_slots, run: (0, 0), bits: &bits };
                self.code.stack_maps.extend(map.header());
                self.code.stack_maps.extend(map.bits);
            }
        }
    }
}
