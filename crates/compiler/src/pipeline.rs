//! What happens to a function between translation and lowering: the passes in order, and the loop that walks them.
//!
//! Timing, printing and verifying live here, not in the passes.

use crate::ir::{Function, verify};
use crate::opt::{Scratch, copies, dce, latches, layout, licm, loops, params};
use std::time::{Duration, Instant};

/// One pass.
pub struct Pass {
    /// How it is called on the command line and in tests.
    pub name: &'static str,
    /// Does it.
    pub run: fn(&mut Function, &mut Scratch),
    /// Passes that must come earlier.
    pub after: &'static [&'static str],
}

/// Every pass in order. `after` says what must come earlier; a test checks it.
pub const PASSES: &[Pass] = &[
    Pass { name: "params", run: params::run, after: &[] },
    Pass { name: "dce", run: dce::run, after: &["params"] }, // parameters that are one value do not keep it alive
    Pass { name: "loops", run: loops::run, after: &[] },
    Pass { name: "licm", run: licm::run, after: &["dce", "loops"] }, // only what is needed and only out of real loops
    Pass { name: "copies", run: copies::run, after: &["licm", "loops"] }, // invariants are outside, and counters as in the source
    Pass { name: "latches", run: latches::run, after: &["copies", "licm", "loops"] }, // blocks that it makes come last
    Pass { name: "layout", run: layout::run, after: &["latches", "licm", "loops"] }, // numbers of blocks are not in order after it
];

/// Is told how long a pass took.
pub type Timing<'a> = &'a mut dyn FnMut(&'static str, Duration);
/// Is given the function after a pass.
pub type Print<'a> = &'a mut dyn FnMut(&'static str, &Function);

/// What to do around the passes.
#[derive(Default)]
pub struct Options<'a> {
    /// Checks the function before the first pass and after each.
    pub verify: bool,
    /// Is told what each pass took.
    pub timing: Option<Timing<'a>>,
    /// Is given the function after each pass.
    pub print: Option<Print<'a>>,
}

/// Runs every pass, and counts uses at the end.
///
/// # Panics
/// With [`Options::verify`], if a pass breaks a rule of the IR: that is a bug of the compiler, and the message names the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch, options: &mut Options<'_>) {
    check(func, options, "translate");
    for pass in PASSES {
        let start = options.timing.is_some().then(Instant::now);
        (pass.run)(func, scratch);
        if let (Some(start), Some(timing)) = (start, options.timing.as_mut()) {
            timing(pass.name, start.elapsed());
        }
        if let Some(print) = options.print.as_mut() {
            print(pass.name, func);
        }
        check(func, options, pass.name);
    }
    func.count_uses();
}

fn check(func: &Function, options: &Options<'_>, pass: &str) {
    if options.verify
        && let Err(error) = verify(func)
    {
        panic!("after the pass `{pass}`: {error}\n{func}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_come_after_what_they_need() {
        for (index, pass) in PASSES.iter().enumerate() {
            for needed in pass.after {
                assert!(PASSES[..index].iter().any(|other| other.name == *needed), "{} needs {needed}", pass.name);
            }
            assert_eq!(PASSES.iter().filter(|other| other.name == pass.name).count(), 1);
        }
    }
}
