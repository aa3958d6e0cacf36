//! What a campaign file and its texts may do, from `create` to the last message.

use simulator::Config;

use crate::world::World;

const HEAD: &str = "name = \"t\"\nsender = \"ke-main\"\n";
const TEMPLATE: &str =
    "[template]\nname = \"visit\"\nlanguage = \"en\"\nbody = [\"{{ first_name }}\", \"{{ address }}\"]\n";
/// Rows 2, 4 and 5 hold what Meta takes in no variable of a template; row 2 goes over two lines of the file.
const LIST: &str = "phone,first_name,address\n+254712000601,Anna,\"Line one\nLine two\"\n+254712000602,Ben,Plain\n\
    +254712000603,\"Cy\tTab\",Plain\n+254712000604,\"Five     spaces\",Plain\n";

async fn create(world: &World, text: &str) -> String {
    let file = world.file("campaign.toml", text);
    world.ok(&["campaign", "create", &file]).await.trim().to_owned()
}

#[tokio::test]
async fn whoever_takes_too_many_steps_to_fill_in_fails_alone_and_everybody_else_is_sent_to() {
    let mut world = World::new("texts_limit", "none", Config::default()).await;
    let body = "Hello {{ first_name }}{% if first_name == 'Mallory' %}{% for a in range(1000) %}{% for b in range(1000) %}\
        {% endfor %}{% endfor %}{% endif %}";
    let flow = format!(
        "{HEAD}[flow]\nbody = \"{body}\"\ncta = \"Open\"\nflow_id = \"1\"\nscreen = \"W\"\n[policy]\nassume_window = \"open\"\n"
    );
    let id = create(&world, &flow).await;
    let name = |n| if n % 4 == 0 { "Mallory" } else { "Anna" };
    let rows: Vec<String> = (0..40).map(|n| format!("{},{}\n", 254_712_000_000_u64 + n, name(n))).collect();
    let list = world.file("list.csv", format!("phone,first_name\n{}", rows.concat()));
    world.ok(&["campaign", "import", &id, &list]).await;
    let said = world.ok(&["campaign", "check", &id]).await;
    let told = "warning: 10 recipients cannot be sent to (the first: 1): [flow] body: filling in this text takes too many steps";
    assert!(said.contains(told), "{said}");
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    assert_eq!(world.count("select count(*) from recipient where state = 'accepted'").await, 30);
    let failed =
        "select count(*) from report.recipient where state = 'failed' and reason_code = 'text_over_limit'
        and reason like 'filling in a text of the message takes too many steps%' and attempts = 0";
    assert_eq!(world.count(failed).await, 10);
    world.close().await;
}

#[tokio::test]
async fn texts_that_no_message_may_have_are_refused_by_create_with_their_place() {
    let world = World::new("texts_create", "none", Config::default()).await;
    let loops = "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}";
    let doubled = "{% set a = first_name ~ first_name %}{{ a }}";
    for (text, says) in [
        (
            format!("{HEAD}[template]\nname = \"t\"\nlanguage = \"en\"\nbody = [\"{loops}\"]\n"),
            "[template] body.0: filling in this text takes too many steps",
        ),
        (
            format!("{HEAD}[template]\nname = \"t\"\nlanguage = \"en\"\nbody = [\"{doubled}\"]\n"),
            "[template] body.0: cannot use {% set %}",
        ),
        (
            format!("{HEAD}[template]\nname = \"t\"\nlanguage = \"en\"\nbody = [\"two\\nlines\"]\n"),
            "[template] body.0: Meta takes no line break",
        ),
        (
            format!("{HEAD}[schedule]\nstart_at = \"2026-12-01T09:00:00\"\n{TEMPLATE}"),
            "'2026-12-01T09:00:00' has no time zone",
        ),
    ] {
        let file = world.file("campaign.toml", &text);
        let (code, said) = world.fails(&["campaign", "create", &file]).await;
        assert!(code == 4 && said.contains(says), "{code} {said}");
    }
    let draft = "[flow]\nbody = \"Hi\"\ncta = \"Open\"\nflow_id = \"1\"\nscreen = \"W\"\nmode = \"draft\"\n[policy]\nassume_window = \"open\"\n";
    let file = world
        .file("campaign.toml", format!("{HEAD}{draft}[schedule]\nstart_at = \"2020-01-01T09:00:00Z\"\n"));
    let created = world.command(&["campaign", "create", &file]).output().await.unwrap();
    let told = String::from_utf8_lossy(&created.stderr).into_owned();
    for says in [
        "warning: [flow] mode is \"draft\": only testers of the flow can open it",
        "warning: schedule.start_at is past (2020-01-01 09:00 UTC)",
    ] {
        assert!(created.status.success() && told.contains(says), "{told}");
    }
    let id = String::from_utf8_lossy(&created.stdout).trim().to_owned();
    let list = world.file("list.csv", "phone\n254712000001\n");
    world.ok(&["campaign", "import", &id, &list]).await;
    let said = world.ok(&["campaign", "check", &id]).await;
    assert!(
        said.contains("warning: [flow] mode is \"draft\"") && said.contains("start_at is past"),
        "{said}"
    );
    world.close().await;
}

#[tokio::test]
async fn cells_that_meta_takes_in_no_template_are_told_at_the_import_or_folded_on_request() {
    let config = Config { provider: simulator::Provider::Meta, ..Config::default() };
    let mut world = World::new("texts_lines", "none", config).await;
    let list = world.file("list.csv", LIST);
    let strict = create(&world, &format!("{HEAD}{TEMPLATE}")).await;
    let said = world.ok(&["campaign", "import", &strict, &list]).await;
    assert!(said.contains("4 rows: 1 imported, 0 duplicates, 3 rejected"), "{said}");
    let refused = "select line, column_name from import_rejection where reason = 'line_break' order by line";
    let refused: Vec<(i32, String)> =
        world.look.query(refused, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [(2, "address"), (5, "first_name"), (6, "first_name")];
    assert_eq!(refused, expected.map(|(line, column)| (line, column.to_owned())));
    let folding = create(&world, &format!("{HEAD}{TEMPLATE}fold_spaces = true\n")).await;
    let said = world.ok(&["campaign", "import", &folding, &list]).await;
    assert!(said.contains("4 rows: 4 imported"), "{said}");
    let _processes = [world.start("producer"), world.start("consumer")];
    for id in [&strict, &folding] {
        world.ok(&["campaign", "start", id]).await;
        world.finished(id).await;
    }
    assert_eq!(world.count("select count(*) from recipient where state = 'accepted'").await, 5);
    assert_eq!(world.ledger().summary().requests, 5, "nothing was refused by the provider");
    world.close().await;
}

#[tokio::test]
async fn check_config_refuses_an_alert_address_and_an_upload_key_that_are_none() {
    let world = World::new("texts_config", "none", Config::default()).await;
    for (file, says) in [
        ("[alerts]\nurl = \"file:///etc/passwd\"\n", "alerts.url has the scheme file"),
        (
            "[alerts]\nurl = \"http://169.254.169.254/latest\"\n",
            "alerts.url is the metadata service of a cloud",
        ),
        ("[server]\nupload_key = \"hunter2-hunter2-hunter2\"\n", "neither env:NAME nor file:PATH"),
        ("[server]\nupload_key = \"file:key\"\n", "the key in file:key has 1 characters"),
    ] {
        world.file("key", "x");
        world.file("flowcast.toml", file);
        let (code, said) = world.fails(&["check-config"]).await;
        assert!(code == 4 && said.contains(says) && !said.contains("hunter2"), "{code} {said}");
    }
    world.close().await;
}
