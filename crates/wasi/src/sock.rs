//! Sockets: `sock_accept` on listeners that the embedder opened, then sending and receiving.

use crate::abi::{Fdflags, Riflags, Sdflags};
use crate::descriptor::{Descriptor, Kind};
use crate::io::uninterrupted;
use crate::limits::MAX_IO_BYTES;
use crate::{Errno, GuestMemory, Rights, WasiCtx, sys};
use std::net::{Shutdown, TcpStream};

impl WasiCtx {
    /// The connected socket `fd`. Not being one counts before lacking the right.
    fn stream(&self, fd: u32, right: Rights) -> Result<&TcpStream, Errno> {
        let descriptor = self.table.get(fd)?;
        match &descriptor.kind {
            Kind::Stream(stream) => descriptor.require(right).map(|()| stream),
            Kind::Listener(_) => Err(Errno::Notconn),
            _ => Err(Errno::Notsock),
        }
    }

    /// `sock_accept`: waits for a connection and writes its descriptor to `accepted`. The only flag is `NONBLOCK`,
    /// for the connection; whether this call waits is the listener's own flag.
    pub fn sock_accept(&mut self, mem: &mut GuestMemory<'_>, fd: u32, flags: u32, accepted: u32) -> Result<(), Errno> {
        let flags = Fdflags::from_wasm(flags)?;
        if !(flags - Fdflags::NONBLOCK).is_empty() {
            return Err(Errno::Inval);
        }
        mem.check(accepted, 4)?;
        let descriptor = self.table.get(fd)?;
        let Kind::Listener(listener) = &descriptor.kind else {
            return Err(match descriptor.kind {
                Kind::Stream(_) => Errno::Inval,
                _ => Errno::Notsock,
            });
        };
        descriptor.require(Rights::SOCK_ACCEPT)?;
        let passed_on = descriptor.inheriting;
        let (stream, _) = uninterrupted(|| listener.accept())?;
        // Some hosts pass the listener's flag on, some do not.
        stream.set_nonblocking(flags.contains(Fdflags::NONBLOCK))?;
        let mut connection = Descriptor::new(Kind::Stream(stream));
        connection.rights &= passed_on;
        connection.flags = flags;
        let connection = self.table.insert(connection)?;
        mem.write_u32(accepted, connection)
    }

    /// `sock_recv`: receives into the `iovec`s at `data`; writes the number of bytes to `received` and the flags of
    /// the message, none for a stream, to `out_flags`.
    #[allow(clippy::too_many_arguments, reason = "the parameters of the specification")]
    pub fn sock_recv(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        data: u32,
        data_len: u32,
        flags: u32,
        received: u32,
        out_flags: u32,
    ) -> Result<(), Errno> {
        let flags = Riflags::from_wasm(flags)?;
        let stream = self.stream(fd, Rights::FD_READ)?;
        mem.check(received, 4)?;
        mem.check(out_flags, 2)?;
        let peek = flags.contains(Riflags::RECV_PEEK);
        let wait_all = flags.contains(Riflags::RECV_WAITALL);
        let len =
            mem.with_iovecs_mut(data, data_len, |slices| uninterrupted(|| sys::recv(stream, slices, peek, wait_all)))??;
        mem.write_u32(received, len as u32)?;
        mem.write_u16(out_flags, 0)
    }

    /// `sock_send`: sends the `ciovec`s at `data`, writes the number of bytes taken to `sent`. There are no flags.
    pub fn sock_send(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        data: u32,
        data_len: u32,
        flags: u32,
        sent: u32,
    ) -> Result<(), Errno> {
        if flags != 0 {
            return Err(Errno::Inval);
        }
        let stream = self.stream(fd, Rights::FD_WRITE)?;
        mem.check(sent, 4)?;
        let len =
            mem.with_iovecs(data, data_len, MAX_IO_BYTES, |slices| uninterrupted(|| sys::send(stream, slices)))??;
        mem.write_u32(sent, len as u32)
    }

    /// `sock_shutdown`: closes one or both directions of a connection.
    pub fn sock_shutdown(&mut self, mem: &mut GuestMemory<'_>, fd: u32, how: u32) -> Result<(), Errno> {
        let _ = mem;
        let stream = self.stream(fd, Rights::SOCK_SHUTDOWN)?;
        let how = Sdflags::from_wasm(how)?;
        let how = match (how.contains(Sdflags::RD), how.contains(Sdflags::WR)) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, true) => Shutdown::Write,
            (false, false) => return Err(Errno::Inval),
        };
        Ok(stream.shutdown(how)?)
    }
}
