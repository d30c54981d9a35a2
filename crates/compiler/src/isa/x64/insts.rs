//! The instruction table: one row per encoding, the only place where an x86-64 instruction is described.
//!
//! The encoder, the printer, the operands that the register allocator sees, the CPU check and the tests all read it. [`row`](super::row)
//! explains the language. A row here is a constant of [`Op`], `Op::ADDSD`, `Op::ADD_RM.s32()`; its name is the mnemonic, then where there
//! are several forms their operands: `R` register, `M` register or memory (memory only, where the table says `M`), `I` immediate.

use super::features::Features;
use super::row::*;

const BASELINE: Features = Features::BASELINE;
const SSE3: Features = Features::SSE3;
const SSSE3: Features = Features::SSSE3;
const SSE41: Features = Features::SSE41;
const SSE42: Features = Features::SSE42;
const POPCNT: Features = Features::POPCNT;
const LZCNT: Features = Features::LZCNT;
const BMI1: Features = Features::BMI1;
const BMI2: Features = Features::BMI2;
const AVX: Features = Features::AVX;
const AVX2: Features = Features::AVX2;
const FMA: Features = Features::FMA;

/// Makes [`Op`]'s constants and [`ROWS`]: `NAME: type "mnemonic", [operands], "places", encoding, widths, feature;`.
macro_rules! rows {
    ($($name:ident: $kind:ident $mnemonic:literal, [$($operand:expr),*], $places:literal, $encoding:expr, $sizes:expr, $feature:expr;)*) => {
        /// Numbers of the rows.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Number {
            $($name),*
        }

        impl Op {
            $(
                #[doc = concat!("`", $mnemonic, "`: `", stringify!($($operand),*), "`, ", stringify!($feature), ".")]
                pub const $name: $kind = $kind::of_row(Number::$name as u16);
            )*
        }

        /// Every row.
        pub const ROWS: &[Row] = &[
            $(row(stringify!($name), $mnemonic, &[$($operand),*], $places, $encoding, $sizes, $feature)),*
        ];
    };
}

/// The encoding of every row, close together.
pub(super) const ENCODINGS: &[Encoding; ROWS.len()] = &{
    let mut encodings = [op(0); ROWS.len()];
    let mut i = 0;
    while i < encodings.len() {
        encodings[i] = ROWS[i].encoding;
        i += 1;
    }
    encodings
};

const _: () = assert!(ROWS.len() * OPS_PER_ROW <= u16::MAX as usize, "an op has 16 bits");

/// Every instruction that the table can make: each row in each of its widths, plain and as AVX twin.
pub fn all_ops() -> impl Iterator<Item = Op> {
    ROWS.iter().enumerate().flat_map(|(number, row)| {
        let sizes = if row.sizes == 0 { 1 << Size::S64 as u8 } else { row.sizes };
        Size::ALL.into_iter().filter(move |size| sizes & 1 << *size as u8 != 0).flat_map(move |size| {
            let op = Op::of(number as u16, size);
            [Some(op), row.has_twin().then(|| op.vex())].into_iter().flatten()
        })
    })
}

