//! placeholder

pub mod numeric;
