//! The state of one guest, and how an embedder sets it up.

use crate::clock::{Clock, Clocks};
use crate::descriptor::{Descriptor, FdTable, Kind, OpenDir};
use crate::process::StringArray;
use crate::random::RandomSource;
use crate::sys::{self, HostStdio};
use crate::{DirPerms, FilePerms};
use std::io::{self, Cursor, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::{env, fmt};

/// What one guest has of its surroundings: arguments, environment, descriptors, clocks, random numbers.
///
/// Its methods are the functions of WASI. Each takes the guest's memory and the parameters of the specification, all
/// of which may be anything, and says in the result what the guest gets.
pub struct WasiCtx {
    pub(crate) args: StringArray,
    pub(crate) env: StringArray,
    pub(crate) table: FdTable,
    pub(crate) clocks: Clocks,
    pub(crate) random: Option<RandomSource>,
}

impl WasiCtx {
    /// Starts with nothing: no arguments, no environment, no files, empty standard input, output that vanishes.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx")
            .field("args", &self.args)
            .field("env", &self.env)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// Sets up a `WasiCtx`. Making one costs microseconds: nothing of the host is touched but what is asked for.
pub struct WasiCtxBuilder {
    args: StringArray,
    env: StringArray,
    /// Input, output, error.
    stdio: [Kind; 3],
    /// In the order of their descriptors, from 3 on.
    preopens: Vec<Kind>,
    clocks: Clocks,
    random: Option<RandomSource>,
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder")
            .field("args", &self.args)
            .field("env", &self.env)
            .field("stdio", &self.stdio)
            .field("preopens", &self.preopens)
            .finish_non_exhaustive()
    }
}

impl Default for WasiCtxBuilder {
    fn default() -> Self {
        WasiCtxBuilder {
            args: StringArray::default(),
            env: StringArray::default(),
            stdio: [
                Kind::Reader(Box::new(io::empty())),
                Kind::Writer(Box::new(io::sink())),
                Kind::Writer(Box::new(io::sink())),
            ],
            preopens: Vec::new(),
            clocks: Clocks::default(),
            random: None,
        }
    }
}

impl WasiCtxBuilder {
    /// Same as `WasiCtx::builder`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an argument; the first is the program's name. The guest gets the bytes up to the first zero.
    pub fn arg(&mut self, arg: impl AsRef<[u8]>) -> &mut Self {
        self.args.push(&[arg.as_ref()]);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item: AsRef<[u8]>>) -> &mut Self {
        for arg in args {
            self.arg(arg);
        }
        self
    }

    /// Adds an environment variable.
    pub fn env(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.env.push(&[key.as_ref(), b"=", value.as_ref()]);
        self
    }

    /// Adds the host's whole environment, which may hold secrets.
    pub fn inherit_env(&mut self) -> &mut Self {
        for (key, value) in env::vars_os() {
            self.env(key.as_encoded_bytes(), value.as_encoded_bytes());
        }
        self
    }

    /// Lets the guest use the host's own standard input, output and error. Output is not buffered: it is out
    /// when the guest's call returns.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Lets the guest read the host's standard input, past what this process may have buffered of it.
    pub fn inherit_stdin(&mut self) -> &mut Self {
        self.stdio[0] = Kind::HostStdio(HostStdio::In);
        self
    }

    /// Lets the guest write to the host's standard output, past what this process may have buffered for it.
    pub fn inherit_stdout(&mut self) -> &mut Self {
        self.stdio[1] = Kind::HostStdio(HostStdio::Out);
        self
    }

    /// Lets the guest write to the host's standard error.
    pub fn inherit_stderr(&mut self) -> &mut Self {
        self.stdio[2] = Kind::HostStdio(HostStdio::Err);
        self
    }

    /// Standard input from a reader; `io::empty()` is none. The guest's reads wait as the reader does.
    pub fn stdin(&mut self, reader: impl Read + Send + 'static) -> &mut Self {
        self.stdio[0] = Kind::Reader(Box::new(reader));
        self
    }

    /// Standard input from bytes.
    pub fn stdin_bytes(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.stdin(Cursor::new(bytes.into()))
    }

    /// Standard output to a writer, such as a clone of a `MemoryOutputPipe`; it is flushed after each write of the
    /// guest.
    pub fn stdout(&mut self, writer: impl Write + Send + 'static) -> &mut Self {
        self.stdio[1] = Kind::Writer(Box::new(writer));
        self
    }

    /// Standard error to a writer, flushed after each write of the guest.
    pub fn stderr(&mut self, writer: impl Write + Send + 'static) -> &mut Self {
        self.stdio[2] = Kind::Writer(Box::new(writer));
        self
    }

    /// Opens the host's directory `host_path` for the guest, who sees it as `guest_path` and cannot leave it.
    ///
    /// Preopened directories and listeners get descriptors 3, 4, … in the order of the calls. The C library looks for
    /// directories from 3 on and stops at the first that is none.
    ///
    /// # Errors
    /// If the directory cannot be opened; the message names it.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
        dir_perms: DirPerms,
        file_perms: FilePerms,
    ) -> io::Result<&mut Self> {
        let host_path = host_path.as_ref();
        let dir = sys::open_ambient_dir(host_path).map_err(|err| {
            io::Error::new(
                err.kind(),
                format!("cannot open the directory `{}` for the guest: {err}", host_path.display()),
            )
        })?;
        self.preopens.push(Kind::Dir(OpenDir {
            dir,
            dir_perms,
            file_perms,
            preopen: Some(guest_path.into()),
            listing: None,
        }));
        Ok(self)
    }

    /// Lets the guest accept connections on a socket. Its descriptor is the next, as for `preopened_dir`.
    pub fn preopened_listener(&mut self, listener: TcpListener) -> &mut Self {
        self.preopens.push(Kind::Listener(listener));
        self
    }

    /// The guest's clock of real time, in place of the host's.
    pub fn wall_clock(&mut self, clock: impl Clock + 'static) -> &mut Self {
        self.clocks.wall = Some(Box::new(clock));
        self
    }

    /// The guest's monotonic clock, in place of the host's. Waiting for it takes real time.
    pub fn monotonic_clock(&mut self, clock: impl Clock + 'static) -> &mut Self {
        self.clocks.monotonic = Some(Box::new(clock));
        self
    }

    /// The guest's random bytes, in place of the host's: `source` fills each slice it is given.
    pub fn random(&mut self, source: impl FnMut(&mut [u8]) -> io::Result<()> + Send + 'static) -> &mut Self {
        self.random = Some(Box::new(source));
        self
    }

    /// Makes the `WasiCtx` and leaves the builder as new.
    pub fn build(&mut self) -> WasiCtx {
        let builder = std::mem::take(self);
        let mut table = FdTable::default();
        for kind in builder.stdio.into_iter().chain(builder.preopens) {
            // Only a million preopens could fail, and the host has no room for those.
            let _ = table.insert(Descriptor::new(kind));
        }
        WasiCtx { args: builder.args, env: builder.env, table, clocks: builder.clocks, random: builder.random }
    }
}
