//! Whether every function agrees with its second definition, on operands of which many are awkward.

use crate::reference::expected;
use crate::table::{Opcode, opcodes};
use proptest::prelude::*;

/// Integers at the edges of types, shift counts, and floats at the edges of classes and of conversions, by width.
const AWKWARD: &[(u32, &[u64])] = &[
    (8, &[0, 1, 2, 7, 8, 15, 16, 17, 31, 0x7f, 0x80, 0x81, 0xfe, 0xff]),
    (16, &[0, 1, 15, 16, 0x3fff, 0x4000, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0x8001, 0xff80, 0xff7f, 0xffff]),
    (
        32,
        &[
            0,
            1,
            2,
            31,
            32,
            33,
            0x7fff_ffff,
            0x8000_0000,
            0x8000_0001,
            0xffff_ffff,
            0xffff_8000,
            0xffff_7fff,
            0x7fff,
            0x8000,
            0xffff,
            // Floats: ±0 are above; subnormal, least normal, 0.5 and neighbours, 1, 1.5, 2.5, -1 and the float before, 3.
            0x007f_ffff,
            0x0080_0000,
            0x8080_0000,
            0x3eff_ffff,
            0x3f00_0000,
            0x3f00_0001,
            0x3f80_0000,
            0x3fc0_0000,
            0x4020_0000,
            0xbf00_0000,
            0xbf80_0000,
            0xbf7f_ffff,
            0xc020_0000,
            0x4040_0000,
            // 2^23 and neighbours, 2^24, ±2^31, ±2^32, ±2^63, ±2^64, and the floats before.
            0x4aff_ffff,
            0x4b00_0000,
            0x4b00_0001,
            0x4b80_0000,
            0x4eff_ffff,
            0x4f00_0000,
            0xcf00_0000,
            0xcf00_0001,
            0x4f7f_ffff,
            0x4f80_0000,
            0x5eff_ffff,
            0x5f00_0000,
            0xdf00_0000,
            0xdf00_0001,
            0x5f7f_ffff,
            0x5f80_0000,
            // Greatest, infinities, NaNs: canonical, with payload, signalling.
            0x7f7f_ffff,
            0xff7f_ffff,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_0000,
            0xffc0_0000,
            0x7fc0_0001,
            0xffe0_0000,
            0x7f80_0001,
            0xffa0_0000,
            0x7fbf_ffff,
        ],
    ),
    (
        64,
        &[
            0,
            1,
            2,
            63,
            64,
            65,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1_0000_0000,
            i64::MAX as u64,
            1 << 63,
            (1 << 63) + 1,
            u64::MAX,
            // 2^24 + 1, 2^53 + 1, and others between two floats.
            0x0100_0001,
            0x0020_0000_0000_0001,
            0x7fff_ffff_ffff_fc00,
            0x7fff_ffff_ffff_fe00,
            0xffff_ffff_ffff_f400,
            0xffff_ff80_0000_0000,
            // Floats, as above.
            0x000f_ffff_ffff_ffff,
            0x0010_0000_0000_0000,
            0x8010_0000_0000_0000,
            0x3fdf_ffff_ffff_ffff,
            0x3fe0_0000_0000_0000,
            0x3fe0_0000_0000_0001,
            0x3ff0_0000_0000_0000,
            0x3ff8_0000_0000_0000,
            0x4004_0000_0000_0000,
            0xbfe0_0000_0000_0000,
            0xbff0_0000_0000_0000,
            0xbfef_ffff_ffff_ffff,
            0xc004_0000_0000_0000,
            0x4008_0000_0000_0000,
            0x432f_ffff_ffff_ffff,
            0x4330_0000_0000_0000,
            0x4330_0000_0000_0001,
            0x4340_0000_0000_0000,
            // ±2^31, ±(2^31 + 1), ±2^32, ±2^63, ±2^64, and the floats before.
            0x41df_ffff_ffff_ffff,
            0x41e0_0000_0000_0000,
            0xc1e0_0000_0000_0000,
            0xc1e0_0000_0020_0000,
            0xc1e0_0000_001f_ffff,
            0x41ef_ffff_ffff_ffff,
            0x41f0_0000_0000_0000,
            0x43df_ffff_ffff_ffff,
            0x43e0_0000_0000_0000,
            0xc3e0_0000_0000_0000,
            0xc3e0_0000_0000_0001,
            0x43ef_ffff_ffff_ffff,
            0x43f0_0000_0000_0000,
            // Around the greatest and the least `f32`, and half the least subnormal one.
            0x47ef_ffff_efff_ffff,
            0x47ef_ffff_f000_0000,
            0x3810_0000_0000_0000,
            0x36a0_0000_0000_0000,
            0x3690_0000_0000_0000,
            0x3690_0000_0000_0001,
            0x7fef_ffff_ffff_ffff,
            0xffef_ffff_ffff_ffff,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            0xfff8_0000_0000_0000,
            0x7ff8_0000_0000_0001,
            0xfffc_0000_0000_0000,
            0x7ff0_0000_0000_0001,
            0x7ff0_0000_2000_0000,
            0xfff4_0000_0000_0000,
        ],
    ),
];

