//! Vectors.

use super::Lower;
use crate::ir::Value;

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn vector(&mut self, _value: Value) -> bool {
        false
    }
}
