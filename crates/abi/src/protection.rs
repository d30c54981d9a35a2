//! What aarch64 code does against an attacker who can write to memory and wants it to run in another order. All of it is instructions that do
//! nothing on older CPUs.

/// Which of the two means code has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BranchProtection {
    /// Neither.
    #[default]
    None,
    /// Landing pads: where code is reached by an address in a register there is an instruction that says so, and in pages that are mapped for it
    /// the CPU lets such jumps lead nowhere else.
    Bti,
    /// Signed returns: a function with a frame signs its return address, by the stack pointer that it was called with, before it stores it, and
    /// authenticates what it loads. So **return addresses in frames are not addresses** until the signature is taken off.
    PacRet,
    /// Both.
    Standard,
}

impl BranchProtection {
    /// All of them.
    pub const ALL: [BranchProtection; 4] = [Self::None, Self::Bti, Self::PacRet, Self::Standard];

    /// The name users write, as C compilers have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bti => "bti",
            Self::PacRet => "pac-ret",
            Self::Standard => "standard",
        }
    }

    /// Whether there are landing pads.
    pub const fn has_pads(self) -> bool {
        matches!(self, Self::Bti | Self::Standard)
    }

    /// Whether return addresses are signed.
    pub const fn signs_returns(self) -> bool {
        matches!(self, Self::PacRet | Self::Standard)
    }
}