/// Vectors whose lanes, of some width, are awkward; scalars are the low lane.
fn awkward() -> impl Strategy<Value = u128> {
    prop::sample::select(AWKWARD).prop_flat_map(|(width, lanes)| {
        prop::collection::vec(prop::sample::select(lanes), 128 / width as usize)
            .prop_map(move |lanes| lanes.iter().fold(0, |bits, &lane| bits << (width % 128) | u128::from(lane)))
    })
}

/// Lanes of floats of moderate size, with few or many bits, so that sums overlap and products are exact or not.
fn moderate_floats() -> impl Strategy<Value = u128> {
    let f32_lane = (any::<u32>(), 0_u32..24, 87_u32..167).prop_map(|(bits, zeros, exponent)| {
        u128::from(bits & 0x8000_0000 | exponent << 23 | (bits & 0x007f_ffff) >> zeros << zeros)
    });
    let f64_lane = (any::<u64>(), 0_u32..53, 963_u64..1083).prop_map(|(bits, zeros, exponent)| {
        u128::from(bits & 1 << 63 | exponent << 52 | (bits & 0x000f_ffff_ffff_ffff) >> zeros << zeros)
    });
    prop_oneof![
        prop::array::uniform4(f32_lane).prop_map(|lanes| lanes.iter().fold(0, |bits, lane| bits << 32 | lane)),
        prop::array::uniform2(f64_lane).prop_map(|lanes| lanes.iter().fold(0, |bits, lane| bits << 64 | lane)),
    ]
}

fn operand() -> impl Strategy<Value = u128> {
    prop_oneof![2 => any::<u128>(), 3 => awkward(), 2 => moderate_floats()]
}

fn check(opcode: &Opcode, args: [u128; 4]) {
    let (actual, expected) = ((opcode.call)(args), expected(opcode.name, args));
    assert!(
        expected.allows(&actual),
        "{}({}) on {:#x?} is {:#x?}, not {:#x?}",
        opcode.name,
        opcode.params.join(", "),
        &args[..opcode.params.len()],
        actual,
        expected,
    );
}

#[test]
fn awkward_scalars_agree() {
    let scalars = |opcode: &Opcode| {
        opcode.params.len() <= 2 && opcode.params.iter().all(|ty| ["i32", "i64", "f32", "f64"].contains(ty))
    };
    for opcode in opcodes().iter().filter(|opcode| scalars(opcode)) {
        for &a in AWKWARD.iter().flat_map(|(_, values)| *values) {
            for &b in AWKWARD.iter().flat_map(|(_, values)| *values) {
                check(opcode, [a.into(), b.into(), 0, 0]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_operands_agree(args in prop::array::uniform4(operand()), same in prop::bool::weighted(0.1)) {
        thread_local!(static OPCODES: Vec<Opcode> = opcodes());
        let args = if same { [args[0], args[0], args[2], args[0]] } else { args };
        OPCODES.with(|opcodes| opcodes.iter().for_each(|opcode| check(opcode, args)));
    }
}
