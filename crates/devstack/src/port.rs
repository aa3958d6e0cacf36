//! Free ports on loopback.
//!
//! They are below the range that kernels use for outgoing connections (32768 and up on Linux, 49152 elsewhere). Within
//! that range, a client that keeps trying the port of a stopped service can get that port as its own. It would connect
//! to itself and prevent the restart of the service.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use uuid::Uuid;

const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;
const ATTEMPTS: usize = 100;

/// How often a service is started on other ports if another program took a free port meanwhile.
pub(crate) const PORT_ATTEMPTS: usize = 5;

/// A random port on which nothing listens at this moment.
pub fn free() -> io::Result<u16> {
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
