//! What the program keeps in a store: the guest's WASI state and its limits.

use crate::args::{RunArgs, WasiArgs};
use crate::options::Wasi;
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use tiercel::{Context, Error, Linker, Result, StoreLimits, format_err};
use tiercel_wasi::{DirPerms, FilePerms, WasiCtx, WasiCtxBuilder};

/// The data of a store.
pub struct Host {
    pub wasi: WasiCtx,
    pub limits: StoreLimits,
}

/// The guest's surroundings, as the command line describes them. With `--invoke` the arguments are the function's, and the
/// guest itself has only its name.
///
/// # Errors
/// A directory cannot be opened, an address cannot be listened at; the message names it.
pub fn wasi(args: &RunArgs, options: &Wasi) -> Result<WasiCtx> {
    let [file, guest_args @ ..] = &args.file_and_args[..] else {
        return Err(Error::msg("no file is given"));
    };
    let own_name = || Path::new(file).file_name().unwrap_or(file);
    let mut builder = WasiCtx::builder();
    builder.arg(args.argv0.as_deref().unwrap_or_else(own_name).as_encoded_bytes());
    if args.invoke.is_none() {
        builder.args(guest_args.iter().map(|arg| arg.as_encoded_bytes()));
    }
    surroundings(builder, &args.wasi, options, &args.tcplisten)
}

/// What a guest gets beside its arguments.
///
/// # Errors
/// As [`wasi`].
pub fn surroundings(
    mut builder: WasiCtxBuilder,
    args: &WasiArgs,
    options: &Wasi,
    tcplisten: &[SocketAddr],
) -> Result<WasiCtx> {
    if options.inherit_env == Some(true) {
        builder.inherit_env();
    }
    for text in &args.envs {
        match text.split_once('=') {
            Some((name, value)) => builder.env(name, value),
            None => match std::env::var_os(text) {
                Some(value) => builder.env(text, value.as_encoded_bytes()),
                None => {
                    return Err(format_err!(
                        "the environment variable `{text}` is not set, so that the guest cannot inherit it; \
                         set it, or write `--env {text}=VALUE`"
                    ));
                }
            },
        };
    }
    if options.inherit_stdin != Some(false) {
        builder.inherit_stdin();
    }
    if options.inherit_stdout != Some(false) {
        builder.inherit_stdout();
    }
    if options.inherit_stderr != Some(false) {
        builder.inherit_stderr();
    }
    // Listeners come before directories, as in Wasmtime: guests expect them from descriptor 3 on.
    for address in tcplisten.iter().chain(&options.tcplisten) {
        let listener = TcpListener::bind(address)
            .with_context(|| format!("cannot listen at {address}, which `--tcplisten` asks for"))?;
        builder.preopened_listener(listener);
    }
    for text in &args.dirs {
        let (host, guest) = text.split_once("::").unwrap_or((text, text));
        builder
            .preopened_dir(host, guest, DirPerms::all(), FilePerms::all())
            .with_context(|| format!("`--dir {text}` needs a directory that exists and can be read"))?;
    }
    Ok(builder.build())
}

/// Defines those functions of WASI, under both of its names, that are imported.
///
/// # Errors
/// Somebody else has taken a name.
pub fn link(linker: &mut Linker<Host>, options: &Wasi, is_imported: impl Fn(&str, &str) -> bool) -> Result<()> {
    if options.cli != Some(false) {
        tiercel_wasi::add_wanted_to_linker(linker, |host: &mut Host| &mut host.wasi, is_imported)?;
    }
    Ok(())
}

/// A name for messages.
pub fn shown(file: &OsStr) -> String {
    if file == "-" { "standard input".into() } else { format!("`{}`", file.display()) }
}
