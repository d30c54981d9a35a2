//! The instruction table: one row per encoding, the only place where an aarch64 instruction is described.
//!
//! The encoder, the printer, the operands that the register allocator sees, the CPU check and the tests all read it. [`row`](super::row)
//! explains the language. A row here is a constant of [`Op`], `Op::BR`, `Op::ADD_I.s64()`; its name is the mnemonic, of vectors with a `V`
//! before it, then where there are several forms something that tells them apart.

use super::features::Features;
use super::row::*;

/// Makes [`Op`]'s constants and [`ROWS`]: `NAME: type "mnemonic", [operands], "places", encoding;`.
macro_rules! rows {
    ($($name:ident: $kind:ident $mnemonic:literal, [$($operand:expr),*], $places:literal, $encoding:expr;)*) => {
        /// Numbers of the rows.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Number {
            $($name),*
        }

        impl Op {
            $(
                #[doc = concat!("`", $mnemonic, "`: `", stringify!($($operand),*), "`.")]
                pub const $name: $kind = $kind::of_row(Number::$name as u16);
            )*
        }

        /// Every row.
        pub const ROWS: &[Row] = &[
            $(row(stringify!($name), $mnemonic, &[$($operand),*], $places, $encoding)),*
        ];
    };
}

const _: () = assert!(ROWS.len() * OPS_PER_ROW <= u16::MAX as usize, "an op has 16 bits");

/// Every instruction that the table can make: each row in each of its sizes.
pub fn all_ops() -> impl Iterator<Item = Op> {
    ROWS.iter().enumerate().flat_map(|(number, row)| {
        let sizes = if row.sizes == 0 { 1 << Size::S64 as u8 } else { row.sizes };
        Size::ALL
            .into_iter()
            .filter(move |size| sizes & 1 << *size as u8 != 0)
            .map(move |size| Op::of(number as u16, size))
    })
}

