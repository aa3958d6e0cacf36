//! The arrival time of bytes: the kernel's receive timestamp, not the time at which this process reads them.
//!
//! On a busy machine the simulator reads late, and requests that it reads together did not arrive together. If the kernel gives
//! no timestamp, the time of reading is used.

use std::io;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

/// The maximum age of a timestamp. It limits the error if the wall clock is changed while a request waits.
const MAX_AGE: Duration = Duration::from_secs(1);

#[cfg(target_os = "linux")]
pub(crate) use linux::{enable_timestamps, receive};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;
    use std::time::SystemTime;

    use nix::sys::socket::sockopt::ReceiveTimestampns;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
    use nix::sys::time::TimeSpec;

    use super::{Duration, Instant, MAX_AGE, TcpStream, io};

    /// Enables receive timestamps on this socket (socket(7), `SO_TIMESTAMPNS`).
    pub(crate) fn enable_timestamps(stream: &TcpStream) -> io::Result<()> {
        Ok(setsockopt(stream, ReceiveTimestampns, &true)?)
    }

    /// Reads without blocking. Returns the number of bytes and the arrival time of the last one.
    pub(crate) fn receive(stream: &TcpStream, into: &mut [u8]) -> io::Result<(usize, Instant)> {
        let mut parts = [IoSliceMut::new(into)];
        let mut space = nix::cmsg_space!(TimeSpec);
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(stream.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        let timestamp = message.cmsgs()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(timestamp) => Some(Duration::from(timestamp)),
            _ => None,
        });
        Ok((message.bytes, timestamp.and_then(to_monotonic).unwrap_or_else(Instant::now)))
    }

    /// Converts a timestamp of the wall clock to the monotonic clock.
    fn to_monotonic(timestamp: Duration) -> Option<Instant> {
        let age = SystemTime::UNIX_EPOCH.checked_add(timestamp)?.elapsed().ok()?;
        Instant::now().checked_sub(age.min(MAX_AGE))
    }
}

/// This operating system has no receive timestamps.
#[cfg(not(target_os = "linux"))]
pub(crate) fn enable_timestamps(_stream: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// Reads without blocking. Returns the number of bytes and the time of reading.
#[cfg(not(target_os = "linux"))]
pub(crate) fn receive(stream: &TcpStream, into: &mut [u8]) -> io::Result<(usize, Instant)> {
    Ok((stream.try_read(into)?, Instant::now()))
}
