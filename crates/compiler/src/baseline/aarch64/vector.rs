//! Vectors.

use super::Aarch64;
use crate::baseline::Baseline;
use crate::ir::Opcode;
use crate::translate::{Context, LaneAccess};

impl Baseline<Aarch64> {
    pub(in crate::baseline) fn vector(&mut self, _op: Opcode, _lane: u8) -> bool {
        false
    }

    pub(in crate::baseline) fn vector_constant(&mut self, _bits: u128) {
        todo!()
    }

    pub(in crate::baseline) fn shuffle(&mut self, _mask: [u8; 16]) {
        todo!()
    }

    pub(in crate::baseline) fn vector_load(&mut self, _cx: Context<'_>, _op: Opcode, _offset: u64) -> bool {
        false
    }

    pub(in crate::baseline) fn lane_access(&mut self, _cx: Context<'_>, _access: &LaneAccess) -> bool {
        false
    }
}
