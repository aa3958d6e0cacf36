//! How exactly a rate is kept: the departures of requests, or their arrivals at the provider, looked at through every sliding window.

use std::time::Duration;

use campaign::Rate;
use simulator::max_in_window;

use crate::world::World;

/// When requests left, in microseconds, by the workers' own record on the database clock. What a busy machine or a proxy
/// does to a request between there and the provider is for the long test of the rate, where nothing else runs beside it.
pub(crate) async fn departures(world: &World) -> Vec<u64> {
    let select = "select (extract(epoch from sent_at) * 1000000)::bigint from attempt order by sent_at";
    let rows = world.look.query(select, &[]).await.unwrap();
    rows.iter().map(|row| u64::try_from(row.get::<_, i64>(0)).unwrap()).collect()
}

/// The windows in which a rate must hold.
const WINDOWS: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(10)];
/// What the network between worker and provider may compress: of the rate in the window.
const JITTER: f64 = 0.02;
/// The requests of one run.
pub(crate) struct Arrivals {
    rate: Rate,
    arrivals_us: Vec<u64>,
}

/// The head of the table that [`Arrivals::row`] fills.
pub(crate) const HEAD: &str = "| rate | workers | arrivals | seconds | used | most in 100 ms (allowed) | in 1 s (allowed) | in 10 s (allowed) | longest gap |";
/// The line below it.
pub(crate) const RULE: &str = "|---|---|---|---|---|---|---|---|---|";

impl Arrivals {
    /// In ascending order, of a sender with this rate.
    pub(crate) fn new(rate: Rate, arrivals_us: Vec<u64>) -> Self {
        Self { rate, arrivals_us }
    }

    /// The share of the rate that was used between the first and the last arrival.
    pub(crate) fn used(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let between = (self.arrivals_us.len() - 1) as f64;
        between / self.seconds() / self.rate.per_second()
    }

    fn seconds(&self) -> f64 {
        let (Some(first), Some(last)) = (self.arrivals_us.first(), self.arrivals_us.last()) else {
            return 0.0;
        };
        Duration::from_micros(last - first).as_secs_f64()
    }

    /// The fullest window of this length, and how many it may hold.
    fn fullest(&self, window: Duration) -> (usize, usize) {
        let most = max_in_window(&self.arrivals_us, u64::try_from(window.as_micros()).unwrap());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
        let allowed = (self.rate.per_second() * window.as_secs_f64() * (1.0 + JITTER)).floor() as usize;
        (most, allowed + usize::try_from(self.rate.burst()).unwrap())
    }

    /// The longest time without an arrival, and when it began, counted from the first.
    fn longest_gap(&self) -> String {
        let gaps = self.arrivals_us.windows(2).map(|pair| (pair[1] - pair[0], pair[0] - self.arrivals_us[0]));
        let (gap, at) = gaps.max().unwrap_or_default();
        format!("{:.0?} at {:.1?}", Duration::from_micros(gap), Duration::from_micros(at))
    }

    /// A line of the table.
    pub(crate) fn row(&self, workers: &str) -> String {
        let windows = WINDOWS.map(|window| {
            let (most, allowed) = self.fullest(window);
            format!("{most} ({allowed})")
        });
        format!(
            "| {} | {workers} | {} | {:.1} | {:.2} % | {} | {} |",
            self.rate,
            self.arrivals_us.len(),
            self.seconds(),
            self.used() * 100.0,
            windows.join(" | "),
            self.longest_gap()
        )
    }

    /// The windows that hold too many.
    pub(crate) fn too_full(&self) -> Vec<String> {
        let counts = WINDOWS.map(|window| (window, self.fullest(window)));
        let full = counts.iter().filter(|(_, (most, allowed))| most > allowed);
        full.map(|(window, (most, allowed))| {
            format!("{}: {most} arrivals in {window:?}, allowed {allowed}", self.rate)
        })
        .collect()
    }
}
