//! Arguments of calls and patterns of results, as scripts write them.

use std::fmt::{Debug, Write as _};
use tiercel::{AsContext, AsContextMut, ExternRef, HeapType as Heap, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// The value of an argument.
pub fn argument(mut store: impl AsContextMut, arg: &WastArg<'_>) -> Result<Val, String> {
    let WastArg::Core(arg) = arg else { return unsupported(arg) };
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes()).into()),
        WastArgCore::RefNull(heap) => match hierarchy(heap) {
            Some(Hierarchy::Func) => Val::null_func_ref(),
            Some(Hierarchy::Extern) => Val::null_extern_ref(),
            Some(Hierarchy::Any) => Val::null_any_ref(),
            None => return unsupported(arg),
        },
        WastArgCore::RefHost(number) => {
            let value = ExternRef::new(&mut store, *number);
            let value = value.and_then(|value| value.convert_to_any(&mut store));
            Val::AnyRef(Some(value.map_err(|error| format!("{error:#}"))?))
        }
        WastArgCore::RefExtern(number) => {
            let value = ExternRef::new(&mut store, *number).map_err(|error| format!("{error:#}"))?;
            Val::ExternRef(Some(value))
        }
    })
}

fn unsupported<T>(what: &impl Debug) -> Result<T, String> {
    Err(format!("values such as {what:?} are not supported in this version"))
}

enum Hierarchy {
    Func,
    Extern,
    Any,
}

fn hierarchy(heap: &HeapType<'_>) -> Option<Hierarchy> {
    use AbstractHeapType::{Any, Array, Eq, Extern, Func, I31, NoExtern, NoFunc, None as Bottom, Struct};
    match heap {
        HeapType::Abstract { shared: false, ty: Func | NoFunc } => Some(Hierarchy::Func),
        HeapType::Abstract { shared: false, ty: Extern | NoExtern } => Some(Hierarchy::Extern),
        HeapType::Abstract { shared: false, ty: Any | Eq | I31 | Struct | Array | Bottom } => Some(Hierarchy::Any),
        _ => None,
    }
}

/// Compares results with what is expected. An error says what differs.
pub fn check(store: impl AsContext, expected: &[WastRet<'_>], values: &[Val]) -> Result<(), String> {
    if expected.len() != values.len() {
        return Err(format!("expected {} results, got {}", expected.len(), values.len()));
    }
    for (i, (expected, value)) in expected.iter().zip(values).enumerate() {
        let WastRet::Core(expected) = expected else { return unsupported(expected) };
        if !matches(&store, expected, value) {
            return Err(format!("result {i}: expected {}, got {}", pattern(expected), shown(value)));
        }
    }
    Ok(())
}

fn matches(store: &impl AsContext, expected: &WastRetCore<'_>, value: &Val) -> bool {
    match (expected, value) {
        (WastRetCore::I32(expected), Val::I32(value)) => expected == value,
        (WastRetCore::I64(expected), Val::I64(value)) => expected == value,
        (WastRetCore::F32(expected), Val::F32(bits)) => f32_matches(expected, *bits),
        (WastRetCore::F64(expected), Val::F64(bits)) => f64_matches(expected, *bits),
        (WastRetCore::V128(expected), Val::V128(bits)) => v128_matches(expected, bits.as_u128()),
        (WastRetCore::RefNull(heap), Val::FuncRef(None)) => {
            heap.as_ref().is_none_or(|heap| matches!(hierarchy(heap), Some(Hierarchy::Func)))
        }
        (WastRetCore::RefNull(heap), Val::ExternRef(None)) => {
            heap.as_ref().is_none_or(|heap| matches!(hierarchy(heap), Some(Hierarchy::Extern)))
        }
        (WastRetCore::RefNull(heap), Val::AnyRef(None)) => {
            heap.as_ref().is_none_or(|heap| matches!(hierarchy(heap), Some(Hierarchy::Any)))
        }
        (WastRetCore::RefAny, Val::AnyRef(Some(_))) => true,
        (WastRetCore::RefEq, Val::AnyRef(Some(value))) => !is_a(value.ty(store), |heap| *heap == Heap::Any),
        (WastRetCore::RefI31, Val::AnyRef(Some(value))) => is_a(value.ty(store), |heap| *heap == Heap::I31),
        (WastRetCore::RefStruct, Val::AnyRef(Some(value))) => {
            is_a(value.ty(store), |heap| matches!(heap, Heap::ConcreteStruct(_)))
        }
        (WastRetCore::RefArray, Val::AnyRef(Some(value))) => {
            is_a(value.ty(store), |heap| matches!(heap, Heap::ConcreteArray(_)))
        }
        (WastRetCore::RefHost(number), Val::AnyRef(Some(value))) => {
            let data = value.host_data(store).ok().flatten();
            data.and_then(|data| data.downcast_ref::<u32>()) == Some(number)
        }
        (WastRetCore::RefFunc(None), Val::FuncRef(Some(_))) => true,
        (WastRetCore::RefExtern(None), Val::ExternRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(number)), Val::ExternRef(Some(value))) => {
            let data = value.data(store).ok().flatten();
            data.and_then(|data| data.downcast_ref::<u32>()) == Some(number)
        }
        (WastRetCore::Either(choices), value) => choices.iter().any(|choice| matches(store, choice, value)),
        _ => false,
    }
}

fn is_a(heap: tiercel::Result<Heap>, is: impl FnOnce(&Heap) -> bool) -> bool {
    heap.is_ok_and(|heap| is(&heap))
}

