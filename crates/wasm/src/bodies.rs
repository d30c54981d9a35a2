//! Function bodies, validated one by one: by one thread or by many, as the caller likes.

use crate::error::Error;
use crate::module::ModuleInfo;
use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicBool, Ordering};
use wasmparser::{BinaryReader, FuncToValidate, FuncValidatorAllocations, ValidatorResources, WasmFeatures};

/// A module whose function bodies are not validated yet.
pub struct Declarations<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) features: WasmFeatures,
    pub(crate) info: ModuleInfo,
    /// What bodies are validated against; none where there are no bodies.
    pub(crate) resources: Option<ValidatorResources>,
    /// What is wrong with the module behind the bodies that it has.
    pub(crate) whole: Result<(), Error>,
}

impl Declarations<'_> {
    /// The module, once `all` has validated every body. Of several bodies that are wrong the first is the one to tell.
    ///
    /// # Errors
    /// That of `all`, or what is wrong behind the bodies.
    pub fn validate(self, all: impl FnOnce(&Bodies<'_>) -> Result<(), Error>) -> Result<ModuleInfo, Error> {
        let mut info = self.info;
        if let Some(resources) = &self.resources {
            let foreign_tail_calls = AtomicBool::new(false);
            let (bytes, features) = (self.bytes, self.features);
            all(&Bodies { bytes, features, info: &info, resources, foreign_tail_calls: &foreign_tail_calls })?;
            info.foreign_tail_calls = foreign_tail_calls.into_inner();
        }
        self.whole.map(|()| info)
    }
}

/// The function bodies of a module.
pub struct Bodies<'a> {
    bytes: &'a [u8],
    features: WasmFeatures,
    info: &'a ModuleInfo,
    resources: &'a ValidatorResources,
    /// See `ModuleInfo`.
    foreign_tail_calls: &'a AtomicBool,
}

impl Bodies<'_> {
    /// How many there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.info.bodies.len()
    }

    /// Their size together.
    pub fn len_bytes(&self) -> usize {
        self.info.bodies_bytes()
    }

    /// Validates all of them, one after the other.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        let mut validator = self.validator();
        (0..self.len()).try_for_each(|body| validator.validate(body))
    }

    /// Validates some of them; each thread has its own.
    pub fn validator(&self) -> BodyValidator<'_> {
        BodyValidator { bodies: self, allocations: FuncValidatorAllocations::default() }
    }
}

/// Validates bodies one after the other.
pub struct BodyValidator<'a> {
    bodies: &'a Bodies<'a>,
    allocations: FuncValidatorAllocations,
}

impl BodyValidator<'_> {
    /// Validates the body of this index.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&mut self, body: usize) -> Result<(), Error> {
        let Bodies { bytes, features, info, resources, foreign_tail_calls } = *self.bodies;
        let index = info.imported.funcs + body as u32;
        let (ty, range) = (info.funcs[index as usize], info.bodies[body].clone());
        let bytes = &bytes[range.start as usize..range.end as usize];
        let mut reader = BinaryReader::new_features(bytes, range.start.into(), features);
        let func = FuncToValidate { resources, index, ty, features };
        let mut validator = func.into_validator(core::mem::take(&mut self.allocations));
        validator.read_locals(&mut reader)?;
        while !reader.eof() {
            let at = reader.current_position();
            reader.visit_operator(&mut validator.visitor(reader.original_position()))??;
            if TAIL_CALLS.contains(&bytes[at]) && is_foreign_tail_call(&bytes[at..], info) {
                foreign_tail_calls.store(true, Ordering::Relaxed);
            }
        }
        reader.finish_expression(&validator.visitor(reader.original_position()))?;
        self.allocations = validator.into_allocations();
        Ok(())
    }
}

const RETURN_CALL: u8 = 0x12;
const RETURN_CALL_INDIRECT: u8 = 0x13;
const RETURN_CALL_REF: u8 = 0x15;
/// The first bytes of tail calls, and of `call_ref`: to be told apart from all others at once.
const TAIL_CALLS: RangeInclusive<u8> = RETURN_CALL..=RETURN_CALL_REF;

/// Whether an operator, which is valid, is a tail call that may leave the instance.
#[cold]
fn is_foreign_tail_call(operator: &[u8], info: &ModuleInfo) -> bool {
    match operator[0] {
        RETURN_CALL => BinaryReader::new(&operator[1..], 0).read_var_u32().is_ok_and(|func| func < info.imported.funcs),
        opcode => matches!(opcode, RETURN_CALL_INDIRECT | RETURN_CALL_REF),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Features, TypeRegistry, decode};
    use alloc::format;

    fn foreign_tail_calls(body: &str) -> bool {
        let wat = format!(
            r#"(module (type $t (func)) (import "a" "f" (func $imported)) (table 1 funcref)
                (func) (func $own (drop (i32.const 0x12)) (drop (i32.const 0x13)) (drop (i32.const 0x15))) (func {body}))"#
        );
        let bytes = wat::parse_str(wat).expect("a module");
        let info = decode(&bytes, &Features::default(), &mut TypeRegistry::default()).expect("a valid module");
        info.foreign_tail_calls
    }

    #[test]
    fn tail_calls_that_may_leave_are_found() {
        for body in ["", "call $imported", "return_call $own", "(call_indirect (type $t) (i32.const 0))"] {
            assert!(!foreign_tail_calls(body), "{body}");
        }
        let table = "(return_call_indirect (type $t) (i32.const 0))";
        for body in ["return_call $imported", table, "(return_call_ref $t (ref.null $t))"] {
            assert!(foreign_tail_calls(body), "{body}");
        }
    }
}
