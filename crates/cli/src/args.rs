//! The command line: every subcommand and option in one place.

use crate::options::{self, Codegen, Debug, Optimize, Wasi, Wasm};
use clap::{Args, Parser, Subcommand, ValueHint};
use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Without a subcommand, `run` is meant. What follows FILE belongs to the guest.

Examples:
  Run a program, with arguments of its own:
      tiercel app.wasm --verbose input.txt
  Let it see a directory, as `/data`, and an environment variable:
      tiercel --dir ./files::/data --env LANG=C app.wasm
  Call one function and print its results:
      tiercel --invoke add sum.wat 1 0x10
  Stop a program after two seconds, and at 64 MiB of memory:
      tiercel -W timeout=2s,max-memory-size=67108864 app.wasm
  List what can be set about WebAssembly itself:
      tiercel -W help
  Run test scripts:
      tiercel wast tests/
";

/// A WebAssembly runtime.
#[derive(Parser)]
#[command(name = "tiercel", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(arg_required_else_help = true)]
#[command(override_usage = "tiercel [OPTIONS] FILE [ARGS]...\n       tiercel <COMMAND>")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run a module: a WASI program, or one of its functions
    Run(Box<RunArgs>),
    /// Compile a module to an artifact, which `run --allow-precompiled` runs at once
    Compile(CompileArgs),
    /// Run the init function of a module, and write a module that starts where this one is then
    Snapshot(SnapshotArgs),
    /// Show what is in an artifact
    Inspect(InspectArgs),
    /// Show or clean the cache of compiled modules
    Cache(CacheArgs),
    /// Run scripts in the language of the official test suite
    Wast(WastArgs),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What is run without a subcommand; see [`parse`].
#[derive(Parser)]
struct RunAlone {
    #[command(flatten)]
    run: RunArgs,
}

/// Parses the command line of this process; ends the process if it is wrong, or asks for help.
pub fn parse() -> Cli {
    parse_run(&env::args_os().collect::<Vec<_>>()).map_or_else(Cli::parse, |run| Cli { command: None, run })
}

/// The command line if it is that of `run` without its name, and right. To describe all subcommands takes longer than a small guest runs, so that they
/// are left out where none is named.
fn parse_run(words: &[OsString]) -> Option<RunArgs> {
    let is_name = |word: &OsString| word == "help" || word.to_str().is_some_and(Command::has_subcommand);
    if words.iter().any(is_name) { None } else { RunAlone::try_parse_from(words).ok().map(|cli| cli.run) }
}

/// How the engine works; common to all that runs guests.
#[derive(Args, Debug)]
pub struct EngineArgs {
    /// WebAssembly: proposals and limits; `-W help` lists them
    #[arg(short = 'W', long, value_name = "KEY[=VAL[,..]]", value_parser = options::check::<Wasm>)]
    pub wasm: Vec<String>,
    /// Tuning without effect on what guests compute; `-O help` lists it
    #[arg(short = 'O', long, value_name = "KEY[=VAL[,..]]", value_parser = options::check::<Optimize>)]
    pub optimize: Vec<String>,
    /// Code generation; `-C help` lists what can be set
    #[arg(short = 'C', long, value_name = "KEY[=VAL[,..]]", value_parser = options::check::<Codegen>)]
    pub codegen: Vec<String>,
    /// Finding mistakes in guests; `-D help` lists what can be set
    #[arg(short = 'D', long, value_name = "KEY[=VAL[,..]]", value_parser = options::check::<Debug>)]
    pub debug: Vec<String>,
    /// What runs functions: interp; baseline, which compiles at once; auto, which compiles a function when it is called, and again with opt when it
    /// is hot; or opt, which compiles all of them well before they run
    #[arg(long, value_name = "TIER", default_value = tiercel::Tier::default().name(), value_parser = crate::engine::parse_tier)]
    pub tier: tiercel::Tier,
}

/// What a guest gets of its surroundings.
#[derive(Args, Debug)]
pub struct WasiArgs {
    /// WASI: what the guest gets of its surroundings; `-S help` lists it
    #[arg(short = 'S', long, value_name = "KEY[=VAL[,..]]", value_parser = options::check::<Wasi>)]
    pub wasi: Vec<String>,
    /// Let the guest use a directory of the host, as GUEST or by the same name
    #[arg(long = "dir", value_name = "HOST[::GUEST]", value_hint = ValueHint::DirPath)]
    pub dirs: Vec<String>,
    /// Set an environment variable of the guest; without a value it is inherited
    #[arg(long = "env", value_name = "NAME[=VAL]", value_parser = env_name)]
    pub envs: Vec<String>,
}