/// The bit that makes a NaN quiet, together with the exponent: the canonical NaN, but for its sign.
const F32_NAN: u32 = 0x7fc0_0000;
const F64_NAN: u64 = 0x7ff8_0000_0000_0000;

fn f32_matches(expected: &NanPattern<F32>, bits: u32) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & (u32::MAX >> 1) == F32_NAN,
        NanPattern::ArithmeticNan => bits & F32_NAN == F32_NAN,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn f64_matches(expected: &NanPattern<F64>, bits: u64) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == F64_NAN,
        NanPattern::ArithmeticNan => bits & F64_NAN == F64_NAN,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn v128_matches(expected: &V128Pattern, bits: u128) -> bool {
    let lane = |i: usize, width: usize| (bits >> (i * width)) as u64;
    match expected {
        V128Pattern::I8x16(lanes) => (0..16).all(|i| lane(i, 8) as i8 == lanes[i]),
        V128Pattern::I16x8(lanes) => (0..8).all(|i| lane(i, 16) as i16 == lanes[i]),
        V128Pattern::I32x4(lanes) => (0..4).all(|i| lane(i, 32) as i32 == lanes[i]),
        V128Pattern::I64x2(lanes) => (0..2).all(|i| lane(i, 64) as i64 == lanes[i]),
        V128Pattern::F32x4(lanes) => (0..4).all(|i| f32_matches(&lanes[i], lane(i, 32) as u32)),
        V128Pattern::F64x2(lanes) => (0..2).all(|i| f64_matches(&lanes[i], lane(i, 64))),
    }
}

/// What is expected, as a script would write it.
fn pattern(expected: &WastRetCore<'_>) -> String {
    match expected {
        WastRetCore::I32(value) => shown(&Val::I32(*value)),
        WastRetCore::I64(value) => shown(&Val::I64(*value)),
        WastRetCore::F32(expected) => format!("f32 {}", f32_pattern(expected)),
        WastRetCore::F64(expected) => format!("f64 {}", f64_pattern(expected)),
        WastRetCore::V128(V128Pattern::F32x4(lanes)) => format!("v128 f32x4{}", list(lanes, f32_pattern)),
        WastRetCore::V128(V128Pattern::F64x2(lanes)) => format!("v128 f64x2{}", list(lanes, f64_pattern)),
        WastRetCore::V128(V128Pattern::I8x16(lanes)) => {
            format!("v128 i8x16{}", list(lanes, |lane| format!("{lane:#x}")))
        }
        WastRetCore::V128(V128Pattern::I16x8(lanes)) => {
            format!("v128 i16x8{}", list(lanes, |lane| format!("{lane:#x}")))
        }
        WastRetCore::V128(V128Pattern::I32x4(lanes)) => {
            format!("v128 i32x4{}", list(lanes, |lane| format!("{lane:#x}")))
        }
        WastRetCore::V128(V128Pattern::I64x2(lanes)) => {
            format!("v128 i64x2{}", list(lanes, |lane| format!("{lane:#x}")))
        }
        WastRetCore::RefNull(_) => "ref.null".into(),
        WastRetCore::RefFunc(_) => "ref.func".into(),
        WastRetCore::RefAny => "ref.any".into(),
        WastRetCore::RefEq => "ref.eq".into(),
        WastRetCore::RefI31 => "ref.i31".into(),
        WastRetCore::RefStruct => "ref.struct".into(),
        WastRetCore::RefArray => "ref.array".into(),
        WastRetCore::RefHost(number) => format!("ref.host {number}"),
        WastRetCore::RefExtern(None) => "ref.extern".into(),
        WastRetCore::RefExtern(Some(number)) => format!("ref.extern {number}"),
        WastRetCore::Either(choices) => choices.iter().map(pattern).collect::<Vec<_>>().join(" or "),
        other => format!("{other:?}, which is not supported in this version"),
    }
}

fn list<T>(lanes: &[T], shown: impl Fn(&T) -> String) -> String {
    lanes.iter().fold(String::new(), |mut text, lane| {
        // Writing to a string does not fail.
        let _ = write!(text, " {}", shown(lane));
        text
    })
}

fn f32_pattern(expected: &NanPattern<F32>) -> String {
    match expected {
        NanPattern::CanonicalNan => "nan:canonical".into(),
        NanPattern::ArithmeticNan => "nan:arithmetic".into(),
        NanPattern::Value(value) => format!("{:?} ({:#010x})", f32::from_bits(value.bits), value.bits),
    }
}

fn f64_pattern(expected: &NanPattern<F64>) -> String {
    match expected {
        NanPattern::CanonicalNan => "nan:canonical".into(),
        NanPattern::ArithmeticNan => "nan:arithmetic".into(),
        NanPattern::Value(value) => format!("{:?} ({:#018x})", f64::from_bits(value.bits), value.bits),
    }
}

/// A value, with its bits where they say more.
pub fn shown(value: &Val) -> String {
    match value {
        Val::I32(value) => format!("i32 {value} ({value:#010x})"),
        Val::I64(value) => format!("i64 {value} ({value:#018x})"),
        Val::F32(bits) => format!("f32 {:?} ({bits:#010x})", f32::from_bits(*bits)),
        Val::F64(bits) => format!("f64 {:?} ({bits:#018x})", f64::from_bits(*bits)),
        Val::V128(bits) => format!("v128 {:#034x}", bits.as_u128()),
        reference => crate::invoke::word(reference),
    }
}
