//! Metrics as statics: a name, a help text, labels, and one series for each combination of values.

use std::fmt::Debug;
use std::sync::atomic::AtomicU64;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::registry::{Registry, Unit};

use crate::label::{Label, Values};

/// A number of events.
pub type Counter = prometheus_client::metrics::counter::Counter;
type FloatCounter = prometheus_client::metrics::counter::Counter<f64, AtomicU64>;
/// A present value.
pub type Gauge = prometheus_client::metrics::gauge::Gauge<f64, AtomicU64>;
/// A distribution of values.
pub type Histogram = prometheus_client::metrics::histogram::Histogram;

/// A counter for each combination of label values.
pub type Counters = Vector<Counter>;
/// A counter of a quantity that is no whole number, for each combination of label values.
pub(crate) type FloatCounters = Vector<FloatCounter>;
/// A gauge for each combination of label values.
pub type Gauges = Vector<Gauge>;
/// A histogram for each combination of label values.
pub type Histograms = Vector<Histogram>;

/// Rows of a gauge that is set as a whole: the values of the labels, and the value.
pub type Rows<'a> = Vec<(Vec<&'a str>, f64)>;

type LabelValues = Vec<(&'static str, String)>;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number of events, which only grows. Its series end in `_total`.
    Counter,
    /// A present value.
    Gauge,
    /// A distribution of values, with these upper bounds.
    Histogram(&'static [f64]),
}

/// Held while gauges are replaced, and shared while metrics are written.
static WRITING: RwLock<()> = RwLock::new(());

/// Metrics are complete while the guard exists.
pub(crate) fn complete() -> RwLockReadGuard<'static, ()> {
    WRITING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces all series of these gauges in one step, so that no scrape sees half of them.
pub fn replace_together(gauges: &[(&Gauges, Rows<'_>)]) {
    let _complete = WRITING.write().unwrap_or_else(PoisonError::into_inner);
    for (gauge, rows) in gauges {
        gauge.replace(rows);
    }
}

/// A metric with its labels.
#[derive(Debug)]
pub struct Vector<M> {
    name: &'static str,
    help: &'static str,
    labels: &'static [Label],
    maker: Maker,
    family: OnceLock<Family<LabelValues, M, Maker>>,
}

/// Makes the series of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Maker(Kind);

impl MetricConstructor<Counter> for Maker {
    fn new_metric(&self) -> Counter {
        Counter::default()
    }
}

impl MetricConstructor<FloatCounter> for Maker {
    fn new_metric(&self) -> FloatCounter {
        FloatCounter::default()
    }
}

impl MetricConstructor<Gauge> for Maker {
    fn new_metric(&self) -> Gauge {
        Gauge::default()
    }
}

impl MetricConstructor<Histogram> for Maker {
    fn new_metric(&self) -> Histogram {
        let bounds = if let Kind::Histogram(bounds) = self.0 { bounds } else { &[] };
        Histogram::new(bounds.iter().copied())
    }
}

impl Counters {
    /// A counter; its name without `_total`.
    pub const fn counters(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        Self { name, help, labels, maker: Maker(Kind::Counter), family: OnceLock::new() }
    }
}

impl FloatCounters {
    /// A counter; its name without `_total`.
    pub(crate) const fn float_counters(
        name: &'static str,
        help: &'static str,
        labels: &'static [Label],
    ) -> Self {
        Self { name, help, labels, maker: Maker(Kind::Counter), family: OnceLock::new() }
    }
}

impl Gauges {
    /// A gauge.
    pub const fn gauges(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        Self { name, help, labels, maker: Maker(Kind::Gauge), family: OnceLock::new() }
    }

    /// Removes all series and sets these. Rows of senders that share a label are added, or give their greatest value if they are ages.
    fn replace(&self, rows: &Rows<'_>) {
        self.family().clear();
        for (values, value) in rows {
            let series = self.with(values);
            if self.name.ends_with("_seconds") {
                series.set(series.get().max(*value));
            } else {
                series.inc_by(*value);
            }
        }
    }
}

impl Histograms {
    /// A histogram with these upper bounds.
    pub const fn histograms(
        name: &'static str,
        help: &'static str,
        labels: &'static [Label],
        bounds: &'static [f64],
    ) -> Self {
        Self { name, help, labels, maker: Maker(Kind::Histogram(bounds)), family: OnceLock::new() }
    }
}

impl<M: Clone> Vector<M>
where
    Maker: MetricConstructor<M>,
{
    fn family(&self) -> &Family<LabelValues, M, Maker> {
        self.family.get_or_init(|| Family::new_with_constructor(self.maker))
    }

    /// The series with these values, in the order of the labels. It is created if it does not exist. The handle is cheap to clone
    /// and to use; this call is not.
    pub fn with(&self, values: &[&str]) -> M {
        debug_assert_eq!(values.len(), self.labels.len(), "{}: one value for each label", self.name);
        let pairs = self.labels.iter().zip(values);
        let values = pairs.map(|(label, value)| (label.name, label.admit(value))).collect();
        self.family().get_or_create_owned(&values)
    }
}

/// A metric, for the exporter and the documents.
pub trait Instrument: Sync {
    /// Its name, without the suffix of a counter.
    fn name(&self) -> &'static str;
    /// What it is.
    fn help(&self) -> &'static str;
    /// Its labels.
    fn labels(&self) -> &'static [Label];
    /// Its kind.
    fn kind(&self) -> Kind;
    /// Creates all series with 0, if all labels have closed lists.
    fn begin_with_zero(&self);
    /// Adds it to a registry.
    fn register(&self, registry: &mut Registry);
}

impl<M> Instrument for Vector<M>
where
    M: Clone + Debug + EncodeMetric + TypedMetric + Send + Sync + 'static,
    Maker: MetricConstructor<M>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn labels(&self) -> &'static [Label] {
        self.labels
    }

    fn kind(&self) -> Kind {
        self.maker.0
    }

    fn begin_with_zero(&self) {
        for values in combinations(self.labels) {
            self.with(&values);
        }
    }

    fn register(&self, registry: &mut Registry) {
        // The registry adds the point at the end.
        let (family, help) = (self.family().clone(), self.help.trim_end_matches('.'));
        match unit(self.name) {
            Some((name, unit)) => registry.register_with_unit(name, help, unit, family),
            None => registry.register(self.name, help, family),
        }
    }
}

/// The name without its unit, and the unit, which the registry adds again.
fn unit(name: &str) -> Option<(&str, Unit)> {
    let seconds = name.strip_suffix("_seconds").map(|name| (name, Unit::Seconds));
    seconds.or_else(|| name.strip_suffix("_bytes").map(|name| (name, Unit::Bytes)))
}

/// All combinations of values, or none if a label has no closed list.
fn combinations(labels: &[Label]) -> Vec<Vec<&'static str>> {
    let mut all = vec![Vec::new()];
    for label in labels {
        let Values::Closed(values) = label.values else { return Vec::new() };
        all =
            all.iter().flat_map(|done| values.iter().map(|value| [&done[..], &[*value]].concat())).collect();
    }
    all
}
