//! CPU time and memory of processes, from `/proc`.
//!
//! The CPU time of a process is user plus system time, including children that have ended. That of a tree is the sum
//! over its living processes. The kernel counts exactly and shows hundredths of a second.

use std::collections::HashMap;
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
    fn a_child_is_a_descendant() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = descendants(std::process::id()).iter().any(|stat| stat.pid == child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
