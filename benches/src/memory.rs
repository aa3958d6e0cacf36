//! Whether memory stays flat over a long list: the memory of import, producer and consumers, read every second.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::figures::{Figures, MEBIBYTES, PER_SECOND};
use crate::flowcast::{Flowcast, Role};
use crate::ledger::Ledger;
use crate::list;
use crate::output::{line, table, thousands};
use crate::services::Services;
use crate::stand::Stand;
use crate::usage::{self, Memory};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Rows of the printed tables.
const ROWS: usize = 12;
/// The most growth from the second fifth to the last that counts as flat.
const ALLOWED_SHARE: f64 = 1.1;
const ALLOWED_MIB: f64 = 4.0;

/// Resident memory of one process at each reading, in MiB.
struct Course {
    name: String,
    mib: Vec<f64>,
}

/// Imports and sends a list, prints the memory over time, and returns the verdict.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    (consumers, recipients): (u32, u32),
    figures: &mut Figures,
) -> anyhow::Result<String> {
    let mut stand = Stand::start(services, flowcast, consumers).await?;
    let id = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + recipients)?.display().to_string();
    let mut import = Course { name: "import".to_owned(), mib: Vec::new() };
    let arguments = ["campaign", "import", &id.to_string(), &list];
    let ran = flowcast.run(&arguments, &stand.surroundings, |memory| import.look(memory)).await?;
    let title = format!("{} recipients", thousands(recipients));
    figures.add(format!("{title}: import"), PER_SECOND, f64::from(recipients) / ran.time.as_secs_f64());
    figures.add(format!("{title}: peak memory of import"), MEBIBYTES, f64::from(ran.memory.peak) / 1024.0);

    stand.start_campaign(flowcast, id).await?;
    let started = Instant::now();
    let watched: Vec<(String, u32)> = stand.roles().map(|role| (role.name.clone(), role.pid)).collect();
    let ledger = stand.ledger.clone();
    let mut courses: Vec<Course> =
        watched.iter().map(|(name, _)| Course { name: name.clone(), mib: Vec::new() }).collect();
    let mut done = Vec::new();
    let committed = tokio::select! {
        committed = stand.wait_until_sent(id, recipients) => committed?,
        Err(error) = watch(&ledger, &watched, &mut done, &mut courses) => return Err(error),
    };
    stand.check(id, recipients).await?;
    let seconds = (committed - started).as_secs_f64();
    figures.add(format!("{title}: sending"), PER_SECOND, f64::from(recipients) / seconds);
    for role in stand.roles() {
        figures.add(format!("{title}: peak memory of {}", role.name), MEBIBYTES, peak_mib(role)?);
    }
    stand.stop().await?;
    print(&done, &courses);
    courses.insert(0, import);
    Ok(courses.iter().map(Course::verdict).collect::<Vec<_>>().join("\n"))
}

/// Reads the memory until it is dropped.
async fn watch(
    ledger: &Ledger,
    watched: &[(String, u32)],
    done: &mut Vec<u32>,
    courses: &mut [Course],
) -> anyhow::Result<Infallible> {
    let mut look = interval(LOOK_EVERY);
    loop {
        look.tick().await;
        done.push(ledger.summary().await?.accepted);
        for (course, (_, pid)) in courses.iter_mut().zip(watched) {
            course.look(usage::memory(*pid)?);
        }
    }
}

fn peak_mib(role: &Role) -> anyhow::Result<f64> {
    Ok(f64::from(role.memory()?.peak) / 1024.0)
}

/// Some of the readings, evenly spread.
fn print(done: &[u32], courses: &[Course]) {
    let mut header = vec!["recipients sent to"];
    header.extend(courses.iter().map(|course| course.name.as_str()));
    let every = done.len().div_ceil(ROWS).max(1);
    let rows: Vec<Vec<String>> = done
        .iter()
        .enumerate()
        .filter(|(index, _)| index % every == 0 || index + 1 == done.len())
        .map(|(index, done)| {
            let cells = courses.iter().map(|course| course.at(index));
            std::iter::once(thousands(*done)).chain(cells).collect()
        })
        .collect();
    line("\nresident memory in MiB");
    table(&header, &rows);
}

impl Course {
    fn look(&mut self, memory: Memory) {
        if memory.now > 0 {
            self.mib.push(f64::from(memory.now) / 1024.0);
        }
    }

    fn at(&self, index: usize) -> String {
        self.mib.get(index).map_or_else(String::new, |mib| format!("{mib:.1}"))
    }

    /// Compares the last fifth with the second; the first one is the warm-up.
    fn verdict(&self) -> String {
        let fifth = self.mib.len() / 5;
        let mean = |looks: Option<&[f64]>| {
            let looks = looks.unwrap_or_default();
            let n = u32::try_from(looks.len().max(1)).map_or(1.0, f64::from);
            looks.iter().sum::<f64>() / n
        };
        let early = mean(self.mib.get(fifth..fifth * 2));
        let late = mean(self.mib.get(self.mib.len().saturating_sub(fifth)..));
        let flat = late <= early * ALLOWED_SHARE || late <= early + ALLOWED_MIB;
        let word = if fifth == 0 {
            "too short for a verdict"
        } else if flat {
            "flat"
        } else {
            "NOT flat"
        };
        format!(
            "memory of {}: {word} ({early:.1} MiB in the second fifth, {late:.1} MiB in the last)",
            self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(mib: impl Iterator<Item = f64>) -> String {
        Course { name: "x".into(), mib: mib.collect() }.verdict()
    }

    #[test]
    fn growing_memory_is_not_reported_as_flat() {
        assert!(verdict((0..100).map(|n| 40.0 + f64::from(n % 3))).starts_with("memory of x: flat"));
        assert!(verdict((0..100).map(|n| 40.0 + f64::from(n))).starts_with("memory of x: NOT flat"));
        assert!(verdict([40.0].into_iter()).contains("too short"));
    }
}
