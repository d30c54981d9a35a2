//! The program `tiercel`; see the library for what it does.
#![forbid(unsafe_code)]

fn main() {
    tiercel_cli::main()
}
