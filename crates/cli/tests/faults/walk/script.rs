//! The blocks of docs/DEPLOY.md, what is done otherwise, and what must hold after which block.
//!
//! **Invariants.** Each adaptation must have been of use, and each outcome must have been checked, so that neither outlives a change of
//! the document.

use Outcome::{Holds, Says};

/// What is done otherwise than in the document, and why.
const ADAPTATIONS: &[(&str, &str, &str)] = &[
    (
        "COMPOSE_PROJECT_NAME=flowcast\n",
        "COMPOSE_PROJECT_NAME=$PROJECT\n$SETTINGS\n",
        "beside an installation that is there: project, image, ports; the image is compiled without the long link of a release",
    ),
    ("http://127.0.0.1:8070/", "http://127.0.0.1:$SIMULATOR_PORT/", "the port of the simulator"),
    ("http://127.0.0.1:8080/", "http://127.0.0.1:$SERVER_PORT/", "the port of the server"),
    (
        "docker-compose run --rm server check-config\n",
        "docker-compose run --rm server check-config\nuntil_it_answers\n",
        "a person types slower than a server starts",
    ),
    (
        "docker-compose build migrate\n",
        "docker-compose -f docker-compose.yml -f walk.yml build migrate\n",
        "the build may need the network of the host to reach the registry of crates",
    ),
    ("logs --follow --tail 0", "logs --tail 1", "following does not end by itself"),
];

/// Version 2 has another name.
pub(super) const DOCKER_COMPOSE: &str =
    "command -v docker-compose >/dev/null || docker-compose() { docker compose \"$@\"; }\n";

/// Run before the first block. The file `settings` has the ports, the name of the image, and its Cargo profile.
pub(super) const PRELUDE: &str = r#"
set -euo pipefail
printf 'services:\n  migrate:\n    build:\n      network: host\n' > walk.yml
SETTINGS=$(cat settings)
. ./settings
sql() { docker-compose exec -T postgres psql -U flowcast -At -c "$1"; }
running() {
  for service in "$@"; do [ -n "$(docker-compose ps -q "$service")" ] || return 1; done
  [ "$(docker inspect -f '{{.State.Running}}' $(docker-compose ps -q "$@") | sort -u)" = true ]
}
until_it_answers() { curl -s --retry 60 --retry-delay 1 --retry-all-errors -o /dev/null "http://127.0.0.1:$SERVER_PORT/health"; }
"#;

/// What must hold after a block.
pub(super) enum Outcome {
    /// The block printed this.
    Says(&'static str),
    /// This shell condition is true.
    Holds(&'static str),
}

/// What must hold after the block in which this line is.
pub(super) const OUTCOMES: &[(&str, Outcome)] = &[
    ("mkdir -p campaigns\n", Holds("running postgres rabbitmq producer consumer server")),
    (
        "mkdir -p campaigns\n",
        Holds("[ $(docker inspect -f '{{.State.ExitCode}}' $(docker-compose ps -a -q migrate)) = 0 ]"),
    ),
    ("flowcast check-config\n", Says("configuration, temporary folder, Postgres and RabbitMQ are fine")),
    ("flowcast sender list\n", Says("ke-main")),
    ("flowcast campaign import 1 ", Says("1,000 rows: 1,000 imported, 0 duplicates, 0 rejected")),
    (
        "flowcast campaign import 1 ",
        Holds(
            "[ $(sql \"select count(*) from recipient where campaign_id = 1 and state = 'accepted'\") = 1000 ]",
        ),
    ),
    ("flowcast campaign import 1 ", Holds("[ $(sql 'select state from campaign where id = 1') = finished ]")),
    (
        "/_admin/summary",
        Says(
            "\"requests\":1000,\"accepted\":1000,\"distinct_recipients\":1000,\"accepted_more_than_once\":0",
        ),
    ),
    ("/_admin/summary", Holds("[ $(sql 'select sum(difference) from report.conservation') = 0 ]")),
    ("--errors campaigns/errors.csv", Says("1,001 rows: 1,000 imported, 0 duplicates, 1 rejected")),
    (
        "--errors campaigns/errors.csv",
        Holds(
            "[ -O campaigns/errors.csv ] && grep -q '12,Guest,the number is too short' campaigns/errors.csv",
        ),
    ),
    (
        "> campaigns/accepted.csv",
        Holds("[ $(wc -l < campaigns/accepted.csv) = 1001 ] && ! grep -q $'\\r' campaigns/accepted.csv"),
    ),
    ("> campaigns/accepted.csv", Says("1,000 rows: 0 imported, 1,000 duplicates, 0 rejected")),
    ("flowcast sender webhook ke-main", Says("https://flowcast.example.org/webhook/")),
    (
        "docker-compose run --rm server check-config\n",
        Says("configuration, temporary folder, Postgres and RabbitMQ are fine"),
    ),
    ("/campaigns/3/lists", Says("\"uploaded\":1000,\"imported\":1000")),
    ("/campaigns/3/lists", Holds("[ $(sql 'select count(*) from recipient where campaign_id = 3') = 1000 ]")),
    ("/campaigns/3/lists", Holds("[ -z \"$(docker-compose exec -T server ls -A /tmp)\" ]")),
    ("--scale consumer=2", Holds("[ $(docker-compose ps -q consumer | wc -l) = 2 ] && running consumer")),
    ("FLOWCAST_CONSUMERS=2", Holds("[ $(docker-compose ps -q consumer | wc -l) = 2 ] && running consumer")),
    ("report.conservation", Says("finished")),
    (
        "> flowcast.dump",
        Holds("[ \"$(head -c 5 flowcast.dump)\" = PGDMP ] && running producer consumer server"),
    ),
    ("> flowcast.dump", Holds("! docker-compose logs --no-color | grep -i 'read-only file system'")),
    ("docker-compose down\n", Holds("[ -z \"$(docker-compose ps -q)\" ]")),
];

/// A `sh` block of the document.
pub(super) struct Block {
    pub(super) heading: String,
    pub(super) text: String,
}

/// The blocks of the document, adapted.
pub(super) fn blocks(document: &str) -> Vec<Block> {
    let (mut blocks, mut heading, mut text) = (Vec::new(), String::new(), None::<String>);
    for line in document.lines() {
        match (&mut text, line) {
            (None, "```sh") => text = Some(String::new()),
            (None, _) => {
                if let Some(title) = line.strip_prefix("## ") {
                    title.clone_into(&mut heading);
                }
            }
            (Some(_), "```") => {
                blocks.extend(text.take().map(|text| Block { heading: heading.clone(), text }));
            }
            (Some(text), line) => text.extend([line, "\n"]),
        }
    }
    for (from, to, why) in ADAPTATIONS {
        assert!(
            blocks.iter().any(|block| block.text.contains(from)),
            "no block has {from:?} any more ({why})"
        );
        for block in &mut blocks {
            block.text = block.text.replace(from, to);
        }
    }
    blocks
}