rows! {
    // Integer moves. A load of 8 or 16 bits is movzx or movsx, so that it writes the whole register.
    MOV_RM:            SizedOp "mov",         [d(G), u(GM)],                      "RM",  op(0x8b),                             WIDE,  BASELINE;
    MOV_MR:            SizedOp "mov",         [d(M), u(G)],                       "MR",  op(0x89),                             ANY,   BASELINE;
    MOV_MI:            SizedOp "mov",         [d(M), IMM],                        "M",   op(0xc7).digit(0),                    ANY,   BASELINE;
    MOV_RI32:          Op      "mov",         [d(G32), IMM],                      "O",   op(0xb8),                             FIXED, BASELINE;
    MOV_RI:            Op      "mov",         [d(G64), IMM],                      "M",   op(0xc7).digit(0).w1(),               FIXED, BASELINE;
    MOV_RI64:          Op      "mov",         [d(G64), IMM64],                    "O",   op(0xb8).w1(),                        FIXED, BASELINE;
    MOVZX_8:           SizedOp "movzx",       [d(G), u(GM8)],                     "RM",  op0f(0xb6),                           WIDE,  BASELINE;
    MOVZX_16:          SizedOp "movzx",       [d(G), u(GM16)],                    "RM",  op0f(0xb7),                           WIDE,  BASELINE;
    MOVSX_8:           SizedOp "movsx",       [d(G), u(GM8)],                     "RM",  op0f(0xbe),                           WIDE,  BASELINE;
    MOVSX_16:          SizedOp "movsx",       [d(G), u(GM16)],                    "RM",  op0f(0xbf),                           WIDE,  BASELINE;
    MOVSXD:            Op      "movsxd",      [d(G64), u(GM32)],                  "RM",  op(0x63).w1(),                        FIXED, BASELINE;
    LEA:               SizedOp "lea",         [d(G), u(ADDR)],                    "RM",  op(0x8d),                             WIDE,  BASELINE;
    XCHG:              SizedOp "xchg",        [ud(GM), ud(G)],                    "MR",  op(0x87),                             ANY,   BASELINE;
    BSWAP:             SizedOp "bswap",       [ud(G)],                            "O",   op0f(0xc8),                           WIDE,  BASELINE;
    PUSH:              Op      "push",        [u(G64)],                           "O",   op(0x50),                             FIXED, BASELINE;
    PUSH_I:            Op      "push",        [IMM],                              "",    op(0x68).short(),                     FIXED, BASELINE;
    POP:               Op      "pop",         [d(G64)],                           "O",   op(0x58),                             FIXED, BASELINE;

    // Integer arithmetic: register with register or memory, memory with register, either with an immediate.
    ADD_RM:            SizedOp "add",         [ud(G), u(GM)],                     "RM",  op(0x03).wf(),                        ANY,   BASELINE;
    ADD_MR:            SizedOp "add",         [ud(M), u(G)],                      "MR",  op(0x01).wf(),                        ANY,   BASELINE;
    ADD_I:             SizedOp "add",         [ud(GM), IMM],                      "M",   op(0x81).digit(0).short().wf(),       ANY,   BASELINE;
    OR_RM:             SizedOp "or",          [ud(G), u(GM)],                     "RM",  op(0x0b).wf(),                        ANY,   BASELINE;
    OR_MR:             SizedOp "or",          [ud(M), u(G)],                      "MR",  op(0x09).wf(),                        ANY,   BASELINE;
    OR_I:              SizedOp "or",          [ud(GM), IMM],                      "M",   op(0x81).digit(1).short().wf(),       ANY,   BASELINE;
    ADC_RM:            SizedOp "adc",         [ud(G), u(GM)],                     "RM",  op(0x13).rf().wf(),                   ANY,   BASELINE;
    ADC_MR:            SizedOp "adc",         [ud(M), u(G)],                      "MR",  op(0x11).rf().wf(),                   ANY,   BASELINE;
    ADC_I:             SizedOp "adc",         [ud(GM), IMM],                      "M",   op(0x81).digit(2).short().rf().wf(),  ANY,   BASELINE;
    SBB_RM:            SizedOp "sbb",         [ud(G), u(GM)],                     "RM",  op(0x1b).rf().wf(),                   ANY,   BASELINE;
    SBB_MR:            SizedOp "sbb",         [ud(M), u(G)],                      "MR",  op(0x19).rf().wf(),                   ANY,   BASELINE;
    SBB_I:             SizedOp "sbb",         [ud(GM), IMM],                      "M",   op(0x81).digit(3).short().rf().wf(),  ANY,   BASELINE;
    AND_RM:            SizedOp "and",         [ud(G), u(GM)],                     "RM",  op(0x23).wf(),                        ANY,   BASELINE;
    AND_MR:            SizedOp "and",         [ud(M), u(G)],                      "MR",  op(0x21).wf(),                        ANY,   BASELINE;
    AND_I:             SizedOp "and",         [ud(GM), IMM],                      "M",   op(0x81).digit(4).short().wf(),       ANY,   BASELINE;
    SUB_RM:            SizedOp "sub",         [ud(G), u(GM)],                     "RM",  op(0x2b).wf(),                        ANY,   BASELINE;
    SUB_MR:            SizedOp "sub",         [ud(M), u(G)],                      "MR",  op(0x29).wf(),                        ANY,   BASELINE;
    SUB_I:             SizedOp "sub",         [ud(GM), IMM],                      "M",   op(0x81).digit(5).short().wf(),       ANY,   BASELINE;
    XOR_RM:            SizedOp "xor",         [ud(G), u(GM)],                     "RM",  op(0x33).wf(),                        ANY,   BASELINE;
    XOR_MR:            SizedOp "xor",         [ud(M), u(G)],                      "MR",  op(0x31).wf(),                        ANY,   BASELINE;
    XOR_I:             SizedOp "xor",         [ud(GM), IMM],                      "M",   op(0x81).digit(6).short().wf(),       ANY,   BASELINE;
    CMP_RM:            SizedOp "cmp",         [u(G), u(GM)],                      "RM",  op(0x3b).wf(),                        ANY,   BASELINE;
    CMP_MR:            SizedOp "cmp",         [u(M), u(G)],                       "MR",  op(0x39).wf(),                        ANY,   BASELINE;
    CMP_I:             SizedOp "cmp",         [u(GM), IMM],                       "M",   op(0x81).digit(7).short().wf(),       ANY,   BASELINE;
    // Its immediate always has four bytes, to be filled in when the frame's size is known.
    SUB_I32:           Op      "sub",         [ud(G64), IMM],                     "M",   op(0x81).digit(5).w1().wf(),          FIXED, BASELINE;
    TEST_MR:           SizedOp "test",        [u(GM), u(G)],                      "MR",  op(0x85).wf(),                        ANY,   BASELINE;
    TEST_I:            SizedOp "test",        [u(GM), IMM],                       "M",   op(0xf7).digit(0).wf(),               ANY,   BASELINE;
    NOT:               SizedOp "not",         [ud(GM)],                           "M",   op(0xf7).digit(2),                    ANY,   BASELINE;
    NEG:               SizedOp "neg",         [ud(GM)],                           "M",   op(0xf7).digit(3).wf(),               ANY,   BASELINE;
    IMUL_RM:           SizedOp "imul",        [ud(G), u(GM)],                     "RM",  op0f(0xaf).wf(),                      WIDE,  BASELINE;
    IMUL_RMI:          SizedOp "imul",        [d(G), u(GM), IMM],                 "RM",  op(0x69).short().wf(),                WIDE,  BASELINE;
    MUL:               SizedOp "mul",         [u(GM), d(RAX), d(RDX), u(RAX)],    "M",   op(0xf7).digit(4).wf(),               WIDE,  BASELINE;
    IMUL:              SizedOp "imul",        [u(GM), d(RAX), d(RDX), u(RAX)],    "M",   op(0xf7).digit(5).wf(),               WIDE,  BASELINE;
    // Division takes no memory operand: its five register operands fill the slots.
    DIV:               SizedOp "div",         [u(G), d(RAX), d(RDX), u(RAX), u(RDX)],"M",   op(0xf7).digit(6).wf(),               WIDE,  BASELINE;
    IDIV:              SizedOp "idiv",        [u(G), d(RAX), d(RDX), u(RAX), u(RDX)],"M",   op(0xf7).digit(7).wf(),               WIDE,  BASELINE;
    CDQ:               Op      "cdq",         [d(RDX), u(RAX)],                   "",    op(0x99),                             FIXED, BASELINE;
    CQO:               Op      "cqo",         [d(RDX), u(RAX)],                   "",    op(0x99).w1(),                        FIXED, BASELINE;

    // Shifts and rotates, by cl or by an immediate.
    ROL_CL:            SizedOp "rol",         [ud(GM), u(CL)],                    "M",   op(0xd3).digit(0).wf(),               ANY,   BASELINE;
    ROL_I:             SizedOp "rol",         [ud(GM), IMM8],                     "M",   op(0xc1).digit(0).wf(),               ANY,   BASELINE;
    ROR_CL:            SizedOp "ror",         [ud(GM), u(CL)],                    "M",   op(0xd3).digit(1).wf(),               ANY,   BASELINE;
    ROR_I:             SizedOp "ror",         [ud(GM), IMM8],                     "M",   op(0xc1).digit(1).wf(),               ANY,   BASELINE;
    SHL_CL:            SizedOp "shl",         [ud(GM), u(CL)],                    "M",   op(0xd3).digit(4).wf(),               ANY,   BASELINE;
    SHL_I:             SizedOp "shl",         [ud(GM), IMM8],                     "M",   op(0xc1).digit(4).wf(),               ANY,   BASELINE;
    SHR_CL:            SizedOp "shr",         [ud(GM), u(CL)],                    "M",   op(0xd3).digit(5).wf(),               ANY,   BASELINE;
    SHR_I:             SizedOp "shr",         [ud(GM), IMM8],                     "M",   op(0xc1).digit(5).wf(),               ANY,   BASELINE;
    SAR_CL:            SizedOp "sar",         [ud(GM), u(CL)],                    "M",   op(0xd3).digit(7).wf(),               ANY,   BASELINE;
    SAR_I:             SizedOp "sar",         [ud(GM), IMM8],                     "M",   op(0xc1).digit(7).wf(),               ANY,   BASELINE;
    SHLD_I:            SizedOp "shld",        [ud(GM), u(G), IMM8],               "MR",  op0f(0xa4).wf(),                      WIDE,  BASELINE;
    SHRD_I:            SizedOp "shrd",        [ud(GM), u(G), IMM8],               "MR",  op0f(0xac).wf(),                      WIDE,  BASELINE;
    SHLX:              SizedOp "shlx",        [d(G), u(GM), u(G)],                "RMV", op38(0xf7).p66().only_vex(),          WIDE,  BMI2;
    SARX:              SizedOp "sarx",        [d(G), u(GM), u(G)],                "RMV", op38(0xf7).pf3().only_vex(),          WIDE,  BMI2;
    SHRX:              SizedOp "shrx",        [d(G), u(GM), u(G)],                "RMV", op38(0xf7).pf2().only_vex(),          WIDE,  BMI2;
    RORX:              SizedOp "rorx",        [d(G), u(GM), IMM8],                "RM",  op3a(0xf0).pf2().only_vex(),          WIDE,  BMI2;

    // Bits. bsf and bsr leave their destination alone when the source is zero.
    BSF:               SizedOp "bsf",         [ud(G), u(GM)],                     "RM",  op0f(0xbc).wf(),                      WIDE,  BASELINE;
    BSR:               SizedOp "bsr",         [ud(G), u(GM)],                     "RM",  op0f(0xbd).wf(),                      WIDE,  BASELINE;
    TZCNT:             SizedOp "tzcnt",       [d(G), u(GM)],                      "RM",  op0f(0xbc).pf3().wf(),                WIDE,  BMI1;
    LZCNT:             SizedOp "lzcnt",       [d(G), u(GM)],                      "RM",  op0f(0xbd).pf3().wf(),                WIDE,  LZCNT;
    POPCNT:            SizedOp "popcnt",      [d(G), u(GM)],                      "RM",  op0f(0xb8).pf3().wf(),                WIDE,  POPCNT;
    BT_I:              SizedOp "bt",          [u(GM), IMM8],                      "M",   op0f(0xba).digit(4).wf(),             WIDE,  BASELINE;
    ANDN:              SizedOp "andn",        [d(G), u(G), u(GM)],                "RVM", op38(0xf2).only_vex().wf(),           WIDE,  BMI1;
    BLSR:              SizedOp "blsr",        [d(G), u(GM)],                      "VM",  op38(0xf3).digit(1).only_vex().wf(),  WIDE,  BMI1;
    BLSMSK:            SizedOp "blsmsk",      [d(G), u(GM)],                      "VM",  op38(0xf3).digit(2).only_vex().wf(),  WIDE,  BMI1;
    BLSI:              SizedOp "blsi",        [d(G), u(GM)],                      "VM",  op38(0xf3).digit(3).only_vex().wf(),  WIDE,  BMI1;
    BEXTR:             SizedOp "bextr",       [d(G), u(GM), u(G)],                "RMV", op38(0xf7).only_vex().wf(),           WIDE,  BMI1;
    BZHI:              SizedOp "bzhi",        [d(G), u(GM), u(G)],                "RMV", op38(0xf5).only_vex().wf(),           WIDE,  BMI2;
    MULX:              SizedOp "mulx",        [d(G), d(G), u(GM), u(RDX)],        "RVM", op38(0xf6).pf2().only_vex(),          WIDE,  BMI2;

    // Conditions and control. SETCC_INTO keeps the upper bits of its register, which the code has zeroed before the comparison.
    SETCC:             Op      "set",         [CC, d(GM8)],                       "M",   op0f(0x90).rf(),                      FIXED, BASELINE;
    SETCC_INTO:        Op      "set",         [CC, ud(G8)],                       "M",   op0f(0x90).rf(),                      FIXED, BASELINE;
    CMOVCC:            SizedOp "cmov",        [CC, ud(G), u(GM)],                 "RM",  op0f(0x40).rf(),                      WIDE,  BASELINE;
    JCC:               Op      "j",           [CC, TARGET],                       "",    op0f(0x80).rf().flow(Flow::Branch),   FIXED, BASELINE;
    JCC_SHORT:         Op      "j",           [CC, TARGET8],                      "",    op(0x70).rf().flow(Flow::Branch),     FIXED, BASELINE;
    JMP_SHORT:         Op      "jmp",         [TARGET8],                          "",    op(0xeb).flow(Flow::Jump),            FIXED, BASELINE;
    JMP:               Op      "jmp",         [TARGET],                           "",    op(0xe9).flow(Flow::Jump),            FIXED, BASELINE;
    JMP_RM:            Op      "jmp",         [u(GM64)],                          "M",   op(0xff).digit(4).flow(Flow::Jump),   FIXED, BASELINE;
    CALL:              Op      "call",        [TARGET],                           "",    op(0xe8).flow(Flow::Call),            FIXED, BASELINE;
    CALL_RM:           Op      "call",        [u(GM64)],                          "M",   op(0xff).digit(2).flow(Flow::Call),   FIXED, BASELINE;
    RET:               Op      "ret",         [],                                 "",    op(0xc3).flow(Flow::Return),          FIXED, BASELINE;
    UD2:               Op      "ud2",         [],                                 "",    op0f(0x0b).flow(Flow::Trap),          FIXED, BASELINE;
    INT3:              Op      "int3",        [],                                 "",    op(0xcc).flow(Flow::Trap),            FIXED, BASELINE;

    // Atomics. xchg with memory locks by itself.
    LOCK_CMPXCHG:      SizedOp "lock cmpxchg",[ud(M), u(G), d(RAX), u(RAX)],      "MR",  op0f(0xb1).lock().wf(),               ANY,   BASELINE;
    LOCK_XADD:         SizedOp "lock xadd",   [ud(M), ud(G)],                     "MR",  op0f(0xc1).lock().wf(),               ANY,   BASELINE;
    LOCK_ADD:          SizedOp "lock add",    [ud(M), u(G)],                      "MR",  op(0x01).lock().wf(),                 ANY,   BASELINE;
    LOCK_OR:           SizedOp "lock or",     [ud(M), u(G)],                      "MR",  op(0x09).lock().wf(),                 ANY,   BASELINE;
    LOCK_AND:          SizedOp "lock and",    [ud(M), u(G)],                      "MR",  op(0x21).lock().wf(),                 ANY,   BASELINE;
    LOCK_SUB:          SizedOp "lock sub",    [ud(M), u(G)],                      "MR",  op(0x29).lock().wf(),                 ANY,   BASELINE;
    LOCK_XOR:          SizedOp "lock xor",    [ud(M), u(G)],                      "MR",  op(0x31).lock().wf(),                 ANY,   BASELINE;
    MFENCE:            Op      "mfence",      [],                                 "",    op0f(0xae).then(0xf0),                FIXED, BASELINE;
    PAUSE:             Op      "pause",       [],                                 "",    op(0x90).pf3(),                       FIXED, BASELINE;

    // Vector moves: whole registers, scalars, halves, and between the register files.
    MOVAPS_RM:         Op      "movaps",      [d(X), u(XM128)],                   "RM",  op0f(0x28).vex(),                     FIXED, BASELINE;
    MOVAPS_MR:         Op      "movaps",      [d(M128), u(X)],                    "MR",  op0f(0x29).vex(),                     FIXED, BASELINE;
    MOVUPS_RM:         Op      "movups",      [d(X), u(XM128)],                   "RM",  op0f(0x10).vex(),                     FIXED, BASELINE;
    MOVUPS_MR:         Op      "movups",      [d(M128), u(X)],                    "MR",  op0f(0x11).vex(),                     FIXED, BASELINE;
    MOVDQA_RM:         Op      "movdqa",      [d(X), u(XM128)],                   "RM",  op0f(0x6f).p66().vex(),               FIXED, BASELINE;
    MOVDQA_MR:         Op      "movdqa",      [d(M128), u(X)],                    "MR",  op0f(0x7f).p66().vex(),               FIXED, BASELINE;
    MOVDQU_RM:         Op      "movdqu",      [d(X), u(XM128)],                   "RM",  op0f(0x6f).pf3().vex(),               FIXED, BASELINE;
    MOVDQU_MR:         Op      "movdqu",      [d(M128), u(X)],                    "MR",  op0f(0x7f).pf3().vex(),               FIXED, BASELINE;
    MOVSS_LOAD:        Op      "movss",       [d(X), u(M32)],                     "RM",  op0f(0x10).pf3().vex(),               FIXED, BASELINE;
    MOVSS_STORE:       Op      "movss",       [d(M32), u(X)],                     "MR",  op0f(0x11).pf3().vex(),               FIXED, BASELINE;
    MOVSS_RR:          Op      "movss",       [ud(X), u(X)],                      "RM",  op0f(0x10).pf3().vex(),               FIXED, BASELINE;
    MOVSD_LOAD:        Op      "movsd",       [d(X), u(M64)],                     "RM",  op0f(0x10).pf2().vex(),               FIXED, BASELINE;
    MOVSD_STORE:       Op      "movsd",       [d(M64), u(X)],                     "MR",  op0f(0x11).pf2().vex(),               FIXED, BASELINE;
    MOVSD_RR:          Op      "movsd",       [ud(X), u(X)],                      "RM",  op0f(0x10).pf2().vex(),               FIXED, BASELINE;
    MOVD_TO_X:         Op      "movd",        [d(X), u(GM32)],                    "RM",  op0f(0x6e).p66().vex(),               FIXED, BASELINE;
    MOVQ_TO_X:         Op      "movq",        [d(X), u(GM64)],                    "RM",  op0f(0x6e).p66().w1().vex(),          FIXED, BASELINE;
    MOVD_TO_G:         Op      "movd",        [d(GM32), u(X)],                    "MR",  op0f(0x7e).p66().vex(),               FIXED, BASELINE;
    MOVQ_TO_G:         Op      "movq",        [d(GM64), u(X)],                    "MR",  op0f(0x7e).p66().w1().vex(),          FIXED, BASELINE;
    MOVQ_RM:           Op      "movq",        [d(X), u(XM64)],                    "RM",  op0f(0x7e).pf3().vex(),               FIXED, BASELINE;
    MOVQ_STORE:        Op      "movq",        [d(M64), u(X)],                     "MR",  op0f(0xd6).p66().vex(),               FIXED, BASELINE;
    MOVLPS_LOAD:       Op      "movlps",      [ud(X), u(M64)],                    "RM",  op0f(0x12).vex(),                     FIXED, BASELINE;
    MOVLPS_STORE:      Op      "movlps",      [d(M64), u(X)],                     "MR",  op0f(0x13).vex(),                     FIXED, BASELINE;
    MOVHPS_LOAD:       Op      "movhps",      [ud(X), u(M64)],                    "RM",  op0f(0x16).vex(),                     FIXED, BASELINE;
    MOVHPS_STORE:      Op      "movhps",      [d(M64), u(X)],                     "MR",  op0f(0x17).vex(),                     FIXED, BASELINE;
    MOVLHPS:           Op      "movlhps",     [ud(X), u(X)],                      "RM",  op0f(0x16).vex(),                     FIXED, BASELINE;
    MOVHLPS:           Op      "movhlps",     [ud(X), u(X)],                      "RM",  op0f(0x12).vex(),                     FIXED, BASELINE;
    MOVDDUP:           Op      "movddup",     [d(X), u(XM64)],                    "RM",  op0f(0x12).pf2().vex(),               FIXED, SSE3;
    MOVMSKPS:          Op      "movmskps",    [d(G32), u(X)],                     "RM",  op0f(0x50).vex(),                     FIXED, BASELINE;
    MOVMSKPD:          Op      "movmskpd",    [d(G32), u(X)],                     "RM",  op0f(0x50).p66().vex(),               FIXED, BASELINE;
    PMOVMSKB:          Op      "pmovmskb",    [d(G32), u(X)],                     "RM",  op0f(0xd7).p66().vex(),               FIXED, BASELINE;

    // Float arithmetic. Scalar operations keep the upper lanes of their first source.
    ADDSS:             Op      "addss",       [ud(X), u(XM32)],                   "RM",  op0f(0x58).pf3().vex(),               FIXED, BASELINE;
    ADDSD:             Op      "addsd",       [ud(X), u(XM64)],                   "RM",  op0f(0x58).pf2().vex(),               FIXED, BASELINE;
    ADDPS:             Op      "addps",       [ud(X), u(XM128)],                  "RM",  op0f(0x58).vex(),                     FIXED, BASELINE;
    ADDPD:             Op      "addpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x58).p66().vex(),               FIXED, BASELINE;
    MULSS:             Op      "mulss",       [ud(X), u(XM32)],                   "RM",  op0f(0x59).pf3().vex(),               FIXED, BASELINE;
    MULSD:             Op      "mulsd",       [ud(X), u(XM64)],                   "RM",  op0f(0x59).pf2().vex(),               FIXED, BASELINE;
    MULPS:             Op      "mulps",       [ud(X), u(XM128)],                  "RM",  op0f(0x59).vex(),                     FIXED, BASELINE;
    MULPD:             Op      "mulpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x59).p66().vex(),               FIXED, BASELINE;
    SUBSS:             Op      "subss",       [ud(X), u(XM32)],                   "RM",  op0f(0x5c).pf3().vex(),               FIXED, BASELINE;
    SUBSD:             Op      "subsd",       [ud(X), u(XM64)],                   "RM",  op0f(0x5c).pf2().vex(),               FIXED, BASELINE;
    SUBPS:             Op      "subps",       [ud(X), u(XM128)],                  "RM",  op0f(0x5c).vex(),                     FIXED, BASELINE;
    SUBPD:             Op      "subpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x5c).p66().vex(),               FIXED, BASELINE;
    MINSS:             Op      "minss",       [ud(X), u(XM32)],                   "RM",  op0f(0x5d).pf3().vex(),               FIXED, BASELINE;
    MINSD:             Op      "minsd",       [ud(X), u(XM64)],                   "RM",  op0f(0x5d).pf2().vex(),               FIXED, BASELINE;
    MINPS:             Op      "minps",       [ud(X), u(XM128)],                  "RM",  op0f(0x5d).vex(),                     FIXED, BASELINE;
    MINPD:             Op      "minpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x5d).p66().vex(),               FIXED, BASELINE;
    DIVSS:             Op      "divss",       [ud(X), u(XM32)],                   "RM",  op0f(0x5e).pf3().vex(),               FIXED, BASELINE;
    DIVSD:             Op      "divsd",       [ud(X), u(XM64)],                   "RM",  op0f(0x5e).pf2().vex(),               FIXED, BASELINE;
    DIVPS:             Op      "divps",       [ud(X), u(XM128)],                  "RM",  op0f(0x5e).vex(),                     FIXED, BASELINE;
    DIVPD:             Op      "divpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x5e).p66().vex(),               FIXED, BASELINE;
    MAXSS:             Op      "maxss",       [ud(X), u(XM32)],                   "RM",  op0f(0x5f).pf3().vex(),               FIXED, BASELINE;
    MAXSD:             Op      "maxsd",       [ud(X), u(XM64)],                   "RM",  op0f(0x5f).pf2().vex(),               FIXED, BASELINE;
    MAXPS:             Op      "maxps",       [ud(X), u(XM128)],                  "RM",  op0f(0x5f).vex(),                     FIXED, BASELINE;
    MAXPD:             Op      "maxpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x5f).p66().vex(),               FIXED, BASELINE;
    SQRTSS:            Op      "sqrtss",      [ud(X), u(XM32)],                   "RM",  op0f(0x51).pf3().vex(),               FIXED, BASELINE;
    SQRTSD:            Op      "sqrtsd",      [ud(X), u(XM64)],                   "RM",  op0f(0x51).pf2().vex(),               FIXED, BASELINE;
    SQRTPS:            Op      "sqrtps",      [d(X), u(XM128)],                   "RM",  op0f(0x51).vex(),                     FIXED, BASELINE;
    SQRTPD:            Op      "sqrtpd",      [d(X), u(XM128)],                   "RM",  op0f(0x51).p66().vex(),               FIXED, BASELINE;
    ANDPS:             Op      "andps",       [ud(X), u(XM128)],                  "RM",  op0f(0x54).vex(),                     FIXED, BASELINE;
    ANDPD:             Op      "andpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x54).p66().vex(),               FIXED, BASELINE;
    ANDNPS:            Op      "andnps",      [ud(X), u(XM128)],                  "RM",  op0f(0x55).vex(),                     FIXED, BASELINE;
    ANDNPD:            Op      "andnpd",      [ud(X), u(XM128)],                  "RM",  op0f(0x55).p66().vex(),               FIXED, BASELINE;
    ORPS:              Op      "orps",        [ud(X), u(XM128)],                  "RM",  op0f(0x56).vex(),                     FIXED, BASELINE;
    ORPD:              Op      "orpd",        [ud(X), u(XM128)],                  "RM",  op0f(0x56).p66().vex(),               FIXED, BASELINE;
    XORPS:             Op      "xorps",       [ud(X), u(XM128)],                  "RM",  op0f(0x57).vex(),                     FIXED, BASELINE;
    XORPD:             Op      "xorpd",       [ud(X), u(XM128)],                  "RM",  op0f(0x57).p66().vex(),               FIXED, BASELINE;
    UCOMISS:           Op      "ucomiss",     [u(X), u(XM32)],                    "RM",  op0f(0x2e).vex().wf(),                FIXED, BASELINE;
    UCOMISD:           Op      "ucomisd",     [u(X), u(XM64)],                    "RM",  op0f(0x2e).p66().vex().wf(),          FIXED, BASELINE;
    CMPSS:             Op      "cmpss",       [ud(X), u(XM32), IMM8],             "RM",  op0f(0xc2).pf3().vex(),               FIXED, BASELINE;
    CMPSD:             Op      "cmpsd",       [ud(X), u(XM64), IMM8],             "RM",  op0f(0xc2).pf2().vex(),               FIXED, BASELINE;
    CMPPS:             Op      "cmpps",       [ud(X), u(XM128), IMM8],            "RM",  op0f(0xc2).vex(),                     FIXED, BASELINE;
    CMPPD:             Op      "cmppd",       [ud(X), u(XM128), IMM8],            "RM",  op0f(0xc2).p66().vex(),               FIXED, BASELINE;
    ROUNDSS:           Op      "roundss",     [ud(X), u(XM32), IMM8],             "RM",  op3a(0x0a).p66().vex(),               FIXED, SSE41;
    ROUNDSD:           Op      "roundsd",     [ud(X), u(XM64), IMM8],             "RM",  op3a(0x0b).p66().vex(),               FIXED, SSE41;
    ROUNDPS:           Op      "roundps",     [d(X), u(XM128), IMM8],             "RM",  op3a(0x08).p66().vex(),               FIXED, SSE41;
    ROUNDPD:           Op      "roundpd",     [d(X), u(XM128), IMM8],             "RM",  op3a(0x09).p66().vex(),               FIXED, SSE41;

    // Conversions.
    CVTSI2SS:          SizedOp "cvtsi2ss",    [ud(X), u(GM)],                     "RM",  op0f(0x2a).pf3().vex(),               WIDE,  BASELINE;
    CVTSI2SD:          SizedOp "cvtsi2sd",    [ud(X), u(GM)],                     "RM",  op0f(0x2a).pf2().vex(),               WIDE,  BASELINE;
    CVTTSS2SI:         SizedOp "cvttss2si",   [d(G), u(XM32)],                    "RM",  op0f(0x2c).pf3().vex(),               WIDE,  BASELINE;
    CVTTSD2SI:         SizedOp "cvttsd2si",   [d(G), u(XM64)],                    "RM",  op0f(0x2c).pf2().vex(),               WIDE,  BASELINE;
    CVTSS2SD:          Op      "cvtss2sd",    [ud(X), u(XM32)],                   "RM",  op0f(0x5a).pf3().vex(),               FIXED, BASELINE;
    CVTSD2SS:          Op      "cvtsd2ss",    [ud(X), u(XM64)],                   "RM",  op0f(0x5a).pf2().vex(),               FIXED, BASELINE;
    CVTPS2PD:          Op      "cvtps2pd",    [d(X), u(XM64)],                    "RM",  op0f(0x5a).vex(),                     FIXED, BASELINE;
    CVTPD2PS:          Op      "cvtpd2ps",    [d(X), u(XM128)],                   "RM",  op0f(0x5a).p66().vex(),               FIXED, BASELINE;
    CVTDQ2PS:          Op      "cvtdq2ps",    [d(X), u(XM128)],                   "RM",  op0f(0x5b).vex(),                     FIXED, BASELINE;
    CVTPS2DQ:          Op      "cvtps2dq",    [d(X), u(XM128)],                   "RM",  op0f(0x5b).p66().vex(),               FIXED, BASELINE;
    CVTTPS2DQ:         Op      "cvttps2dq",   [d(X), u(XM128)],                   "RM",  op0f(0x5b).pf3().vex(),               FIXED, BASELINE;
    CVTDQ2PD:          Op      "cvtdq2pd",    [d(X), u(XM64)],                    "RM",  op0f(0xe6).pf3().vex(),               FIXED, BASELINE;
    CVTTPD2DQ:         Op      "cvttpd2dq",   [d(X), u(XM128)],                   "RM",  op0f(0xe6).p66().vex(),               FIXED, BASELINE;

    // Vector integer arithmetic and logic.
    PADDB:             Op      "paddb",       [ud(X), u(XM128)],                  "RM",  op0f(0xfc).p66().vex(),               FIXED, BASELINE;
    PADDW:             Op      "paddw",       [ud(X), u(XM128)],                  "RM",  op0f(0xfd).p66().vex(),               FIXED, BASELINE;
    PADDD:             Op      "paddd",       [ud(X), u(XM128)],                  "RM",  op0f(0xfe).p66().vex(),               FIXED, BASELINE;
    PADDQ:             Op      "paddq",       [ud(X), u(XM128)],                  "RM",  op0f(0xd4).p66().vex(),               FIXED, BASELINE;
    PSUBB:             Op      "psubb",       [ud(X), u(XM128)],                  "RM",  op0f(0xf8).p66().vex(),               FIXED, BASELINE;
    PSUBW:             Op      "psubw",       [ud(X), u(XM128)],                  "RM",  op0f(0xf9).p66().vex(),               FIXED, BASELINE;
    PSUBD:             Op      "psubd",       [ud(X), u(XM128)],                  "RM",  op0f(0xfa).p66().vex(),               FIXED, BASELINE;
    PSUBQ:             Op      "psubq",       [ud(X), u(XM128)],                  "RM",  op0f(0xfb).p66().vex(),               FIXED, BASELINE;
    PADDSB:            Op      "paddsb",      [ud(X), u(XM128)],                  "RM",  op0f(0xec).p66().vex(),               FIXED, BASELINE;
    PADDSW:            Op      "paddsw",      [ud(X), u(XM128)],                  "RM",  op0f(0xed).p66().vex(),               FIXED, BASELINE;
    PADDUSB:           Op      "paddusb",     [ud(X), u(XM128)],                  "RM",  op0f(0xdc).p66().vex(),               FIXED, BASELINE;
    PADDUSW:           Op      "paddusw",     [ud(X), u(XM128)],                  "RM",  op0f(0xdd).p66().vex(),               FIXED, BASELINE;
    PSUBSB:            Op      "psubsb",      [ud(X), u(XM128)],                  "RM",  op0f(0xe8).p66().vex(),               FIXED, BASELINE;
    PSUBSW:            Op      "psubsw",      [ud(X), u(XM128)],                  "RM",  op0f(0xe9).p66().vex(),               FIXED, BASELINE;
    PSUBUSB:           Op      "psubusb",     [ud(X), u(XM128)],                  "RM",  op0f(0xd8).p66().vex(),               FIXED, BASELINE;
    PSUBUSW:           Op      "psubusw",     [ud(X), u(XM128)],                  "RM",  op0f(0xd9).p66().vex(),               FIXED, BASELINE;
    PMULLW:            Op      "pmullw",      [ud(X), u(XM128)],                  "RM",  op0f(0xd5).p66().vex(),               FIXED, BASELINE;
    PMULHW:            Op      "pmulhw",      [ud(X), u(XM128)],                  "RM",  op0f(0xe5).p66().vex(),               FIXED, BASELINE;
    PMULHUW:           Op      "pmulhuw",     [ud(X), u(XM128)],                  "RM",  op0f(0xe4).p66().vex(),               FIXED, BASELINE;
    PMULUDQ:           Op      "pmuludq",     [ud(X), u(XM128)],                  "RM",  op0f(0xf4).p66().vex(),               FIXED, BASELINE;
    PMADDWD:           Op      "pmaddwd",     [ud(X), u(XM128)],                  "RM",  op0f(0xf5).p66().vex(),               FIXED, BASELINE;
    PSADBW:            Op      "psadbw",      [ud(X), u(XM128)],                  "RM",  op0f(0xf6).p66().vex(),               FIXED, BASELINE;
    PAVGB:             Op      "pavgb",       [ud(X), u(XM128)],                  "RM",  op0f(0xe0).p66().vex(),               FIXED, BASELINE;
    PAVGW:             Op      "pavgw",       [ud(X), u(XM128)],                  "RM",  op0f(0xe3).p66().vex(),               FIXED, BASELINE;
    PMINUB:            Op      "pminub",      [ud(X), u(XM128)],                  "RM",  op0f(0xda).p66().vex(),               FIXED, BASELINE;
    PMAXUB:            Op      "pmaxub",      [ud(X), u(XM128)],                  "RM",  op0f(0xde).p66().vex(),               FIXED, BASELINE;
    PMINSW:            Op      "pminsw",      [ud(X), u(XM128)],                  "RM",  op0f(0xea).p66().vex(),               FIXED, BASELINE;
    PMAXSW:            Op      "pmaxsw",      [ud(X), u(XM128)],                  "RM",  op0f(0xee).p66().vex(),               FIXED, BASELINE;
    PAND:              Op      "pand",        [ud(X), u(XM128)],                  "RM",  op0f(0xdb).p66().vex(),               FIXED, BASELINE;
    PANDN:             Op      "pandn",       [ud(X), u(XM128)],                  "RM",  op0f(0xdf).p66().vex(),               FIXED, BASELINE;
    POR:               Op      "por",         [ud(X), u(XM128)],                  "RM",  op0f(0xeb).p66().vex(),               FIXED, BASELINE;
    PXOR:              Op      "pxor",        [ud(X), u(XM128)],                  "RM",  op0f(0xef).p66().vex(),               FIXED, BASELINE;
    PCMPEQB:           Op      "pcmpeqb",     [ud(X), u(XM128)],                  "RM",  op0f(0x74).p66().vex(),               FIXED, BASELINE;
    PCMPEQW:           Op      "pcmpeqw",     [ud(X), u(XM128)],                  "RM",  op0f(0x75).p66().vex(),               FIXED, BASELINE;
    PCMPEQD:           Op      "pcmpeqd",     [ud(X), u(XM128)],                  "RM",  op0f(0x76).p66().vex(),               FIXED, BASELINE;
    PCMPGTB:           Op      "pcmpgtb",     [ud(X), u(XM128)],                  "RM",  op0f(0x64).p66().vex(),               FIXED, BASELINE;
    PCMPGTW:           Op      "pcmpgtw",     [ud(X), u(XM128)],                  "RM",  op0f(0x65).p66().vex(),               FIXED, BASELINE;
    PCMPGTD:           Op      "pcmpgtd",     [ud(X), u(XM128)],                  "RM",  op0f(0x66).p66().vex(),               FIXED, BASELINE;
    PHADDW:            Op      "phaddw",      [ud(X), u(XM128)],                  "RM",  op38(0x01).p66().vex(),               FIXED, SSSE3;
    PHADDD:            Op      "phaddd",      [ud(X), u(XM128)],                  "RM",  op38(0x02).p66().vex(),               FIXED, SSSE3;
    PMADDUBSW:         Op      "pmaddubsw",   [ud(X), u(XM128)],                  "RM",  op38(0x04).p66().vex(),               FIXED, SSSE3;
    PSIGNB:            Op      "psignb",      [ud(X), u(XM128)],                  "RM",  op38(0x08).p66().vex(),               FIXED, SSSE3;
    PSIGNW:            Op      "psignw",      [ud(X), u(XM128)],                  "RM",  op38(0x09).p66().vex(),               FIXED, SSSE3;
    PSIGND:            Op      "psignd",      [ud(X), u(XM128)],                  "RM",  op38(0x0a).p66().vex(),               FIXED, SSSE3;
    PMULHRSW:          Op      "pmulhrsw",    [ud(X), u(XM128)],                  "RM",  op38(0x0b).p66().vex(),               FIXED, SSSE3;
    PABSB:             Op      "pabsb",       [d(X), u(XM128)],                   "RM",  op38(0x1c).p66().vex(),               FIXED, SSSE3;
    PABSW:             Op      "pabsw",       [d(X), u(XM128)],                   "RM",  op38(0x1d).p66().vex(),               FIXED, SSSE3;
    PABSD:             Op      "pabsd",       [d(X), u(XM128)],                   "RM",  op38(0x1e).p66().vex(),               FIXED, SSSE3;
    PMULDQ:            Op      "pmuldq",      [ud(X), u(XM128)],                  "RM",  op38(0x28).p66().vex(),               FIXED, SSE41;
    PCMPEQQ:           Op      "pcmpeqq",     [ud(X), u(XM128)],                  "RM",  op38(0x29).p66().vex(),               FIXED, SSE41;
    PMINSB:            Op      "pminsb",      [ud(X), u(XM128)],                  "RM",  op38(0x38).p66().vex(),               FIXED, SSE41;
    PMINSD:            Op      "pminsd",      [ud(X), u(XM128)],                  "RM",  op38(0x39).p66().vex(),               FIXED, SSE41;
    PMINUW:            Op      "pminuw",      [ud(X), u(XM128)],                  "RM",  op38(0x3a).p66().vex(),               FIXED, SSE41;
    PMINUD:            Op      "pminud",      [ud(X), u(XM128)],                  "RM",  op38(0x3b).p66().vex(),               FIXED, SSE41;
    PMAXSB:            Op      "pmaxsb",      [ud(X), u(XM128)],                  "RM",  op38(0x3c).p66().vex(),               FIXED, SSE41;
    PMAXSD:            Op      "pmaxsd",      [ud(X), u(XM128)],                  "RM",  op38(0x3d).p66().vex(),               FIXED, SSE41;
    PMAXUW:            Op      "pmaxuw",      [ud(X), u(XM128)],                  "RM",  op38(0x3e).p66().vex(),               FIXED, SSE41;
    PMAXUD:            Op      "pmaxud",      [ud(X), u(XM128)],                  "RM",  op38(0x3f).p66().vex(),               FIXED, SSE41;
    PMULLD:            Op      "pmulld",      [ud(X), u(XM128)],                  "RM",  op38(0x40).p66().vex(),               FIXED, SSE41;
    PCMPGTQ:           Op      "pcmpgtq",     [ud(X), u(XM128)],                  "RM",  op38(0x37).p66().vex(),               FIXED, SSE42;
    PTEST:             Op      "ptest",       [u(X), u(XM128)],                   "RM",  op38(0x17).p66().vex().wf(),          FIXED, SSE41;

    // Vector shifts, by a register or by an immediate. psrldq and pslldq shift bytes.
    PSRLW:             Op      "psrlw",       [ud(X), u(XM128)],                  "RM",  op0f(0xd1).p66().vex(),               FIXED, BASELINE;
    PSRLD:             Op      "psrld",       [ud(X), u(XM128)],                  "RM",  op0f(0xd2).p66().vex(),               FIXED, BASELINE;
    PSRLQ:             Op      "psrlq",       [ud(X), u(XM128)],                  "RM",  op0f(0xd3).p66().vex(),               FIXED, BASELINE;
    PSRAW:             Op      "psraw",       [ud(X), u(XM128)],                  "RM",  op0f(0xe1).p66().vex(),               FIXED, BASELINE;
    PSRAD:             Op      "psrad",       [ud(X), u(XM128)],                  "RM",  op0f(0xe2).p66().vex(),               FIXED, BASELINE;
    PSLLW:             Op      "psllw",       [ud(X), u(XM128)],                  "RM",  op0f(0xf1).p66().vex(),               FIXED, BASELINE;
    PSLLD:             Op      "pslld",       [ud(X), u(XM128)],                  "RM",  op0f(0xf2).p66().vex(),               FIXED, BASELINE;
    PSLLQ:             Op      "psllq",       [ud(X), u(XM128)],                  "RM",  op0f(0xf3).p66().vex(),               FIXED, BASELINE;
    PSRLW_I:           Op      "psrlw",       [ud(X), IMM8],                      "M",   op0f(0x71).p66().digit(2).vex(),      FIXED, BASELINE;
    PSRAW_I:           Op      "psraw",       [ud(X), IMM8],                      "M",   op0f(0x71).p66().digit(4).vex(),      FIXED, BASELINE;
    PSLLW_I:           Op      "psllw",       [ud(X), IMM8],                      "M",   op0f(0x71).p66().digit(6).vex(),      FIXED, BASELINE;
    PSRLD_I:           Op      "psrld",       [ud(X), IMM8],                      "M",   op0f(0x72).p66().digit(2).vex(),      FIXED, BASELINE;
    PSRAD_I:           Op      "psrad",       [ud(X), IMM8],                      "M",   op0f(0x72).p66().digit(4).vex(),      FIXED, BASELINE;
    PSLLD_I:           Op      "pslld",       [ud(X), IMM8],                      "M",   op0f(0x72).p66().digit(6).vex(),      FIXED, BASELINE;
    PSRLQ_I:           Op      "psrlq",       [ud(X), IMM8],                      "M",   op0f(0x73).p66().digit(2).vex(),      FIXED, BASELINE;
    PSLLQ_I:           Op      "psllq",       [ud(X), IMM8],                      "M",   op0f(0x73).p66().digit(6).vex(),      FIXED, BASELINE;
    PSRLDQ_I:          Op      "psrldq",      [ud(X), IMM8],                      "M",   op0f(0x73).p66().digit(3).vex(),      FIXED, BASELINE;
    PSLLDQ_I:          Op      "pslldq",      [ud(X), IMM8],                      "M",   op0f(0x73).p66().digit(7).vex(),      FIXED, BASELINE;

    // Lanes: pack, unpack, widen, shuffle, blend, insert, extract, broadcast.
    PACKSSWB:          Op      "packsswb",    [ud(X), u(XM128)],                  "RM",  op0f(0x63).p66().vex(),               FIXED, BASELINE;
    PACKSSDW:          Op      "packssdw",    [ud(X), u(XM128)],                  "RM",  op0f(0x6b).p66().vex(),               FIXED, BASELINE;
    PACKUSWB:          Op      "packuswb",    [ud(X), u(XM128)],                  "RM",  op0f(0x67).p66().vex(),               FIXED, BASELINE;
    PUNPCKLBW:         Op      "punpcklbw",   [ud(X), u(XM128)],                  "RM",  op0f(0x60).p66().vex(),               FIXED, BASELINE;
    PUNPCKLWD:         Op      "punpcklwd",   [ud(X), u(XM128)],                  "RM",  op0f(0x61).p66().vex(),               FIXED, BASELINE;
    PUNPCKLDQ:         Op      "punpckldq",   [ud(X), u(XM128)],                  "RM",  op0f(0x62).p66().vex(),               FIXED, BASELINE;
    PUNPCKLQDQ:        Op      "punpcklqdq",  [ud(X), u(XM128)],                  "RM",  op0f(0x6c).p66().vex(),               FIXED, BASELINE;
    PUNPCKHBW:         Op      "punpckhbw",   [ud(X), u(XM128)],                  "RM",  op0f(0x68).p66().vex(),               FIXED, BASELINE;
    PUNPCKHWD:         Op      "punpckhwd",   [ud(X), u(XM128)],                  "RM",  op0f(0x69).p66().vex(),               FIXED, BASELINE;
    PUNPCKHDQ:         Op      "punpckhdq",   [ud(X), u(XM128)],                  "RM",  op0f(0x6a).p66().vex(),               FIXED, BASELINE;
    PUNPCKHQDQ:        Op      "punpckhqdq",  [ud(X), u(XM128)],                  "RM",  op0f(0x6d).p66().vex(),               FIXED, BASELINE;
    PACKUSDW:          Op      "packusdw",    [ud(X), u(XM128)],                  "RM",  op38(0x2b).p66().vex(),               FIXED, SSE41;
    UNPCKLPS:          Op      "unpcklps",    [ud(X), u(XM128)],                  "RM",  op0f(0x14).vex(),                     FIXED, BASELINE;
    UNPCKLPD:          Op      "unpcklpd",    [ud(X), u(XM128)],                  "RM",  op0f(0x14).p66().vex(),               FIXED, BASELINE;
    UNPCKHPS:          Op      "unpckhps",    [ud(X), u(XM128)],                  "RM",  op0f(0x15).vex(),                     FIXED, BASELINE;
    UNPCKHPD:          Op      "unpckhpd",    [ud(X), u(XM128)],                  "RM",  op0f(0x15).p66().vex(),               FIXED, BASELINE;
    PMOVSXBW:          Op      "pmovsxbw",    [d(X), u(XM64)],                    "RM",  op38(0x20).p66().vex(),               FIXED, SSE41;
    PMOVSXBD:          Op      "pmovsxbd",    [d(X), u(XM32)],                    "RM",  op38(0x21).p66().vex(),               FIXED, SSE41;
    PMOVSXBQ:          Op      "pmovsxbq",    [d(X), u(XM16)],                    "RM",  op38(0x22).p66().vex(),               FIXED, SSE41;
    PMOVSXWD:          Op      "pmovsxwd",    [d(X), u(XM64)],                    "RM",  op38(0x23).p66().vex(),               FIXED, SSE41;
    PMOVSXWQ:          Op      "pmovsxwq",    [d(X), u(XM32)],                    "RM",  op38(0x24).p66().vex(),               FIXED, SSE41;
    PMOVSXDQ:          Op      "pmovsxdq",    [d(X), u(XM64)],                    "RM",  op38(0x25).p66().vex(),               FIXED, SSE41;
    PMOVZXBW:          Op      "pmovzxbw",    [d(X), u(XM64)],                    "RM",  op38(0x30).p66().vex(),               FIXED, SSE41;
    PMOVZXBD:          Op      "pmovzxbd",    [d(X), u(XM32)],                    "RM",  op38(0x31).p66().vex(),               FIXED, SSE41;
    PMOVZXBQ:          Op      "pmovzxbq",    [d(X), u(XM16)],                    "RM",  op38(0x32).p66().vex(),               FIXED, SSE41;
    PMOVZXWD:          Op      "pmovzxwd",    [d(X), u(XM64)],                    "RM",  op38(0x33).p66().vex(),               FIXED, SSE41;
    PMOVZXWQ:          Op      "pmovzxwq",    [d(X), u(XM32)],                    "RM",  op38(0x34).p66().vex(),               FIXED, SSE41;
    PMOVZXDQ:          Op      "pmovzxdq",    [d(X), u(XM64)],                    "RM",  op38(0x35).p66().vex(),               FIXED, SSE41;
    PSHUFB:            Op      "pshufb",      [ud(X), u(XM128)],                  "RM",  op38(0x00).p66().vex(),               FIXED, SSSE3;
    PSHUFD:            Op      "pshufd",      [d(X), u(XM128), IMM8],             "RM",  op0f(0x70).p66().vex(),               FIXED, BASELINE;
    PSHUFLW:           Op      "pshuflw",     [d(X), u(XM128), IMM8],             "RM",  op0f(0x70).pf2().vex(),               FIXED, BASELINE;
    PSHUFHW:           Op      "pshufhw",     [d(X), u(XM128), IMM8],             "RM",  op0f(0x70).pf3().vex(),               FIXED, BASELINE;
    SHUFPS:            Op      "shufps",      [ud(X), u(XM128), IMM8],            "RM",  op0f(0xc6).vex(),                     FIXED, BASELINE;
    SHUFPD:            Op      "shufpd",      [ud(X), u(XM128), IMM8],            "RM",  op0f(0xc6).p66().vex(),               FIXED, BASELINE;
    PALIGNR:           Op      "palignr",     [ud(X), u(XM128), IMM8],            "RM",  op3a(0x0f).p66().vex(),               FIXED, SSSE3;
    BLENDPS:           Op      "blendps",     [ud(X), u(XM128), IMM8],            "RM",  op3a(0x0c).p66().vex(),               FIXED, SSE41;
    BLENDPD:           Op      "blendpd",     [ud(X), u(XM128), IMM8],            "RM",  op3a(0x0d).p66().vex(),               FIXED, SSE41;
    PBLENDW:           Op      "pblendw",     [ud(X), u(XM128), IMM8],            "RM",  op3a(0x0e).p66().vex(),               FIXED, SSE41;
    PBLENDVB:          Op      "pblendvb",    [ud(X), u(XM128), u(XMM0)],         "RM",  op38(0x10).p66(),                     FIXED, SSE41;
    BLENDVPS:          Op      "blendvps",    [ud(X), u(XM128), u(XMM0)],         "RM",  op38(0x14).p66(),                     FIXED, SSE41;
    BLENDVPD:          Op      "blendvpd",    [ud(X), u(XM128), u(XMM0)],         "RM",  op38(0x15).p66(),                     FIXED, SSE41;
    VBLENDVPS:         Op      "vblendvps",   [d(X), u(X), u(XM128), u(X)],       "RVM4",op3a(0x4a).p66().only_vex(),          FIXED, AVX;
    VBLENDVPD:         Op      "vblendvpd",   [d(X), u(X), u(XM128), u(X)],       "RVM4",op3a(0x4b).p66().only_vex(),          FIXED, AVX;
    VPBLENDVB:         Op      "vpblendvb",   [d(X), u(X), u(XM128), u(X)],       "RVM4",op3a(0x4c).p66().only_vex(),          FIXED, AVX;
    INSERTPS:          Op      "insertps",    [ud(X), u(XM32), IMM8],             "RM",  op3a(0x21).p66().vex(),               FIXED, SSE41;
    PINSRB:            Op      "pinsrb",      [ud(X), u(G32M8), IMM8],            "RM",  op3a(0x20).p66().vex(),               FIXED, SSE41;
    PINSRW:            Op      "pinsrw",      [ud(X), u(G32M16), IMM8],           "RM",  op0f(0xc4).p66().vex(),               FIXED, BASELINE;
    PINSRD:            Op      "pinsrd",      [ud(X), u(GM32), IMM8],             "RM",  op3a(0x22).p66().vex(),               FIXED, SSE41;
    PINSRQ:            Op      "pinsrq",      [ud(X), u(GM64), IMM8],             "RM",  op3a(0x22).p66().w1().vex(),          FIXED, SSE41;
    EXTRACTPS:         Op      "extractps",   [d(GM32), u(X), IMM8],              "MR",  op3a(0x17).p66().vex(),               FIXED, SSE41;
    PEXTRB:            Op      "pextrb",      [d(G32M8), u(X), IMM8],             "MR",  op3a(0x14).p66().vex(),               FIXED, SSE41;
    PEXTRW:            Op      "pextrw",      [d(G32), u(X), IMM8],               "RM",  op0f(0xc5).p66().vex(),               FIXED, BASELINE;
    PEXTRW_STORE:      Op      "pextrw",      [d(M16), u(X), IMM8],               "MR",  op3a(0x15).p66().vex(),               FIXED, SSE41;
    PEXTRD:            Op      "pextrd",      [d(GM32), u(X), IMM8],              "MR",  op3a(0x16).p66().vex(),               FIXED, SSE41;
    PEXTRQ:            Op      "pextrq",      [d(GM64), u(X), IMM8],              "MR",  op3a(0x16).p66().w1().vex(),          FIXED, SSE41;

    // AVX, AVX2 and FMA without an SSE sibling.
    VPERMILPS:         Op      "vpermilps",   [d(X), u(XM128), IMM8],             "RM",  op3a(0x04).p66().only_vex(),          FIXED, AVX;
    VBROADCASTSS_LOAD: Op      "vbroadcastss",[d(X), u(M32)],                     "RM",  op38(0x18).p66().only_vex(),          FIXED, AVX;
    VBROADCASTSS_RR:   Op      "vbroadcastss",[d(X), u(X)],                       "RM",  op38(0x18).p66().only_vex(),          FIXED, AVX2;
    VPBROADCASTB:      Op      "vpbroadcastb",[d(X), u(XM8)],                     "RM",  op38(0x78).p66().only_vex(),          FIXED, AVX2;
    VPBROADCASTW:      Op      "vpbroadcastw",[d(X), u(XM16)],                    "RM",  op38(0x79).p66().only_vex(),          FIXED, AVX2;
    VPBROADCASTD:      Op      "vpbroadcastd",[d(X), u(XM32)],                    "RM",  op38(0x58).p66().only_vex(),          FIXED, AVX2;
    VPBROADCASTQ:      Op      "vpbroadcastq",[d(X), u(XM64)],                    "RM",  op38(0x59).p66().only_vex(),          FIXED, AVX2;
    VPBLENDD:          Op      "vpblendd",    [d(X), u(X), u(XM128), IMM8],       "RVM", op3a(0x02).p66().only_vex(),          FIXED, AVX2;
    VPSRLVD:           Op      "vpsrlvd",     [d(X), u(X), u(XM128)],             "RVM", op38(0x45).p66().only_vex(),          FIXED, AVX2;
    VPSRAVD:           Op      "vpsravd",     [d(X), u(X), u(XM128)],             "RVM", op38(0x46).p66().only_vex(),          FIXED, AVX2;
    VPSLLVD:           Op      "vpsllvd",     [d(X), u(X), u(XM128)],             "RVM", op38(0x47).p66().only_vex(),          FIXED, AVX2;
    VPSRLVQ:           Op      "vpsrlvq",     [d(X), u(X), u(XM128)],             "RVM", op38(0x45).p66().w1().only_vex(),     FIXED, AVX2;
    VPSLLVQ:           Op      "vpsllvq",     [d(X), u(X), u(XM128)],             "RVM", op38(0x47).p66().w1().only_vex(),     FIXED, AVX2;
    VFMADD132PS:       Op      "vfmadd132ps", [ud(X), u(X), u(XM128)],            "RVM", op38(0x98).p66().only_vex(),          FIXED, FMA;
    VFMADD132PD:       Op      "vfmadd132pd", [ud(X), u(X), u(XM128)],            "RVM", op38(0x98).p66().w1().only_vex(),     FIXED, FMA;
    VFMADD132SS:       Op      "vfmadd132ss", [ud(X), u(X), u(XM32)],             "RVM", op38(0x99).p66().only_vex(),          FIXED, FMA;
    VFMADD132SD:       Op      "vfmadd132sd", [ud(X), u(X), u(XM64)],             "RVM", op38(0x99).p66().w1().only_vex(),     FIXED, FMA;
    VFMADD213PS:       Op      "vfmadd213ps", [ud(X), u(X), u(XM128)],            "RVM", op38(0xa8).p66().only_vex(),          FIXED, FMA;
    VFMADD213PD:       Op      "vfmadd213pd", [ud(X), u(X), u(XM128)],            "RVM", op38(0xa8).p66().w1().only_vex(),     FIXED, FMA;
    VFMADD213SS:       Op      "vfmadd213ss", [ud(X), u(X), u(XM32)],             "RVM", op38(0xa9).p66().only_vex(),          FIXED, FMA;
    VFMADD213SD:       Op      "vfmadd213sd", [ud(X), u(X), u(XM64)],             "RVM", op38(0xa9).p66().w1().only_vex(),     FIXED, FMA;
    VFMADD231PS:       Op      "vfmadd231ps", [ud(X), u(X), u(XM128)],            "RVM", op38(0xb8).p66().only_vex(),          FIXED, FMA;
    VFMADD231PD:       Op      "vfmadd231pd", [ud(X), u(X), u(XM128)],            "RVM", op38(0xb8).p66().w1().only_vex(),     FIXED, FMA;
    VFMADD231SS:       Op      "vfmadd231ss", [ud(X), u(X), u(XM32)],             "RVM", op38(0xb9).p66().only_vex(),          FIXED, FMA;
    VFMADD231SD:       Op      "vfmadd231sd", [ud(X), u(X), u(XM64)],             "RVM", op38(0xb9).p66().w1().only_vex(),     FIXED, FMA;
    VFNMADD132PS:      Op      "vfnmadd132ps",[ud(X), u(X), u(XM128)],            "RVM", op38(0x9c).p66().only_vex(),          FIXED, FMA;
    VFNMADD132PD:      Op      "vfnmadd132pd",[ud(X), u(X), u(XM128)],            "RVM", op38(0x9c).p66().w1().only_vex(),     FIXED, FMA;
    VFNMADD132SS:      Op      "vfnmadd132ss",[ud(X), u(X), u(XM32)],             "RVM", op38(0x9d).p66().only_vex(),          FIXED, FMA;
    VFNMADD132SD:      Op      "vfnmadd132sd",[ud(X), u(X), u(XM64)],             "RVM", op38(0x9d).p66().w1().only_vex(),     FIXED, FMA;
    VFNMADD213PS:      Op      "vfnmadd213ps",[ud(X), u(X), u(XM128)],            "RVM", op38(0xac).p66().only_vex(),          FIXED, FMA;
    VFNMADD213PD:      Op      "vfnmadd213pd",[ud(X), u(X), u(XM128)],            "RVM", op38(0xac).p66().w1().only_vex(),     FIXED, FMA;
    VFNMADD213SS:      Op      "vfnmadd213ss",[ud(X), u(X), u(XM32)],             "RVM", op38(0xad).p66().only_vex(),          FIXED, FMA;
    VFNMADD213SD:      Op      "vfnmadd213sd",[ud(X), u(X), u(XM64)],             "RVM", op38(0xad).p66().w1().only_vex(),     FIXED, FMA;
    VFNMADD231PS:      Op      "vfnmadd231ps",[ud(X), u(X), u(XM128)],            "RVM", op38(0xbc).p66().only_vex(),          FIXED, FMA;
    VFNMADD231PD:      Op      "vfnmadd231pd",[ud(X), u(X), u(XM128)],            "RVM", op38(0xbc).p66().w1().only_vex(),     FIXED, FMA;
    VFNMADD231SS:      Op      "vfnmadd231ss",[ud(X), u(X), u(XM32)],             "RVM", op38(0xbd).p66().only_vex(),          FIXED, FMA;
    VFNMADD231SD:      Op      "vfnmadd231sd",[ud(X), u(X), u(XM64)],             "RVM", op38(0xbd).p66().w1().only_vex(),     FIXED, FMA;
}
