//! CPU time and memory of processes, from `/proc`.
//!
//! The CPU time of a process is user plus system time, including children that have ended. That of a tree is the sum
//! over its living processes. The kernel counts exactly and shows hundredths of a second.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::time::Duration;

/// The kernel's unit of CPU times in `/proc`: a hundredth of a second, on every architecture (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// One line of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The process.
    pub(crate) pid: u32,
    /// Its parent.
    pub(crate) parent: u32,
    /// The name of its program, at most 15 letters.
    pub(crate) name: String,
    /// Its own CPU time.
    pub(crate) own: Duration,
    /// CPU time of its children that have ended.
    pub(crate) ended_children: Duration,
}

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) now: u32,
    /// The most that was ever resident.
    pub(crate) peak: u32,
}

/// The CPU time of a process and of its children that have ended.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = stat(pid)?;
    Ok(stat.own + stat.ended_children)
}

/// One process.
pub(crate) fn stat(pid: u32) -> io::Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text).ok_or_else(|| io::Error::other("a line of /proc/PID/stat cannot be parsed"))
}

/// The memory of a process; zero for a process that has ended and was not waited for.
pub(crate) fn memory(pid: u32) -> io::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Memory { now: kib(&text, "VmRSS:"), peak: kib(&text, "VmHWM:") })
}

/// The memory of a process that no other process shares, in KiB.
pub(crate) fn private_memory(pid: u32) -> io::Result<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    Ok(kib(&text, "Private_Clean:") + kib(&text, "Private_Dirty:"))
}

/// The number of threads of a process.
pub(crate) fn threads(pid: u32) -> io::Result<u32> {
    // The line has no unit, and is read like the lines that do.
    Ok(kib(&fs::read_to_string(format!("/proc/{pid}/status"))?, "Threads:"))
}

/// The number of TCP connections of a process to this port.
pub(crate) fn connections_to(pid: u32, port: u16) -> io::Result<u32> {
    let of_process: HashSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))?
        .flatten()
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_str()?.to_owned()))
        .filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tables = ["tcp", "tcp6"]
        .map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    let to_port = tables.iter().flat_map(|table| table.lines()).filter_map(|line| inode_to(line, port));
    Ok(to_port.filter(|inode| of_process.contains(*inode)).count().try_into().unwrap_or(u32::MAX))
}

/// The inode of a line of `/proc/net/tcp`, if it is an open connection to this port.
fn inode_to(line: &str, port: u16) -> Option<&str> {
    const ESTABLISHED: &str = "01";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, remote_port) = fields.get(2)?.rsplit_once(':')?;
    let is_meant = u16::from_str_radix(remote_port, 16).ok()? == port && *fields.get(3)? == ESTABLISHED;
    fields.get(9).copied().filter(|_| is_meant)
}

/// The port of an `amqp` address; 5672 if it names none.
pub(crate) fn port_of(url: &str) -> u16 {
    let host = url.rsplit('@').next().unwrap_or_default().split('/').next().unwrap_or_default();
    host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(5672)
}

/// All descendants of this process.
pub(crate) fn descendants(of: u32) -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // Processes that end meanwhile are counted by their parent.
    let all: Vec<Stat> = pids.filter_map(|pid| stat(pid).ok()).collect();
    let parents: HashMap<u32, u32> = all.iter().map(|stat| (stat.pid, stat.parent)).collect();
    let is_below = |pid: u32| {
        let chain = std::iter::successors(parents.get(&pid).copied(), |parent| parents.get(parent).copied());
        chain.take(64).any(|ancestor| ancestor == of)
    };
    all.into_iter().filter(|stat| is_below(stat.pid)).collect()
}

/// The name is in brackets and may contain anything, also brackets. After the last bracket there are only numbers.
fn parse_stat(text: &str) -> Option<Stat> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |index: usize| Some(TICK * fields.get(index)?.parse::<u32>().ok()?);
    Some(Stat {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        name: name.to_owned(),
        own: ticks(11)? + ticks(12)?,
        ended_children: ticks(13)? + ticks(14)?,
    })
}

fn kib(status: &str, field: &str) -> u32 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_parsed_with_any_name() {
        let text = "42 (a) (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 20 5 20 0 9 0 1 2 3";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                pid: 42,
                parent: 7,
                name: "a) (b) c".into(),
                own: Duration::from_secs(2),
                ended_children: Duration::from_millis(250),
            })
        );
        assert_eq!(parse_stat("42 (x) S"), None);
    }

    #[test]
    fn memory_is_read_in_kib() {
        assert_eq!(kib("Name:\tx\nVmHWM:\t   15396 kB\nVmRSS:\t 9000 kB\n", "VmHWM:"), 15396);
        assert!(memory(std::process::id()).unwrap().peak > 0);
    }

    #[test]
    fn connections_to_a_port_are_counted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let count = || connections_to(std::process::id(), address.port()).unwrap();
        assert_eq!(count(), 0);
        let connected = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(count(), 1);
        drop(connected);
        assert_eq!(count(), 0);
    }

    #[test]
    fn the_port_of_an_address_is_found() {
        assert_eq!(port_of("amqp://user:secret@127.0.0.1:4321/%2f"), 4321);
        assert_eq!(port_of("amqp://localhost/%2f"), 5672);
    }

    #[test]
    fn a_child_is_a_descendant() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = descendants(std::process::id()).iter().any(|stat| stat.pid == child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
