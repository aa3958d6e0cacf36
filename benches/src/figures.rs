//! The measured figures, the spread of their runs, and the final table.

use crate::output::{number, table};

/// The unit of speeds.
pub(crate) const PER_SECOND: &str = "/s";
/// The unit of costs: CPU time of one process, user and system, per recipient.
pub(crate) const CPU_MICROS: &str = "µs CPU each";
/// The unit of memory.
pub(crate) const MEBIBYTES: &str = "MiB";

/// Every figure, in the order of its first measurement.
#[derive(Default)]
pub(crate) struct Figures {
    figures: Vec<Figure>,
    /// The figure of the whole pipeline, with which ceilings are compared: that of the largest number of consumers.
    pipeline: Option<String>,
}

struct Figure {
    what: String,
    unit: &'static str,
    is_ceiling: bool,
    values: Vec<f64>,
}

impl Figures {
    /// Adds the measurement of one run.
    pub(crate) fn add(&mut self, what: impl Into<String>, unit: &'static str, value: f64) {
        self.push(what.into(), unit, false, value);
    }

    /// Adds the speed of one step alone, which the table compares with the pipeline.
    pub(crate) fn add_ceiling(&mut self, what: impl Into<String>, value: f64) {
        self.push(what.into(), PER_SECOND, true, value);
    }

    /// Names the figure of the pipeline; the last call counts.
    pub(crate) fn pipeline_is(&mut self, what: impl Into<String>) {
        self.pipeline = Some(what.into());
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        let pipeline = self.pipeline.as_deref().and_then(|what| {
            self.figures.iter().find(|figure| figure.what == what).map(|figure| figure.spread().median)
        });
        let rows: Vec<Vec<String>> = self
            .figures
            .iter()
            .map(|figure| {
                let Spread { median, least, most } = figure.spread();
                let share = pipeline.filter(|_| figure.is_ceiling);
                vec![
                    figure.what.clone(),
                    figure.unit.to_owned(),
                    number(median),
                    if figure.values.len() > 1 {
                        format!("{} – {}", number(least), number(most))
                    } else {
                        String::new()
                    },
                    share.map(|pipeline| format!("{:.2}", pipeline / median)).unwrap_or_default(),
                ]
            })
            .collect();
        table(&["what", "unit", "median", "least – most", "pipeline is ×"], &rows);
    }

    fn push(&mut self, what: String, unit: &'static str, is_ceiling: bool, value: f64) {
        match self.figures.iter_mut().find(|figure| figure.what == what && figure.unit == unit) {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure { what, unit, is_ceiling, values: vec![value] }),
        }
    }
}

impl Figure {
    fn spread(&self) -> Spread {
        spread(&self.values)
    }
}

/// Median, minimum and maximum of several runs.
#[derive(Debug, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

fn spread(values: &[f64]) -> Spread {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let (below, above) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
    Spread {
        median: f64::midpoint(at(below), at(above)),
        least: at(0),
        most: at(sorted.len().saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_runs() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(spread(&[4.0, 1.0]), Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(spread(&[7.0]), Spread { median: 7.0, least: 7.0, most: 7.0 });
    }
}