#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub wasi: WasiArgs,
    /// Print what the compiler makes of the module, or of one function (its name or index), and do not run it: ir, vcode or asm
    #[arg(long, value_name = "WHAT[:FUNCTION]", value_parser = crate::print::What::parse)]
    pub print: Option<crate::print::What>,
    /// Print the functions as they are after this stage of the compiler, and do not run them; a wrong name lists them
    #[arg(long, value_name = "STAGE[:FUNCTION]", value_parser = crate::print::What::parse_stage)]
    pub print_after: Option<crate::print::What>,
    /// Let a profiler see compiled functions: perfmap writes /tmp/perf-PID.map, which `perf report` reads
    #[arg(long, value_name = "STRATEGY")]
    pub profile: Option<crate::profile::Strategy>,
    /// Let FILE and preloaded modules be artifacts of `tiercel compile`. Their machine code runs as it is: allow it for files that you trust as you
    /// trust programs
    #[arg(long)]
    pub allow_precompiled: bool,
    /// Call this exported function with ARGS as its arguments, and print its results, one per line
    #[arg(long, value_name = "FUNCTION")]
    pub invoke: Option<String>,
    /// What the guest gets as its own name, in place of FILE's name
    #[arg(long, value_name = "NAME")]
    pub argv0: Option<OsString>,
    /// Instantiate another module first; its exports are imports of module NAME
    #[arg(long = "preload", value_name = "NAME=FILE", value_parser = preload)]
    pub preloads: Vec<(String, PathBuf)>,
    /// Let the guest accept connections at this address; its descriptor is the first free one from 3 on
    #[arg(long, value_name = "ADDR:PORT")]
    pub tcplisten: Vec<SocketAddr>,
    /// The module, binary (.wasm) or text (.wat), `-` for standard input; and the guest's arguments
    #[arg(value_names = ["FILE", "ARGS"], num_args = 1.., required = true, trailing_var_arg = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub file_and_args: Vec<OsString>,
}

#[derive(Args)]
pub struct CompileArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// What to compile for (default: this CPU with all that it has): x86_64-linux or aarch64-linux, with `+FEATURE` for what its CPU
    /// has beyond the least
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Where the artifact goes; `-` is standard output
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// The module, binary (.wasm) or text (.wat), `-` for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: OsString,
}

#[derive(Args)]
pub struct SnapshotArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Let the module use WASI while its init function runs; -S, --dir and --env say that, too. Without it everything that is imported stops the guest
    #[arg(long)]
    pub allow_wasi: bool,
    #[command(flatten)]
    pub wasi: WasiArgs,
    /// The function that is called; `_initialize` is called before, if there is one
    #[arg(long, value_name = "FUNCTION", default_value = "wizer.initialize")]
    pub init_func: String,
    /// Let the new module export what was called, too
    #[arg(long)]
    pub keep_init_func: bool,
    /// Where the new module goes; `-` is standard output
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// The module, binary (.wasm) or text (.wat), `-` for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: OsString,
}

#[derive(Args)]
pub struct InspectArgs {
    /// Show the machine code of this function (its name or index) beside places in the module
    #[arg(long, value_name = "FUNCTION")]
    pub function: Option<String>,
    /// The artifact
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

#[derive(Args)]
pub struct CacheArgs {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Subcommand)]
pub enum CacheCommand {
    /// Print where the cache is and what it keeps
    Info(CacheFolder),
    /// Remove everything from the cache
    Clean(CacheFolder),
}

#[derive(Args)]
pub struct CacheFolder {
    /// Code generation: `cache-dir=PATH` names another folder
    #[arg(short = 'C', long, value_name = "KEY[=VAL[,..]]", value_parser = options::check::<Codegen>)]
    pub codegen: Vec<String>,
}

#[derive(Args)]
pub struct WastArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Scripts (.wast), and directories that are searched for them
    #[arg(value_name = "FILE|DIR", required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
}

fn env_name(text: &str) -> Result<String, String> {
    match text.split('=').next() {
        Some("") | None => Err("the name is empty; write NAME=VALUE, or NAME to inherit it".into()),
        Some(_) => Ok(text.into()),
    }
}

fn preload(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !file.is_empty() => Ok((name.into(), file.into())),
        _ => Err("write NAME=FILE, where NAME is the module that imports ask for".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cli, parse_run};
    use clap::{CommandFactory, Parser};
    use std::ffi::OsString;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn runs_are_parsed_alone_and_to_the_same() {
        let arguments = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        for line in [
            "app.wasm",
            "app.wasm --help -V -- x",
            "--tier interp -W timeout=1s,fuel=7 --dir a::b --env A=B app.wasm one",
            "--invoke add sum.wat 1 -2",
            "-- app.wasm --tier opt",
            "- x",
        ] {
            let words = arguments(&format!("tiercel {line}"));
            let alone = parse_run(&words).expect("it is right");
            let whole = Cli::try_parse_from(words).expect("it is right").run;
            assert_eq!(format!("{alone:?}"), format!("{whole:?}"), "{line}");
        }
        for line in ["", "run app.wasm", "app.wasm wast", "help", "--help", "-V", "--tier none app.wasm", "--tier opt"]
        {
            assert!(parse_run(&arguments(&format!("tiercel {line}"))).is_none(), "{line}");
        }
    }
}