rows! {
    // Sums. Of registers, the second shifted (S) or extended (X); with an immediate (I). C sets the flags.
    ADD_S:           SizedOp "add",         [d(G), u(G), u(G), i(Kind::Shift)],                  "DNM",  word(0x0b00_0000).sf();
    SUB_S:           SizedOp "sub",         [d(G), u(G), u(G), i(Kind::Shift)],                  "DNM",  word(0x4b00_0000).sf();
    ADDC_S:          SizedOp "adds",        [d(G), u(G), u(G), i(Kind::Shift)],                  "DNM",  word(0x2b00_0000).sf().wf();
    SUBC_S:          SizedOp "subs",        [d(G), u(G), u(G), i(Kind::Shift)],                  "DNM",  word(0x6b00_0000).sf().wf();
    ADD_X:           SizedOp "add",         [d(GS), u(GS), u(G), i(Kind::Extend)],               "DNM",  word(0x0b20_0000).sf();
    SUB_X:           SizedOp "sub",         [d(GS), u(GS), u(G), i(Kind::Extend)],               "DNM",  word(0x4b20_0000).sf();
    ADDC_X:          SizedOp "adds",        [d(G), u(GS), u(G), i(Kind::Extend)],                "DNM",  word(0x2b20_0000).sf().wf();
    SUBC_X:          SizedOp "subs",        [d(G), u(GS), u(G), i(Kind::Extend)],                "DNM",  word(0x6b20_0000).sf().wf();
    ADD_I:           SizedOp "add",         [d(GS), u(GS), i(Kind::Imm12)],                      "DN",   word(0x1100_0000).sf();
    SUB_I:           SizedOp "sub",         [d(GS), u(GS), i(Kind::Imm12)],                      "DN",   word(0x5100_0000).sf();
    ADDC_I:          SizedOp "adds",        [d(G), u(GS), i(Kind::Imm12)],                       "DN",   word(0x3100_0000).sf().wf();
    SUBC_I:          SizedOp "subs",        [d(G), u(GS), i(Kind::Imm12)],                       "DN",   word(0x7100_0000).sf().wf();
    CMP_S:           SizedOp "cmp",         [u(G), u(G), i(Kind::Shift)],                        "NM",   word(0x6b00_001f).sf().wf();
    CMP_X:           SizedOp "cmp",         [u(GS), u(G), i(Kind::Extend)],                      "NM",   word(0x6b20_001f).sf().wf();
    CMP_I:           SizedOp "cmp",         [u(GS), i(Kind::Imm12)],                             "N",    word(0x7100_001f).sf().wf();
    CMN_S:           SizedOp "cmn",         [u(G), u(G), i(Kind::Shift)],                        "NM",   word(0x2b00_001f).sf().wf();
    CMN_I:           SizedOp "cmn",         [u(GS), i(Kind::Imm12)],                             "N",    word(0x3100_001f).sf().wf();
    NEG:             SizedOp "neg",         [d(G), u(G), i(Kind::Shift)],                        "DM",   word(0x4b00_03e0).sf();
    ADC:             SizedOp "adc",         [d(G), u(G), u(G)],                                  "DNM",  word(0x1a00_0000).sf().rf();
    ADCC:            SizedOp "adcs",        [d(G), u(G), u(G)],                                  "DNM",  word(0x3a00_0000).sf().rf().wf();
    SBC:             SizedOp "sbc",         [d(G), u(G), u(G)],                                  "DNM",  word(0x5a00_0000).sf().rf();
    SBCC:            SizedOp "sbcs",        [d(G), u(G), u(G)],                                  "DNM",  word(0x7a00_0000).sf().rf().wf();

    // Bitwise operations.
    AND_S:           SizedOp "and",         [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x0a00_0000).sf();
    BIC_S:           SizedOp "bic",         [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x0a20_0000).sf();
    ORR_S:           SizedOp "orr",         [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x2a00_0000).sf();
    ORN_S:           SizedOp "orn",         [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x2a20_0000).sf();
    EOR_S:           SizedOp "eor",         [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x4a00_0000).sf();
    EON_S:           SizedOp "eon",         [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x4a20_0000).sf();
    ANDC_S:          SizedOp "ands",        [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x6a00_0000).sf().wf();
    BICC_S:          SizedOp "bics",        [d(G), u(G), u(G), i(Kind::LogicalShift)],           "DNM",  word(0x6a20_0000).sf().wf();
    TST_S:           SizedOp "tst",         [u(G), u(G), i(Kind::LogicalShift)],                 "NM",   word(0x6a00_001f).sf().wf();
    MVN:             SizedOp "mvn",         [d(G), u(G), i(Kind::LogicalShift)],                 "DM",   word(0x2a20_03e0).sf();
    AND_I:           SizedOp "and",         [d(GS), u(G), i(Kind::Bitmask)],                     "DN",   word(0x1200_0000).sf();
    ORR_I:           SizedOp "orr",         [d(GS), u(G), i(Kind::Bitmask)],                     "DN",   word(0x3200_0000).sf();
    EOR_I:           SizedOp "eor",         [d(GS), u(G), i(Kind::Bitmask)],                     "DN",   word(0x5200_0000).sf();
    ANDC_I:          SizedOp "ands",        [d(G), u(G), i(Kind::Bitmask)],                      "DN",   word(0x7200_0000).sf().wf();
    TST_I:           SizedOp "tst",         [u(G), i(Kind::Bitmask)],                            "N",    word(0x7200_001f).sf().wf();

    // Moves and constants.
    MOV:             SizedOp "mov",         [d(G), u(G)],                                        "DM",   word(0x2a00_03e0).sf();
    MOV_SP:          Op      "mov",         [d(XS), u(XS)],                                      "DN",   word(0x9100_0000);
    MOV_MASK:        SizedOp "mov",         [d(GS), i(Kind::Bitmask)],                           "D",    word(0x3200_03e0).sf();
    MOVZ:            SizedOp "movz",        [d(G), i(Kind::Mov16)],                              "D",    word(0x5280_0000).sf();
    MOVN:            SizedOp "movn",        [d(G), i(Kind::Mov16)],                              "D",    word(0x1280_0000).sf();
    MOVK:            SizedOp "movk",        [ud(G), i(Kind::Mov16)],                             "D",    word(0x7280_0000).sf();
    MOV_I64:         Op      "mov",         [d(X), i(Kind::Imm64)],                              "D",    pseudo();

    // Shifts, rotations and bit fields. Of registers, the count is taken modulo the width.
    LSL:             SizedOp "lsl",         [d(G), u(G), u(G)],                                  "DNM",  word(0x1ac0_2000).sf();
    LSR:             SizedOp "lsr",         [d(G), u(G), u(G)],                                  "DNM",  word(0x1ac0_2400).sf();
    ASR:             SizedOp "asr",         [d(G), u(G), u(G)],                                  "DNM",  word(0x1ac0_2800).sf();
    ROR:             SizedOp "ror",         [d(G), u(G), u(G)],                                  "DNM",  word(0x1ac0_2c00).sf();
    LSL_I:           SizedOp "lsl",         [d(G), u(G), i(Kind::Lsl)],                          "DN",   word(0x5300_0000).sf_n();
    LSR_I:           SizedOp "lsr",         [d(G), u(G), i(Kind::Lsr)],                          "DN",   word(0x5300_0000).sf_n();
    ASR_I:           SizedOp "asr",         [d(G), u(G), i(Kind::Lsr)],                          "DN",   word(0x1300_0000).sf_n();
    ROR_I:           SizedOp "ror",         [d(G), u(G), i(Kind::Lsb)],                          "DB",   word(0x1380_0000).sf_n();
    EXTR:            SizedOp "extr",        [d(G), u(G), u(G), i(Kind::Lsb)],                    "DNM",  word(0x1380_0000).sf_n();
    UBFX:            SizedOp "ubfx",        [d(G), u(G), i(Kind::Field)],                        "DN",   word(0x5300_0000).sf_n();
    SBFX:            SizedOp "sbfx",        [d(G), u(G), i(Kind::Field)],                        "DN",   word(0x1300_0000).sf_n();
    UBFIZ:           SizedOp "ubfiz",       [d(G), u(G), i(Kind::FieldTo)],                      "DN",   word(0x5300_0000).sf_n();
    SBFIZ:           SizedOp "sbfiz",       [d(G), u(G), i(Kind::FieldTo)],                      "DN",   word(0x1300_0000).sf_n();
    BFI:             SizedOp "bfi",         [ud(G), u(G), i(Kind::FieldTo)],                     "DN",   word(0x3300_0000).sf_n();
    BFXIL:           SizedOp "bfxil",       [ud(G), u(G), i(Kind::Field)],                       "DN",   word(0x3300_0000).sf_n();
    SXTB:            SizedOp "sxtb",        [d(G), u(W)],                                        "DN",   word(0x1300_1c00).sf_n();
    SXTH:            SizedOp "sxth",        [d(G), u(W)],                                        "DN",   word(0x1300_3c00).sf_n();
    SXTW:            Op      "sxtw",        [d(X), u(W)],                                        "DN",   word(0x9340_7c00);
    UXTB:            Op      "uxtb",        [d(W), u(W)],                                        "DN",   word(0x5300_1c00);
    UXTH:            Op      "uxth",        [d(W), u(W)],                                        "DN",   word(0x5300_3c00);

    // Products and quotients. A quotient by zero is zero.
    MADD:            SizedOp "madd",        [d(G), u(G), u(G), u(G)],                            "DNMA", word(0x1b00_0000).sf();
    MSUB:            SizedOp "msub",        [d(G), u(G), u(G), u(G)],                            "DNMA", word(0x1b00_8000).sf();
    MUL:             SizedOp "mul",         [d(G), u(G), u(G)],                                  "DNM",  word(0x1b00_7c00).sf();
    MNEG:            SizedOp "mneg",        [d(G), u(G), u(G)],                                  "DNM",  word(0x1b00_fc00).sf();
    SMADDL:          Op      "smaddl",      [d(X), u(W), u(W), u(X)],                            "DNMA", word(0x9b20_0000);
    UMADDL:          Op      "umaddl",      [d(X), u(W), u(W), u(X)],                            "DNMA", word(0x9ba0_0000);
    SMULL:           Op      "smull",       [d(X), u(W), u(W)],                                  "DNM",  word(0x9b20_7c00);
    UMULL:           Op      "umull",       [d(X), u(W), u(W)],                                  "DNM",  word(0x9ba0_7c00);
    SMULH:           Op      "smulh",       [d(X), u(X), u(X)],                                  "DNM",  word(0x9b40_7c00);
    UMULH:           Op      "umulh",       [d(X), u(X), u(X)],                                  "DNM",  word(0x9bc0_7c00);
    UDIV:            SizedOp "udiv",        [d(G), u(G), u(G)],                                  "DNM",  word(0x1ac0_0800).sf();
    SDIV:            SizedOp "sdiv",        [d(G), u(G), u(G)],                                  "DNM",  word(0x1ac0_0c00).sf();

    // Bits.
    CLZ:             SizedOp "clz",         [d(G), u(G)],                                        "DN",   word(0x5ac0_1000).sf();
    CLS:             SizedOp "cls",         [d(G), u(G)],                                        "DN",   word(0x5ac0_1400).sf();
    RBIT:            SizedOp "rbit",        [d(G), u(G)],                                        "DN",   word(0x5ac0_0000).sf();
    REV16:           SizedOp "rev16",       [d(G), u(G)],                                        "DN",   word(0x5ac0_0400).sf();
    REV_W:           Op      "rev",         [d(W), u(W)],                                        "DN",   word(0x5ac0_0800);
    REV_X:           Op      "rev",         [d(X), u(X)],                                        "DN",   word(0xdac0_0c00);

    // Selections and conditional comparisons.
    CSEL:            SizedOp "csel",        [d(G), u(G), u(G), i(Kind::Cond)],                   "DNM",  word(0x1a80_0000).sf().rf();
    CSINC:           SizedOp "csinc",       [d(G), u(G), u(G), i(Kind::Cond)],                   "DNM",  word(0x1a80_0400).sf().rf();
    CSINV:           SizedOp "csinv",       [d(G), u(G), u(G), i(Kind::Cond)],                   "DNM",  word(0x5a80_0000).sf().rf();
    CSNEG:           SizedOp "csneg",       [d(G), u(G), u(G), i(Kind::Cond)],                   "DNM",  word(0x5a80_0400).sf().rf();
    CSET:            SizedOp "cset",        [d(G), i(Kind::InvertedCond)],                       "D",    word(0x1a9f_07e0).sf().rf();
    CSETM:           SizedOp "csetm",       [d(G), i(Kind::InvertedCond)],                       "D",    word(0x5a9f_03e0).sf().rf();
    CINC:            SizedOp "cinc",        [d(G), u(G), i(Kind::InvertedCond)],                 "DB",   word(0x1a80_0400).sf().rf();
    CINV:            SizedOp "cinv",        [d(G), u(G), i(Kind::InvertedCond)],                 "DB",   word(0x5a80_0000).sf().rf();
    CNEG:            SizedOp "cneg",        [d(G), u(G), i(Kind::InvertedCond)],                 "DB",   word(0x5a80_0400).sf().rf();
    CCMP:            SizedOp "ccmp",        [u(G), u(G), i(Kind::Nzcv), i(Kind::Cond)],          "NM",   word(0x7a40_0000).sf().rf().wf();
    CCMP_I:          SizedOp "ccmp",        [u(G), i(Kind::Imm5), i(Kind::Nzcv), i(Kind::Cond)], "N",    word(0x7a40_0800).sf().rf().wf();
    CCMN:            SizedOp "ccmn",        [u(G), u(G), i(Kind::Nzcv), i(Kind::Cond)],          "NM",   word(0x3a40_0000).sf().rf().wf();
    CCMN_I:          SizedOp "ccmn",        [u(G), i(Kind::Imm5), i(Kind::Nzcv), i(Kind::Cond)], "N",    word(0x3a40_0800).sf().rf().wf();

    // Loads and stores. The assembler picks the form by the address.
    LDRB:            Op      "ldrb",        [d(W), u(M8)],                                       "D-",   word(0x3840_0000);
    LDRSB_W:         Op      "ldrsb",       [d(W), u(M8)],                                       "D-",   word(0x38c0_0000);
    LDRSB_X:         Op      "ldrsb",       [d(X), u(M8)],                                       "D-",   word(0x3880_0000);
    LDRH:            Op      "ldrh",        [d(W), u(M16)],                                      "D-",   word(0x7840_0000);
    LDRSH_W:         Op      "ldrsh",       [d(W), u(M16)],                                      "D-",   word(0x78c0_0000);
    LDRSH_X:         Op      "ldrsh",       [d(X), u(M16)],                                      "D-",   word(0x7880_0000);
    LDR_W:           Op      "ldr",         [d(W), u(M32)],                                      "D-",   word(0xb840_0000).literal(0x1800_0000);
    LDRSW:           Op      "ldrsw",       [d(X), u(M32)],                                      "D-",   word(0xb880_0000).literal(0x9800_0000);
    LDR_X:           Op      "ldr",         [d(X), u(M64)],                                      "D-",   word(0xf840_0000).literal(0x5800_0000);
    STRB:            Op      "strb",        [u(W), d(M8)],                                       "D-",   word(0x3800_0000);
    STRH:            Op      "strh",        [u(W), d(M16)],                                      "D-",   word(0x7800_0000);
    STR_W:           Op      "str",         [u(W), d(M32)],                                      "D-",   word(0xb800_0000);
    STR_X:           Op      "str",         [u(X), d(M64)],                                      "D-",   word(0xf800_0000);
    LDR_B:           Op      "ldr",         [d(B), u(M8)],                                       "D-",   word(0x3c40_0000);
    LDR_H:           Op      "ldr",         [d(H), u(M16)],                                      "D-",   word(0x7c40_0000);
    LDR_S:           Op      "ldr",         [d(S), u(M32)],                                      "D-",   word(0xbc40_0000).literal(0x1c00_0000);
    LDR_D:           Op      "ldr",         [d(D), u(M64)],                                      "D-",   word(0xfc40_0000).literal(0x5c00_0000);
    LDR_Q:           Op      "ldr",         [d(Q), u(M128)],                                     "D-",   word(0x3cc0_0000).literal(0x9c00_0000);
    STR_B:           Op      "str",         [u(B), d(M8)],                                       "D-",   word(0x3c00_0000);
    STR_H:           Op      "str",         [u(H), d(M16)],                                      "D-",   word(0x7c00_0000);
    STR_S:           Op      "str",         [u(S), d(M32)],                                      "D-",   word(0xbc00_0000);
    STR_D:           Op      "str",         [u(D), d(M64)],                                      "D-",   word(0xfc00_0000);
    STR_Q:           Op      "str",         [u(Q), d(M128)],                                     "D-",   word(0x3c80_0000);
    STP_W:           Op      "stp",         [u(W), u(W), d(P32)],                                "DA-",  word(0x2800_0000);
    LDP_W:           Op      "ldp",         [d(W), d(W), u(P32)],                                "DA-",  word(0x2840_0000);
    STP_X:           Op      "stp",         [u(X), u(X), d(P64)],                                "DA-",  word(0xa800_0000);
    LDP_X:           Op      "ldp",         [d(X), d(X), u(P64)],                                "DA-",  word(0xa840_0000);
    STP_S:           Op      "stp",         [u(S), u(S), d(P32)],                                "DA-",  word(0x2c00_0000);
    LDP_S:           Op      "ldp",         [d(S), d(S), u(P32)],                                "DA-",  word(0x2c40_0000);
    STP_D:           Op      "stp",         [u(D), u(D), d(P64)],                                "DA-",  word(0x6c00_0000);
    LDP_D:           Op      "ldp",         [d(D), d(D), u(P64)],                                "DA-",  word(0x6c40_0000);
    STP_Q:           Op      "stp",         [u(Q), u(Q), d(P128)],                               "DA-",  word(0xac00_0000);
    LDP_Q:           Op      "ldp",         [d(Q), d(Q), u(P128)],                               "DA-",  word(0xac40_0000);
    LDPSW:           Op      "ldpsw",       [d(X), d(X), u(P32)],                                "DA-",  word(0x6840_0000);
    ADR:             Op      "adr",         [d(X), i(Kind::Adr)],                                "D",    word(0x1000_0000);
    ADRP:            Op      "adrp",        [d(X), i(Kind::AdrPage)],                            "D",    word(0x9000_0000);
    LEA:             Op      "lea",         [d(XS), u(ADDR)],                                    "D-",   pseudo();

    // Atomic memory: acquire, release, exclusive; with LSE in one instruction. The flag of a store-exclusive must be no other register of it.
    LDAR:            SizedOp "ldar",        [d(G), u(AT)],                                       "D-",   word(0x08df_fc00).atomic();
    STLR:            SizedOp "stlr",        [u(G), d(AT)],                                       "D-",   word(0x089f_fc00).atomic();
    LDAXR:           SizedOp "ldaxr",       [d(G), u(AT)],                                       "D-",   word(0x085f_fc00).atomic();
    STLXR:           SizedOp "stlxr",       [d(W), u(G), d(AT)],                                 "MD-",  word(0x0800_fc00).atomic();
    LDADDAL:         SizedOp "ldaddal",     [u(G), d(G), ud(AT)],                                "MD-",  word(0x38e0_0000).atomic().needs(Features::LSE);
    LDCLRAL:         SizedOp "ldclral",     [u(G), d(G), ud(AT)],                                "MD-",  word(0x38e0_1000).atomic().needs(Features::LSE);
    LDEORAL:         SizedOp "ldeoral",     [u(G), d(G), ud(AT)],                                "MD-",  word(0x38e0_2000).atomic().needs(Features::LSE);
    LDSETAL:         SizedOp "ldsetal",     [u(G), d(G), ud(AT)],                                "MD-",  word(0x38e0_3000).atomic().needs(Features::LSE);
    SWPAL:           SizedOp "swpal",       [u(G), d(G), ud(AT)],                                "MD-",  word(0x38e0_8000).atomic().needs(Features::LSE);
    CASAL:           SizedOp "casal",       [ud(G), u(G), ud(AT)],                               "MD-",  word(0x08e0_fc00).atomic().needs(Features::LSE);

    // Branches.
    B:               Op      "b",           [i(Kind::Target26)],                                 "",     word(0x1400_0000).flow(Flow::Jump);
    BL:              Op      "bl",          [i(Kind::Target26)],                                 "",     word(0x9400_0000).flow(Flow::Call);
    BR:              Op      "br",          [u(X)],                                              "N",    word(0xd61f_0000).flow(Flow::Jump);
    BLR:             Op      "blr",         [u(X)],                                              "N",    word(0xd63f_0000).flow(Flow::Call);
    RET:             Op      "ret",         [],                                                  "",     word(0xd65f_03c0).flow(Flow::Return);
    BCC:             Op      "b.",          [i(Kind::BranchCond), i(Kind::Target19)],            "",     word(0x5400_0000).rf().flow(Flow::Branch);
    CBZ:             SizedOp "cbz",         [u(G), i(Kind::Target19)],                           "D",    word(0x3400_0000).sf().flow(Flow::Branch);
    CBNZ:            SizedOp "cbnz",        [u(G), i(Kind::Target19)],                           "D",    word(0x3500_0000).sf().flow(Flow::Branch);
    TBZ:             Op      "tbz",         [u(X), i(Kind::TestBit), i(Kind::Target14)],         "D",    word(0x3600_0000).flow(Flow::Branch);
    TBNZ:            Op      "tbnz",        [u(X), i(Kind::TestBit), i(Kind::Target14)],         "D",    word(0x3700_0000).flow(Flow::Branch);

    // Traps, hints, barriers, system registers, caches.
    UDF:             Op      "udf",         [i(Kind::Udf)],                                      "",     word(0x0000_0000).flow(Flow::Trap);
    BRK:             Op      "brk",         [i(Kind::Imm16)],                                    "",     word(0xd420_0000).flow(Flow::Trap);
    NOP:             Op      "nop",         [],                                                  "",     word(0xd503_201f);
    YIELD:           Op      "yield",       [],                                                  "",     word(0xd503_203f);
    CSDB:            Op      "csdb",        [],                                                  "",     word(0xd503_229f);
    BTI_C:           Op      "bti c",       [],                                                  "",     word(0xd503_245f);
    BTI_J:           Op      "bti j",       [],                                                  "",     word(0xd503_249f);
    BTI_JC:          Op      "bti jc",      [],                                                  "",     word(0xd503_24df);
    // `x17` by `x16`.
    AUTIA1716:       Op      "autia1716",   [],                                                  "",     word(0xd503_219f);
    PACIASP:         Op      "paciasp",     [],                                                  "",     word(0xd503_233f);
    AUTIASP:         Op      "autiasp",     [],                                                  "",     word(0xd503_23bf);
    DMB_ISH:         Op      "dmb ish",     [],                                                  "",     word(0xd503_3bbf);
    DMB_ISHLD:       Op      "dmb ishld",   [],                                                  "",     word(0xd503_39bf);
    DSB_ISH:         Op      "dsb ish",     [],                                                  "",     word(0xd503_3b9f);
    ISB:             Op      "isb",         [],                                                  "",     word(0xd503_3fdf);
    DC_CVAU:         Op      "dc cvau, {}",    [u(X)],                                              "D",    word(0xd50b_7b20);
    IC_IVAU:         Op      "ic ivau, {}",    [u(X)],                                              "D",    word(0xd50b_7520);
    MRS_CTR:         Op      "mrs {}, ctr_el0",[d(X)],                                              "D",    word(0xd53b_0020);
    MRS_FPCR:        Op      "mrs {}, fpcr",   [d(X)],                                              "D",    word(0xd53b_4400);
    MSR_FPCR:        Op      "msr fpcr, {}",   [u(X)],                                              "D",    word(0xd51b_4400);
    MRS_FPSR:        Op      "mrs {}, fpsr",   [d(X)],                                              "D",    word(0xd53b_4420);
    MSR_FPSR:        Op      "msr fpsr, {}",   [u(X)],                                              "D",    word(0xd51b_4420);

    // Frames: no bytes, but from here on the stack pointer is so many bytes lower (imm) than where slots are counted from.
    VIRTUAL_SP_ADJ:  Op      "virtual_sp_adj",[i(Kind::Imm12)],                                  "",     pseudo();

    // Floats.
    FADD:            SizedOp "fadd",        [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_2800).fp();
    FSUB:            SizedOp "fsub",        [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_3800).fp();
    FMUL:            SizedOp "fmul",        [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_0800).fp();
    FDIV:            SizedOp "fdiv",        [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_1800).fp();
    FMAX:            SizedOp "fmax",        [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_4800).fp();
    FMIN:            SizedOp "fmin",        [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_5800).fp();
    FMAXNM:          SizedOp "fmaxnm",      [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_6800).fp();
    FMINNM:          SizedOp "fminnm",      [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_7800).fp();
    FNMUL:           SizedOp "fnmul",       [d(F), u(F), u(F)],                                  "DNM",  word(0x1e20_8800).fp();
    FMOV:            SizedOp "fmov",        [d(F), u(F)],                                        "DN",   word(0x1e20_4000).fp();
    FABS:            SizedOp "fabs",        [d(F), u(F)],                                        "DN",   word(0x1e20_c000).fp();
    FNEG:            SizedOp "fneg",        [d(F), u(F)],                                        "DN",   word(0x1e21_4000).fp();
    FSQRT:           SizedOp "fsqrt",       [d(F), u(F)],                                        "DN",   word(0x1e21_c000).fp();
    FRINTN:          SizedOp "frintn",      [d(F), u(F)],                                        "DN",   word(0x1e24_4000).fp();
    FRINTP:          SizedOp "frintp",      [d(F), u(F)],                                        "DN",   word(0x1e24_c000).fp();
    FRINTM:          SizedOp "frintm",      [d(F), u(F)],                                        "DN",   word(0x1e25_4000).fp();
    FRINTZ:          SizedOp "frintz",      [d(F), u(F)],                                        "DN",   word(0x1e25_c000).fp();
    FCVT_DS:         Op      "fcvt",        [d(D), u(S)],                                        "DN",   word(0x1e22_c000);
    FCVT_SD:         Op      "fcvt",        [d(S), u(D)],                                        "DN",   word(0x1e62_4000);
    FMADD:           SizedOp "fmadd",       [d(F), u(F), u(F), u(F)],                            "DNMA", word(0x1f00_0000).fp();
    FMSUB:           SizedOp "fmsub",       [d(F), u(F), u(F), u(F)],                            "DNMA", word(0x1f00_8000).fp();
    FNMADD:          SizedOp "fnmadd",      [d(F), u(F), u(F), u(F)],                            "DNMA", word(0x1f20_0000).fp();
    FNMSUB:          SizedOp "fnmsub",      [d(F), u(F), u(F), u(F)],                            "DNMA", word(0x1f20_8000).fp();
    FCMP:            SizedOp "fcmp",        [u(F), u(F)],                                        "NM",   word(0x1e20_2000).fp().wf();
    FCMP_0:          SizedOp "fcmp",        [u(F), i(Kind::FloatZero)],                          "N",    word(0x1e20_2008).fp().wf();
    FCCMP:           SizedOp "fccmp",       [u(F), u(F), i(Kind::Nzcv), i(Kind::Cond)],          "NM",   word(0x1e20_0400).fp().rf().wf();
    FCSEL:           SizedOp "fcsel",       [d(F), u(F), u(F), i(Kind::Cond)],                   "DNM",  word(0x1e20_0c00).fp().rf();
    FMOV_I:          SizedOp "fmov",        [d(F), i(Kind::Float8)],                             "D",    word(0x1e20_1000).fp();
    FMOV_WS:         Op      "fmov",        [d(W), u(S)],                                        "DN",   word(0x1e26_0000);
    FMOV_SW:         Op      "fmov",        [d(S), u(W)],                                        "DN",   word(0x1e27_0000);
    FMOV_XD:         Op      "fmov",        [d(X), u(D)],                                        "DN",   word(0x9e66_0000);
    FMOV_DX:         Op      "fmov",        [d(D), u(X)],                                        "DN",   word(0x9e67_0000);
    FCVTZS_S:        SizedOp "fcvtzs",      [d(G), u(S)],                                        "DN",   word(0x1e38_0000).sf();
    FCVTZS_D:        SizedOp "fcvtzs",      [d(G), u(D)],                                        "DN",   word(0x1e78_0000).sf();
    FCVTZU_S:        SizedOp "fcvtzu",      [d(G), u(S)],                                        "DN",   word(0x1e39_0000).sf();
    FCVTZU_D:        SizedOp "fcvtzu",      [d(G), u(D)],                                        "DN",   word(0x1e79_0000).sf();
    SCVTF_S:         SizedOp "scvtf",       [d(S), u(G)],                                        "DN",   word(0x1e22_0000).sf();
    SCVTF_D:         SizedOp "scvtf",       [d(D), u(G)],                                        "DN",   word(0x1e62_0000).sf();
    UCVTF_S:         SizedOp "ucvtf",       [d(S), u(G)],                                        "DN",   word(0x1e23_0000).sf();
    UCVTF_D:         SizedOp "ucvtf",       [d(D), u(G)],                                        "DN",   word(0x1e63_0000).sf();

    // Vectors: lanes of integers.
    VADD:            SizedOp "add",         [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_8400).lanes(ANY);
    VSUB:            SizedOp "sub",         [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_8400).lanes(ANY);
    VMUL:            SizedOp "mul",         [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_9c00).lanes(TO_32);
    VSQADD:          SizedOp "sqadd",       [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_0c00).lanes(ANY);
    VUQADD:          SizedOp "uqadd",       [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_0c00).lanes(ANY);
    VSQSUB:          SizedOp "sqsub",       [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_2c00).lanes(ANY);
    VUQSUB:          SizedOp "uqsub",       [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_2c00).lanes(ANY);
    VSSHL:           SizedOp "sshl",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_4400).lanes(ANY);
    VUSHL:           SizedOp "ushl",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_4400).lanes(ANY);
    VCMGT:           SizedOp "cmgt",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_3400).lanes(ANY);
    VCMHI:           SizedOp "cmhi",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_3400).lanes(ANY);
    VCMGE:           SizedOp "cmge",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_3c00).lanes(ANY);
    VCMHS:           SizedOp "cmhs",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_3c00).lanes(ANY);
    VCMEQ:           SizedOp "cmeq",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_8c00).lanes(ANY);
    VCMTST:          SizedOp "cmtst",       [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_8c00).lanes(ANY);
    VSMAX:           SizedOp "smax",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_6400).lanes(TO_32);
    VUMAX:           SizedOp "umax",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_6400).lanes(TO_32);
    VSMIN:           SizedOp "smin",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_6c00).lanes(TO_32);
    VUMIN:           SizedOp "umin",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_6c00).lanes(TO_32);
    VURHADD:         SizedOp "urhadd",      [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_1400).lanes(TO_32);
    VADDP:           SizedOp "addp",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_bc00).lanes(ANY);
    VSMAXP:          SizedOp "smaxp",       [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_a400).lanes(TO_32);
    VUMAXP:          SizedOp "umaxp",       [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_a400).lanes(TO_32);
    VSMINP:          SizedOp "sminp",       [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_ac00).lanes(TO_32);
    VUMINP:          SizedOp "uminp",       [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_ac00).lanes(TO_32);
    VSQRDMULH:       SizedOp "sqrdmulh",    [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_b400).lanes(S16_32);
    VMLA:            SizedOp "mla",         [ud(V), u(V), u(V)],                                 "DNM",  word(0x4e20_9400).lanes(TO_32);
    VMLS:            SizedOp "mls",         [ud(V), u(V), u(V)],                                 "DNM",  word(0x6e20_9400).lanes(TO_32);
    VREV64:          SizedOp "rev64",       [d(V), u(V)],                                        "DN",   word(0x4e20_0800).lanes(TO_32);
    VREV32:          SizedOp "rev32",       [d(V), u(V)],                                        "DN",   word(0x6e20_0800).lanes(S8_16);
    VREV16:          SizedOp "rev16",       [d(V), u(V)],                                        "DN",   word(0x4e20_1800).lanes(ONLY_8);
    VCNT:            SizedOp "cnt",         [d(V), u(V)],                                        "DN",   word(0x4e20_5800).lanes(ONLY_8);
    VNOT:            SizedOp "mvn",         [d(V), u(V)],                                        "DN",   word(0x6e20_5800).lanes(ONLY_8);
    VCLZ:            SizedOp "clz",         [d(V), u(V)],                                        "DN",   word(0x6e20_4800).lanes(TO_32);
    VABS:            SizedOp "abs",         [d(V), u(V)],                                        "DN",   word(0x4e20_b800).lanes(ANY);
    VNEG:            SizedOp "neg",         [d(V), u(V)],                                        "DN",   word(0x6e20_b800).lanes(ANY);
    VCMGT_0:         SizedOp "cmgt",        [d(V), u(V), i(Kind::Zero)],                         "DN",   word(0x4e20_8800).lanes(ANY);
    VCMGE_0:         SizedOp "cmge",        [d(V), u(V), i(Kind::Zero)],                         "DN",   word(0x6e20_8800).lanes(ANY);
    VCMEQ_0:         SizedOp "cmeq",        [d(V), u(V), i(Kind::Zero)],                         "DN",   word(0x4e20_9800).lanes(ANY);
    VCMLE_0:         SizedOp "cmle",        [d(V), u(V), i(Kind::Zero)],                         "DN",   word(0x6e20_9800).lanes(ANY);
    VCMLT_0:         SizedOp "cmlt",        [d(V), u(V), i(Kind::Zero)],                         "DN",   word(0x4e20_a800).lanes(ANY);
    VSADDLP:         SizedOp "saddlp",      [d(VW), u(V)],                                       "DN",   word(0x4e20_2800).lanes(TO_32);
    VUADDLP:         SizedOp "uaddlp",      [d(VW), u(V)],                                       "DN",   word(0x6e20_2800).lanes(TO_32);
    VSADALP:         SizedOp "sadalp",      [ud(VW), u(V)],                                      "DN",   word(0x4e20_6800).lanes(TO_32);
    VUADALP:         SizedOp "uadalp",      [ud(VW), u(V)],                                      "DN",   word(0x6e20_6800).lanes(TO_32);
    VXTN:            SizedOp "xtn",         [d(VH), u(VW)],                                      "DN",   word(0x0e21_2800).lanes(TO_32);
    VXTN2:           SizedOp "xtn2",        [ud(V), u(VW)],                                      "DN",   word(0x4e21_2800).lanes(TO_32);
    VSQXTN:          SizedOp "sqxtn",       [d(VH), u(VW)],                                      "DN",   word(0x0e21_4800).lanes(TO_32);
    VSQXTN2:         SizedOp "sqxtn2",      [ud(V), u(VW)],                                      "DN",   word(0x4e21_4800).lanes(TO_32);
    VUQXTN:          SizedOp "uqxtn",       [d(VH), u(VW)],                                      "DN",   word(0x2e21_4800).lanes(TO_32);
    VUQXTN2:         SizedOp "uqxtn2",      [ud(V), u(VW)],                                      "DN",   word(0x6e21_4800).lanes(TO_32);
    VSQXTUN:         SizedOp "sqxtun",      [d(VH), u(VW)],                                      "DN",   word(0x2e21_2800).lanes(TO_32);
    VSQXTUN2:        SizedOp "sqxtun2",     [ud(V), u(VW)],                                      "DN",   word(0x6e21_2800).lanes(TO_32);
    VCNT_8B:         SizedOp "cnt",         [d(VH), u(VH)],                                      "DN",   word(0x0e20_5800).lanes(ONLY_8);
    VADDV:           SizedOp "addv",        [d(F), u(V)],                                        "DN",   word(0x4e31_b800).lanes(TO_32);
    VSADDLV:         SizedOp "saddlv",      [d(FW), u(V)],                                       "DN",   word(0x4e30_3800).lanes(TO_32);
    VUADDLV:         SizedOp "uaddlv",      [d(FW), u(V)],                                       "DN",   word(0x6e30_3800).lanes(TO_32);
    VSMAXV:          SizedOp "smaxv",       [d(F), u(V)],                                        "DN",   word(0x4e30_a800).lanes(TO_32);
    VUMAXV:          SizedOp "umaxv",       [d(F), u(V)],                                        "DN",   word(0x6e30_a800).lanes(TO_32);
    VSMINV:          SizedOp "sminv",       [d(F), u(V)],                                        "DN",   word(0x4e31_a800).lanes(TO_32);
    VUMINV:          SizedOp "uminv",       [d(F), u(V)],                                        "DN",   word(0x6e31_a800).lanes(TO_32);
    VADDV_8B:        SizedOp "addv",        [d(F), u(VH)],                                       "DN",   word(0x0e31_b800).lanes(ONLY_8);
    VADDP_D:         Op      "addp",        [d(D), u(V2D)],                                      "DN",   word(0x5ef1_b800);
    VSADDL:          SizedOp "saddl",       [d(VW), u(VH), u(VH)],                               "DNM",  word(0x0e20_0000).lanes(TO_32);
    VSADDL2:         SizedOp "saddl2",      [d(VW), u(V), u(V)],                                 "DNM",  word(0x4e20_0000).lanes(TO_32);
    VUADDL:          SizedOp "uaddl",       [d(VW), u(VH), u(VH)],                               "DNM",  word(0x2e20_0000).lanes(TO_32);
    VUADDL2:         SizedOp "uaddl2",      [d(VW), u(V), u(V)],                                 "DNM",  word(0x6e20_0000).lanes(TO_32);
    VSSUBL:          SizedOp "ssubl",       [d(VW), u(VH), u(VH)],                               "DNM",  word(0x0e20_2000).lanes(TO_32);
    VSSUBL2:         SizedOp "ssubl2",      [d(VW), u(V), u(V)],                                 "DNM",  word(0x4e20_2000).lanes(TO_32);
    VUSUBL:          SizedOp "usubl",       [d(VW), u(VH), u(VH)],                               "DNM",  word(0x2e20_2000).lanes(TO_32);
    VUSUBL2:         SizedOp "usubl2",      [d(VW), u(V), u(V)],                                 "DNM",  word(0x6e20_2000).lanes(TO_32);
    VSMULL:          SizedOp "smull",       [d(VW), u(VH), u(VH)],                               "DNM",  word(0x0e20_c000).lanes(TO_32);
    VSMULL2:         SizedOp "smull2",      [d(VW), u(V), u(V)],                                 "DNM",  word(0x4e20_c000).lanes(TO_32);
    VUMULL:          SizedOp "umull",       [d(VW), u(VH), u(VH)],                               "DNM",  word(0x2e20_c000).lanes(TO_32);
    VUMULL2:         SizedOp "umull2",      [d(VW), u(V), u(V)],                                 "DNM",  word(0x6e20_c000).lanes(TO_32);
    VSMLAL:          SizedOp "smlal",       [ud(VW), u(VH), u(VH)],                              "DNM",  word(0x0e20_8000).lanes(TO_32);
    VSMLAL2:         SizedOp "smlal2",      [ud(VW), u(V), u(V)],                                "DNM",  word(0x4e20_8000).lanes(TO_32);
    VUMLAL:          SizedOp "umlal",       [ud(VW), u(VH), u(VH)],                              "DNM",  word(0x2e20_8000).lanes(TO_32);
    VUMLAL2:         SizedOp "umlal2",      [ud(VW), u(V), u(V)],                                "DNM",  word(0x6e20_8000).lanes(TO_32);
    VSDOT:           Op      "sdot",        [ud(V4S), u(V16B), u(V16B)],                         "DNM",  word(0x4e80_9400).needs(Features::DOTPROD);
    VUDOT:           Op      "udot",        [ud(V4S), u(V16B), u(V16B)],                         "DNM",  word(0x6e80_9400).needs(Features::DOTPROD);

    // Vectors: bitwise.
    VAND:            Op      "and",         [d(V16B), u(V16B), u(V16B)],                         "DNM",  word(0x4e20_1c00);
    VBIC:            Op      "bic",         [d(V16B), u(V16B), u(V16B)],                         "DNM",  word(0x4e60_1c00);
    VORR:            Op      "orr",         [d(V16B), u(V16B), u(V16B)],                         "DNM",  word(0x4ea0_1c00);
    VORN:            Op      "orn",         [d(V16B), u(V16B), u(V16B)],                         "DNM",  word(0x4ee0_1c00);
    VEOR:            Op      "eor",         [d(V16B), u(V16B), u(V16B)],                         "DNM",  word(0x6e20_1c00);
    VBSL:            Op      "bsl",         [ud(V16B), u(V16B), u(V16B)],                        "DNM",  word(0x6e60_1c00);
    VBIT:            Op      "bit",         [ud(V16B), u(V16B), u(V16B)],                        "DNM",  word(0x6ea0_1c00);
    VBIF:            Op      "bif",         [ud(V16B), u(V16B), u(V16B)],                        "DNM",  word(0x6ee0_1c00);
    VMOV:            Op      "mov",         [d(V16B), u(V16B)],                                  "DB",   word(0x4ea0_1c00);

    // Vectors: shifts by an immediate.
    VSHL:            SizedOp "shl",         [d(V), u(V), i(Kind::LaneShl)],                      "DN",   word(0x4f00_5400).by_shift(ANY);
    VSSHR:           SizedOp "sshr",        [d(V), u(V), i(Kind::LaneShr)],                      "DN",   word(0x4f00_0400).by_shift(ANY);
    VUSHR:           SizedOp "ushr",        [d(V), u(V), i(Kind::LaneShr)],                      "DN",   word(0x6f00_0400).by_shift(ANY);
    VSSRA:           SizedOp "ssra",        [ud(V), u(V), i(Kind::LaneShr)],                     "DN",   word(0x4f00_1400).by_shift(ANY);
    VUSRA:           SizedOp "usra",        [ud(V), u(V), i(Kind::LaneShr)],                     "DN",   word(0x6f00_1400).by_shift(ANY);
    VSLI:            SizedOp "sli",         [ud(V), u(V), i(Kind::LaneShl)],                     "DN",   word(0x6f00_5400).by_shift(ANY);
    VSRI:            SizedOp "sri",         [ud(V), u(V), i(Kind::LaneShr)],                     "DN",   word(0x6f00_4400).by_shift(ANY);
    VSSHLL:          SizedOp "sshll",       [d(VW), u(VH), i(Kind::LaneShl)],                    "DN",   word(0x0f00_a400).by_shift(TO_32);
    VSSHLL2:         SizedOp "sshll2",      [d(VW), u(V), i(Kind::LaneShl)],                     "DN",   word(0x4f00_a400).by_shift(TO_32);
    VUSHLL:          SizedOp "ushll",       [d(VW), u(VH), i(Kind::LaneShl)],                    "DN",   word(0x2f00_a400).by_shift(TO_32);
    VUSHLL2:         SizedOp "ushll2",      [d(VW), u(V), i(Kind::LaneShl)],                     "DN",   word(0x6f00_a400).by_shift(TO_32);
    VSHRN:           SizedOp "shrn",        [d(VH), u(VW), i(Kind::LaneShr)],                    "DN",   word(0x0f00_8400).by_shift(TO_32);
    VSHRN2:          SizedOp "shrn2",       [ud(V), u(VW), i(Kind::LaneShr)],                    "DN",   word(0x4f00_8400).by_shift(TO_32);

    // Vectors: lanes and their order.
    VUZP1:           SizedOp "uzp1",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e00_1800).lanes(ANY);
    VTRN1:           SizedOp "trn1",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e00_2800).lanes(ANY);
    VZIP1:           SizedOp "zip1",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e00_3800).lanes(ANY);
    VUZP2:           SizedOp "uzp2",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e00_5800).lanes(ANY);
    VTRN2:           SizedOp "trn2",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e00_6800).lanes(ANY);
    VZIP2:           SizedOp "zip2",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e00_7800).lanes(ANY);
    VEXT:            Op      "ext",         [d(V16B), u(V16B), u(V16B), i(Kind::ByteIndex)],     "DNM",  word(0x6e00_0000);
    VTBL:            Op      "tbl",         [d(V16B), u(LIST16B), u(V16B)],                      "DNM",  word(0x4e00_0000);
    VTBX:            Op      "tbx",         [ud(V16B), u(LIST16B), u(V16B)],                     "DNM",  word(0x4e00_1000);
    VDUP_G:          SizedOp "dup",         [d(V), u(G)],                                        "DN",   word(0x4e00_0c00).by_lane(ANY);
    VDUP:            SizedOp "dup",         [d(V), u(VL)],                                       "DN",   word(0x4e00_0400).by_lane(ANY);
    VDUP_F:          SizedOp "mov",         [d(F), u(VL)],                                       "DN",   word(0x5e00_0400).by_lane(ANY);
    VINS_G:          SizedOp "mov",         [ud(VL), u(G)],                                      "DN",   word(0x4e00_1c00).by_lane(ANY);
    VINS:            SizedOp "mov",         [ud(VL), u(VL)],                                     "DN",   word(0x6e00_0400).by_lane(ANY);
    VUMOV_W:         SizedOp "umov",        [d(W), u(VL)],                                       "DN",   word(0x0e00_3c00).by_lane(TO_32);
    VUMOV_X:         SizedOp "umov",        [d(X), u(VL)],                                       "DN",   word(0x4e00_3c00).by_lane(ONLY_64);
    VSMOV_W:         SizedOp "smov",        [d(W), u(VL)],                                       "DN",   word(0x0e00_2c00).by_lane(S8_16);
    VSMOV_X:         SizedOp "smov",        [d(X), u(VL)],                                       "DN",   word(0x4e00_2c00).by_lane(TO_32);
    LD1R:            SizedOp "ld1r",        [d(LIST), u(AT)],                                    "D-",   word(0x4d40_c000).load_all();
    LD1_LANE:        SizedOp "ld1",         [ud(LISTLANE), u(AT)],                               "D-",   word(0x0d40_0000).list_lane();
    ST1_LANE:        SizedOp "st1",         [u(LISTLANE), d(AT)],                                "D-",   word(0x0d00_0000).list_lane();

    // Vectors: constants.
    VMOVI_4S:        Op      "movi",        [d(V4S), i(Kind::Vec8Lsl)],                          "D",    word(0x4f00_0400);
    VMOVI_8H:        Op      "movi",        [d(V8H), i(Kind::Vec8Lsl)],                          "D",    word(0x4f00_8400);
    VMOVI_MSL:       Op      "movi",        [d(V4S), i(Kind::Vec8Msl)],                          "D",    word(0x4f00_c400);
    VMVNI_4S:        Op      "mvni",        [d(V4S), i(Kind::Vec8Lsl)],                          "D",    word(0x6f00_0400);
    VMVNI_8H:        Op      "mvni",        [d(V8H), i(Kind::Vec8Lsl)],                          "D",    word(0x6f00_8400);
    VMVNI_MSL:       Op      "mvni",        [d(V4S), i(Kind::Vec8Msl)],                          "D",    word(0x6f00_c400);
    VMOVI_16B:       Op      "movi",        [d(V16B), i(Kind::Vec8)],                            "D",    word(0x4f00_e400);
    VMOVI_2D:        Op      "movi",        [d(V2D), i(Kind::Vec8Mask)],                         "D",    word(0x6f00_e400);
    VFMOV_4S:        Op      "fmov",        [d(V4S), i(Kind::VecFloat8)],                        "D",    word(0x4f00_f400);
    VFMOV_2D:        Op      "fmov",        [d(V2D), i(Kind::VecFloat8)],                        "D",    word(0x6f00_f400);
    VORR_4S:         Op      "orr",         [ud(V4S), i(Kind::Vec8Lsl)],                         "D",    word(0x4f00_1400);
    VORR_8H:         Op      "orr",         [ud(V8H), i(Kind::Vec8Lsl)],                         "D",    word(0x4f00_9400);
    VBIC_4S:         Op      "bic",         [ud(V4S), i(Kind::Vec8Lsl)],                         "D",    word(0x6f00_1400);
    VBIC_8H:         Op      "bic",         [ud(V8H), i(Kind::Vec8Lsl)],                         "D",    word(0x6f00_9400);

    // Vectors: lanes of floats.
    VFADD:           SizedOp "fadd",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_d400).fp();
    VFSUB:           SizedOp "fsub",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4ea0_d400).fp();
    VFMUL:           SizedOp "fmul",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_dc00).fp();
    VFDIV:           SizedOp "fdiv",        [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_fc00).fp();
    VFMAX:           SizedOp "fmax",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_f400).fp();
    VFMIN:           SizedOp "fmin",        [d(V), u(V), u(V)],                                  "DNM",  word(0x4ea0_f400).fp();
    VFMAXNM:         SizedOp "fmaxnm",      [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_c400).fp();
    VFMINNM:         SizedOp "fminnm",      [d(V), u(V), u(V)],                                  "DNM",  word(0x4ea0_c400).fp();
    VFMLA:           SizedOp "fmla",        [ud(V), u(V), u(V)],                                 "DNM",  word(0x4e20_cc00).fp();
    VFMLS:           SizedOp "fmls",        [ud(V), u(V), u(V)],                                 "DNM",  word(0x4ea0_cc00).fp();
    VFCMEQ:          SizedOp "fcmeq",       [d(V), u(V), u(V)],                                  "DNM",  word(0x4e20_e400).fp();
    VFCMGE:          SizedOp "fcmge",       [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_e400).fp();
    VFCMGT:          SizedOp "fcmgt",       [d(V), u(V), u(V)],                                  "DNM",  word(0x6ea0_e400).fp();
    VFADDP:          SizedOp "faddp",       [d(V), u(V), u(V)],                                  "DNM",  word(0x6e20_d400).fp();
    VFABS:           SizedOp "fabs",        [d(V), u(V)],                                        "DN",   word(0x4ea0_f800).fp();
    VFNEG:           SizedOp "fneg",        [d(V), u(V)],                                        "DN",   word(0x6ea0_f800).fp();
    VFSQRT:          SizedOp "fsqrt",       [d(V), u(V)],                                        "DN",   word(0x6ea1_f800).fp();
    VFRINTN:         SizedOp "frintn",      [d(V), u(V)],                                        "DN",   word(0x4e21_8800).fp();
    VFRINTM:         SizedOp "frintm",      [d(V), u(V)],                                        "DN",   word(0x4e21_9800).fp();
    VFRINTP:         SizedOp "frintp",      [d(V), u(V)],                                        "DN",   word(0x4ea1_8800).fp();
    VFRINTZ:         SizedOp "frintz",      [d(V), u(V)],                                        "DN",   word(0x4ea1_9800).fp();
    VFCVTZS:         SizedOp "fcvtzs",      [d(V), u(V)],                                        "DN",   word(0x4ea1_b800).fp();
    VFCVTZU:         SizedOp "fcvtzu",      [d(V), u(V)],                                        "DN",   word(0x6ea1_b800).fp();
    VSCVTF:          SizedOp "scvtf",       [d(V), u(V)],                                        "DN",   word(0x4e21_d800).fp();
    VUCVTF:          SizedOp "ucvtf",       [d(V), u(V)],                                        "DN",   word(0x6e21_d800).fp();
    VFCMGT_0:        SizedOp "fcmgt",       [d(V), u(V), i(Kind::FloatZero)],                    "DN",   word(0x4ea0_c800).fp();
    VFCMGE_0:        SizedOp "fcmge",       [d(V), u(V), i(Kind::FloatZero)],                    "DN",   word(0x6ea0_c800).fp();
    VFCMEQ_0:        SizedOp "fcmeq",       [d(V), u(V), i(Kind::FloatZero)],                    "DN",   word(0x4ea0_d800).fp();
    VFCMLE_0:        SizedOp "fcmle",       [d(V), u(V), i(Kind::FloatZero)],                    "DN",   word(0x6ea0_d800).fp();
    VFCMLT_0:        SizedOp "fcmlt",       [d(V), u(V), i(Kind::FloatZero)],                    "DN",   word(0x4ea0_e800).fp();
    VFCVTL:          Op      "fcvtl",       [d(V2D), u(V2S)],                                    "DN",   word(0x0e61_7800);
    VFCVTL2:         Op      "fcvtl2",      [d(V2D), u(V4S)],                                    "DN",   word(0x4e61_7800);
    VFCVTN:          Op      "fcvtn",       [d(V2S), u(V2D)],                                    "DN",   word(0x0e61_6800);
    VFCVTN2:         Op      "fcvtn2",      [ud(V4S), u(V2D)],                                   "DN",   word(0x4e61_6800);
}
