//! Free ports on loopback.
//!
//! They come from below the range that kernels give to outgoing connections (32768 and up on Linux, 49152 elsewhere).
//! Inside that range a client that keeps trying the port of a stopped service can be given that very port as its own,
//! connect to itself, and keep the service from coming back.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use uuid::Uuid;

const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;
const ATTEMPTS: usize = 100;

/// How often a service is started on other ports when one that was free is taken in the meantime.
pub(crate) const PORT_ATTEMPTS: usize = 5;

/// Picks a random port that nothing listens on at this moment.
pub(crate) fn free() -> io::Result<u16> {
    let mut last = io::Error::other("no port was tried");
    for _ in 0..ATTEMPTS {
        let port = candidate();
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_listener) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn candidate() -> u16 {
    let [a, b, ..] = Uuid::new_v4().into_bytes();
    FIRST + u16::from_be_bytes([a, b]) % (LAST - FIRST + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound_and_is_outside_the_ephemeral_range() {
        let port = free().unwrap();
        assert!((FIRST..=LAST).contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
