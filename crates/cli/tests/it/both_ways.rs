//! A command has the same output and the same exit code through the database and through the API of a server.

use std::collections::BTreeSet;
use std::process::Output;

use regex::Regex;
use simulator::Config;

use crate::api_server::{ApiServer, key, through};
use crate::command_table::{DATABASE_ONLY, LOCAL, Step, TABLE};
use crate::world::{CAMPAIGN, World};

/// Files in the folders of both installations.
const FILES: [(&str, &str); 11] = [
    ("c.toml", CAMPAIGN),
    ("broken.toml", "name = \"x\"\n[flow]\nbody = \"{{ }\"\n"),
    ("list.csv", "phone,first_name\n0712000001,Anna\n+254712000002,Ben\n12,Nobody\n0712000001,Again\n"),
    ("more.csv", "phone;first_name;note\n0712000011;Zoë;\"a\"\n0712000012;Carl;b\n0712000012345;Long;c\n"),
    ("numbers.csv", "phone\n+254712000021\n+254712000022\n7\n"),
    ("empty.csv", ""),
    ("header.csv", "phone,first_name\n"),
    ("page.csv", "<html></html>"),
    ("prices.csv", "calling_code,price\n254,0.0450\ndefault,1.5\n"),
    ("flow.json", include_str!("../../../../examples/flow.json")),
    ("wrong.csv", "calling_code,price\n254,cheap\n"),
];

/// The output of a command with parts that differ from run to run replaced.
fn shape(output: &Output, actor: &str) -> (Option<i32>, String, String) {
    let parts = [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)?", "TIME"),
        (r"(command|api_key):\w+", "ACTOR"),
        (r#""actor": "\w+""#, r#""actor": "ACTOR""#),
        (r#"("actor_kind"|"address"|"user_agent"|"request_id"): .*"#, "$1: …"),
        (r"http://127\.0\.0\.1:\d+", "http://ADDRESS"),
        (r"/webhook/\S+", "/webhook/SECRET"),
        (r"verify token  \S+", "verify token  SECRET"),
        (r"hash of the last row is \w+", "hash of the last row is HASH"),
        (r" +", " "),
        (r"whole: \d+ rows", "whole: N rows"),
        (r"(?m)^ ?\d+ TIME ", "ROW TIME "),
        (r#""audit_id": \d+"#, r#""audit_id": ROW"#),
        (r"(?m)^\w{8} test (.*) (TIME|-) -$", "ID test $1 USED -"),
        (r#""id": "\w+""#, r#""id": "ID""#),
        (r#""last_used_at": .*"#, r#""last_used_at": USED"#),
    ];
    let replaced = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(actor, "operator");
        parts
            .iter()
            .fold(text, |text, (part, with)| Regex::new(part).unwrap().replace_all(&text, *with).into_owned())
    };
    (output.status.code(), replaced(&output.stdout), replaced(&output.stderr))
}

#[tokio::test]
async fn each_command_prints_the_same_and_ends_with_the_same_code() {
    let database = World::new("both_database", "none", Config::default()).await;
    let mut remote = World::new("both_api", "none", Config::default()).await;
    let api = ApiServer::start(&mut remote, &[]).await;
    let admin = key(&remote, "admin", &["--numbers"]).await;
    let id = admin.split('_').nth(1).unwrap();
    key(&database, "admin", &["--numbers"]).await;
    for (name, text) in FILES {
        database.file(name, text);
        remote.file(name, text);
    }
    let (mut compared, mut codes, mut different) = (0, BTreeSet::new(), Vec::new());
    for step in TABLE {
        let arguments = match step {
            Step::Command(arguments) => *arguments,
            Step::Sql(statement) => {
                database.look.batch_execute(statement).await.unwrap();
                remote.look.batch_execute(statement).await.unwrap();
                continue;
            }
        };
        let (mut direct, mut through) =
            (database.command(arguments), through(&remote, &api, &admin, arguments));
        let (direct, through) = tokio::join!(direct.output(), through.output());
        let (direct, through) = (direct.unwrap(), through.unwrap());
        let (one, other) = (shape(&direct, "operator"), shape(&through, id));
        if one != other {
            different.push(format!("{arguments:?}\n{one:?}\n{other:?}"));
        }
        assert!(!String::from_utf8_lossy(&through.stderr).contains(&admin), "{arguments:?}");
        codes.extend(direct.status.code());
        compared += 1;
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
    assert!(compared > 100, "{compared}");
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [0, 3, 4], "each kind of result is compared");
    let annotated = |world: &World| std::fs::read_to_string(world.folder.path().join("errors.csv")).ok();
    assert!(annotated(&database).is_some() && annotated(&database) == annotated(&remote));
    for (command, arguments) in DATABASE_ONLY {
        let refused = through(&remote, &api, &admin, arguments).output().await.unwrap();
        let says = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(4), "{command}: {says}");
        assert!(says.lines().count() == 1 && says.contains("unset FLOWCAST_URL"), "{command}: {says}");
    }
    database.close().await;
    remote.close().await;
}

/// The subcommands that the help of a command lists.
async fn subcommands(world: &World, path: &[String]) -> Vec<String> {
    let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let help = world.ok(&arguments).await;
    let Some((_, listed)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let listed = listed.split("\n\n").next().unwrap();
    let name = |line: &str| {
        line.strip_prefix("  ")
            .filter(|line| !line.starts_with(' '))?
            .split_whitespace()
            .next()
            .map(str::to_owned)
    };
    listed.lines().filter_map(name).filter(|name| name != "help").collect()
}

#[tokio::test]
async fn every_command_is_in_the_table_or_needs_the_database() {
    let world = World::bare("both_commands", Config::default()).await;
    let (mut unread, mut commands) = (vec![Vec::new()], Vec::new());
    while let Some(path) = unread.pop() {
        let found = subcommands(&world, &path).await;
        if found.is_empty() {
            commands.push(path.join(" "));
        }
        unread.extend(found.into_iter().map(|name| [path.clone(), vec![name]].concat()));
    }
    assert!(commands.len() > 50, "{commands:?}");
    for command in &commands {
        let is_of =
            |arguments: &[&str]| format!("{} ", arguments.join(" ")).starts_with(&format!("{command} "));
        let in_table = TABLE.iter().any(|step| matches!(step, Step::Command(arguments) if is_of(arguments)));
        let elsewhere =
            DATABASE_ONLY.iter().any(|(_, arguments)| is_of(arguments)) || LOCAL.contains(&command.as_str());
        assert!(in_table != elsewhere, "'{command}' is in no table, or in both");
    }
    world.close().await;
}
