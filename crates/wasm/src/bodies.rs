//! Function bodies, validated one by one: by one thread or by many, as the caller likes.

use crate::error::Error;
use crate::module::ModuleInfo;
use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources, WasmFeatures,
};

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
        if let Some(resources) = &self.resources {
            all(&Bodies { bytes: self.bytes, features: self.features, info: &self.info, resources })?;
        }
        self.whole.map(|()| self.info)
    }
}

/// The function bodies of a module.
pub struct Bodies<'a> {
    bytes: &'a [u8],
    features: WasmFeatures,
    info: &'a ModuleInfo,
    resources: &'a ValidatorResources,
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
        let Bodies { bytes, features, info, resources } = *self.bodies;
        let index = info.imported.funcs + body as u32;
        let (ty, range) = (info.funcs[index as usize], info.bodies[body].clone());
        let bytes = &bytes[range.start as usize..range.end as usize];
        let body = FunctionBody::new(BinaryReader::new_features(bytes, range.start.into(), features));
        let func = FuncToValidate { resources, index, ty, features };
        let mut validator = func.into_validator(core::mem::take(&mut self.allocations));
        validator.validate(&body)?;
        self.allocations = validator.into_allocations();
        Ok(())
    }
}
