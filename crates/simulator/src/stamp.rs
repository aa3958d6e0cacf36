//! When bytes arrived: the kernel's own time stamp, not the moment at which this process came to read them.
//!
//! A stand-in that shares a busy machine with those it judges reads late, and requests it reads together did not
//! arrive together. Where the kernel gives no stamp, the moment of reading is taken.

use std::io;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

/// A wall clock that is set while a request waits must not move its arrival far.
const OLDEST: Duration = Duration::from_secs(1);

#[cfg(target_os = "linux")]
pub(crate) use linux::{ask_for_stamps, receive};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;
    use std::time::SystemTime;

    use nix::sys::socket::sockopt::ReceiveTimestampns;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
    use nix::sys::time::TimeSpec;

    use super::{Duration, Instant, OLDEST, TcpStream, io};

    /// Asks the kernel to stamp what arrives on this socket (socket(7), `SO_TIMESTAMPNS`).
    pub(crate) fn ask_for_stamps(stream: &TcpStream) -> io::Result<()> {
        Ok(setsockopt(stream, ReceiveTimestampns, &true)?)
    }

    /// Reads without waiting: how many bytes, and when the last of them arrived.
    pub(crate) fn receive(stream: &TcpStream, into: &mut [u8]) -> io::Result<(usize, Instant)> {
        let mut parts = [IoSliceMut::new(into)];
        let mut space = nix::cmsg_space!(TimeSpec);
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(stream.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        let stamp = message.cmsgs()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
        Ok((message.bytes, stamp.and_then(at).unwrap_or_else(Instant::now)))
    }

    /// The wall clock's stamp as a moment of the clock that is never set.
    fn at(stamp: Duration) -> Option<Instant> {
        let age = SystemTime::UNIX_EPOCH.checked_add(stamp)?.elapsed().ok()?;
        Instant::now().checked_sub(age.min(OLDEST))
    }
}

/// There are no stamps here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ask_for_stamps(_stream: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// Reads without waiting: how many bytes, and when they were read.
#[cfg(not(target_os = "linux"))]
pub(crate) fn receive(stream: &TcpStream, into: &mut [u8]) -> io::Result<(usize, Instant)> {
    Ok((stream.try_read(into)?, Instant::now()))
}
