//! `docs/METRICS.md`, written from the declarations of the metrics and compared with them.

use std::collections::BTreeSet;
use std::path::Path;

use telemetry::{Kind, Section, Values, markdown};

const INTRODUCTION: &str = "# Metrics

<!-- Written from the code: FLOWCAST_UPDATE_METRICS=1 cargo nextest run -p cli metrics_page -->

Every role has a listener for metrics and health: `[metrics] listen`, or `FLOWCAST_METRICS_LISTEN`. Without a setting it is the first free port
from 9464 to 9473 on 127.0.0.1; the log says which. If the address is set and in use, the role does not start. `none` turns the listener off. The listener has
neither TLS nor log-in: use loopback or an address that only the monitoring reaches. It contains no phone number, message or key.

| path | 200 means |
|---|---|
| `/metrics` | always; the Prometheus text format 0.0.4, or OpenMetrics if the client accepts it |
| `/healthz` | the process executes tasks. It does not depend on PostgreSQL or RabbitMQ, because a restart mends neither. Use it as liveness probe |
| `/startupz` | every part was ready once. Use it as startup probe |
| `/readyz` | every part is ready that has to be. 503 from SIGTERM on, with the status `draining`. Use it as readiness probe |

The parts of `/readyz`: `schema`; `postgres`, which answered within 10 seconds; `broker` of a producer; `senders` of a consumer, each with the state of its
connection to RabbitMQ; `queue` of a server. Producers and consumers stay ready when they lose PostgreSQL or RabbitMQ later, because no request is routed
to them. A server is ready only while it can commit. `flowcast health [--role ROLE] [--alive]` asks a role on the same machine, and exits with 0 or 5. With
`Type=notify`, systemd gets `READY=1`, `STOPPING=1`, and `WATCHDOG=1` from the runtime if `WatchdogSec` is set.

Each series below has the label `role`, except those of the installation. Histograms have no label `sender`. A series whose labels all have a list of values exists
from the start with 0. At most `[metrics] senders` senders (200) have series of their own; all others share `_other`. One consumer has at most
500 series, and 45 more for each sender; one producer 1,000, and 45 more for each sender that it feeds. With 205 senders and 1,000 paused campaigns, an idle consumer had 3,883 and a
producer 7,509.";

fn sections() -> [Section<'static>; 6] {
    [
        Section { heading: "All roles", text: "", instruments: telemetry::INSTRUMENTS },
        Section { heading: "PostgreSQL, as each process sees it", text: "", instruments: store::INSTRUMENTS },
        Section {
            heading: "RabbitMQ, as producers and consumers see it",
            text: "",
            instruments: broker::INSTRUMENTS,
        },
        Section { heading: "Consumer", text: "", instruments: consumer::INSTRUMENTS },
        Section { heading: "Producer", text: "", instruments: producer::INSTRUMENTS },
        Section { heading: "Server", text: "", instruments: server::INSTRUMENTS },
    ]
}

const OF_INSTALLATION: &str = "These series come from one process each: the producer that feeds the sender reads them from PostgreSQL every 5 \
    seconds, and they move with the feed. Series without `sender` and `campaign` come from the producer that feeds the first sender, \
    and those of synchronous standbys from every producer. They have no label `role`. \
    `flowcast metrics` prints them once, for example for the textfile collector of node_exporter; `flowcast_queue_ready` and `flowcast_state_age_seconds` are \
    known to producers only. A producer that cannot read PostgreSQL for 15 seconds shows only `flowcast_state_age_seconds`.";

fn all() -> Vec<Section<'static>> {
    let installation = Section {
        heading: "The installation",
        text: OF_INSTALLATION,
        instruments: producer::INSTALLATION_INSTRUMENTS,
    };
    sections().into_iter().chain([installation]).collect()
}

#[test]
fn the_page_of_the_metrics_has_what_the_code_declares() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/METRICS.md");
    let page = markdown(INTRODUCTION, &all());
    if std::env::var_os("FLOWCAST_UPDATE_METRICS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let message = "the metrics changed; if that is intended, renew docs/METRICS.md with FLOWCAST_UPDATE_METRICS=1 cargo nextest run -p cli metrics_page";
    assert!(page == written, "{message}");
}

#[test]
fn names_follow_the_conventions_of_prometheus_and_are_unique() {
    let mut names = BTreeSet::new();
    for instrument in all().iter().flat_map(|section| section.instruments) {
        let name = instrument.name();
        assert!(names.insert(name), "{name} is declared twice");
        assert!(name.starts_with("flowcast_") || name.starts_with("process_"), "{name}");
        assert!(!name.ends_with("_total"), "{name}: the suffix of a counter is added");
        assert!(!instrument.help().ends_with('.'), "{name}: the point is added");
        let senders =
            instrument.labels().iter().filter(|label| matches!(label.values, Values::Senders)).count();
        if let Kind::Histogram(bounds) = instrument.kind() {
            assert_eq!(senders, 0, "{name}: buckets, senders and processes multiply");
            assert!(bounds.is_sorted() && bounds.len() <= 12, "{name}: {bounds:?}");
        }
        for label in instrument.labels() {
            // Prometheus sets these itself.
            assert!(
                !["job", "instance", "le", "role", "quantile"].contains(&label.name),
                "{name}: {}",
                label.name
            );
        }
    }
    assert!(names.len() > 80, "{}", names.len());
}
