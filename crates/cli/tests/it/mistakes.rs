//! What people get wrong: one clear sentence each, an exit code that means something, nothing half-done.

use simulator::Config;
use url::Url;

use crate::world::World;

#[tokio::test]
async fn a_messy_list_is_imported_with_each_refusal_told() {
    let world = World::new("messy", "none", Config::default()).await;
    let id = world.draft(0).await;
    let list = world.file(
        "messy.csv",
        "\u{feff}Phone;First name\r\n0712 000 001;Anna\r\n+254712000002;\"Ben; \"\"B\"\"\"\r\n12;Cy\r\nn/a;Dan\r\n\
         0712000001;Anna again\r\n0712000003\r\n2.54712E+11;Fay\r\n",
    );
    let said = world.ok(&["campaign", "import", &id, &list, "--default-country", "KE"]).await;
    let told = "messy.csv: CSV, divided by semicolon, UTF-8\nthe numbers are those of column 'Phone'\n\
                7 rows: 2 imported, 1 duplicates, 4 rejected\n";
    assert!(said.starts_with(told), "{said}");
    for told in [
        "4     12           the number is too short",
        "5     n/a          this is not a phone number",
        "7     0712000003   first_name: a cell that the message needs is empty",
        "8     2.54712E+11  a spreadsheet rounded this number",
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&said).contains(&squeezed(told)), "{told} is not in\n{said}");
    }
    assert_eq!(world.count("select count(*) from recipient").await, 2);
    let name = "select count(*) from recipient where variables ->> 'first_name' = 'Ben; \"B\"'";
    assert_eq!(world.count(name).await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_mistake_is_one_clear_sentence_and_changes_nothing() {
    let world = World::new("mistakes", "none", Config::default()).await;
    let id = world.draft(0).await;
    let no_number = world.file("no_number.csv", "who,first_name\nAnna,Anna\n");
    let no_name = world.file("no_name.csv", "phone\n254712000001\n");
    let lacking = world.file("lacking.csv", "phone,first_name\n254712000001,\n");
    let bad = world.file("bad.toml", "name = \"x\"\nsender = \"nobody\"\n");
    for (arguments, code, says) in [
        (vec!["campaign", "import", &id, "no-such.csv"], 4, "no-such.csv: the list cannot be read"),
        (vec!["campaign", "import", &id, &no_number], 4, "no column looks like the phone number"),
        (vec!["campaign", "import", &id, &no_name], 4, "the message needs first_name"),
        (vec!["campaign", "import", "99", &lacking], 3, "there is no campaign 99"),
        (vec!["campaign", "start", &id], 4, "has no recipients"),
        (vec!["campaign", "status", "99"], 3, "there is no campaign 99"),
        (vec!["campaign", "create", &bad], 4, "[flow]: is missing; write a [flow], a [template], or both"),
        (vec!["campaign", "pause", &id], 4, "is draft; only a running one can be paused"),
        (vec!["sender", "show", "nobody"], 3, "there is no sender 'nobody'"),
        (vec!["campaign", "start", "one"], 2, "invalid value 'one'"),
    ] {
        let (found, said) = world.fails(&arguments).await;
        assert!(said.contains(says), "{arguments:?} said: {said}");
        assert_eq!(found, code, "{arguments:?}: {said}");
    }
    assert_eq!(world.count("select count(*) from recipient").await, 0);
    assert_eq!(world.count("select count(*) from import where uploaded > 0").await, 0);
    // A variable that is empty in a row is found at the import, and once more before the start.
    let said = world.ok(&["campaign", "import", &id, &lacking]).await;
    assert!(said.contains("first_name: a cell that the message needs is empty"), "{said}");
    let whole = world.file("whole.csv", "phone,first_name\n254712000001,Anna\n");
    world.ok(&["campaign", "import", &id, &whole]).await;
    world.look.execute("update recipient set variables = '{\"first_name\": \" \"}'", &[]).await.unwrap();
    let (code, said) = world.fails(&["campaign", "start", &id]).await;
    assert!(said.contains("1 recipient lacks first_name (the first: 1)"), "{said}");
    assert_eq!(code, 4);
    assert_eq!(world.count("select count(*) from campaign where state = 'draft'").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_wrong_sender_is_refused_when_it_is_added() {
    let world = World::new("wrong_sender", "none", Config::default()).await;
    let add = |change: &[(&'static str, &'static str)]| {
        let mut flags = vec![
            ("--provider", "kaleyra"),
            ("--base-url", "https://api.in.kaleyra.io"),
            ("--number", "919900000001"),
            ("--account", "SID"),
            ("--api-key-env", "KEY"),
            ("--rate", "20/s"),
        ];
        for (flag, value) in change {
            flags.retain(|(known, _)| known != flag);
            flags.push((flag, value));
        }
        let flags = flags.into_iter().flat_map(|(flag, value)| [flag, value]);
        ["sender", "add", "other"].into_iter().chain(flags).collect::<Vec<_>>()
    };
    for (change, code, says) in [
        (("--provider", "pigeon"), 2, "unknown provider 'pigeon'; known: kaleyra"),
        (("--rate", "fast"), 2, "'fast' is not a rate; write how many in how long, like 20/s"),
        (("--base-url", "http://api.in.kaleyra.io"), 4, "https"),
        (("--base-url", "kaleyra"), 4, "is not an address"),
    ] {
        let (found, said) = world.fails(&add(&[change])).await;
        assert!(said.contains(says), "{change:?} said: {said}");
        assert_eq!(found, code, "{said}");
    }
    world.ok(&add(&[])).await;
    let list = world.ok(&["sender", "list"]).await;
    assert!(list.contains("other") && list.contains("20/s"), "{list}");
    world.close().await;
}

#[tokio::test]
async fn services_that_are_away_and_settings_that_are_wrong_are_told() {
    let world = World::bare("away", Config::default()).await;
    let said = async |name: &str, value: &str, arguments: &[&str]| {
        let output = world.command(arguments).env(name, value).output().await.unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) =
        said("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/db", &["campaign", "list"]).await;
    assert!(text.contains("check DATABASE_URL") && !text.contains("hunter2"), "{text}");
    assert_eq!(code, 5);
    let (code, text) = said("FLOWCAST_CONSUMER_INFLIGHT", "3", &["consumer"]).await;
    assert!(text.contains("[consumer] unknown field `inflight`"), "{text}");
    assert_eq!(code, 4);
    // No tables yet.
    let (code, text) = said("NOTHING", "", &["consumer"]).await;
    assert!(text.contains("run 'flowcast migrate'"), "{text}");
    assert_eq!(code, 4);
    let (code, text) = said("AMQP_URL", "amqp://me:hunter2@127.0.0.1:1", &["check-config"]).await;
    assert!(text.contains("flowcast migrate") && text.contains("that AMQP_URL is correct"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(code, 4);
    let mut refused = Url::parse(world.scope.amqp_url()).unwrap();
    refused.set_password(Some("hunter2")).unwrap();
    let (_, text) = said("AMQP_URL", refused.as_str(), &["check-config"]).await;
    let told = "RabbitMQ refused to connect: 403 ACCESS_REFUSED - Login was refused";
    assert!(text.contains(told) && text.contains("check user and password in AMQP_URL"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let mut slash = Url::parse(world.scope.amqp_url()).unwrap();
    slash.set_path("/");
    let slash = format!("{slash}\n");
    world.ok(&["migrate"]).await;
    assert_eq!(said("AMQP_URL", &slash, &["check-config"]).await, (0, String::new()));
    assert_eq!(
        world.ok(&["check-config"]).await,
        "configuration, temporary folder, Postgres and RabbitMQ are fine\n"
    );
    world.close().await;
}

#[tokio::test]
async fn files_of_certificates_that_cannot_be_used_are_told() {
    let world = World::bare("files", Config::default()).await;
    let mut url = Url::parse(world.scope.database_url()).unwrap();
    url.query_pairs_mut().append_pair("sslcert", "/none.crt").append_pair("sslkey", "/none.key");
    let mut check = world.command(&["check-config"]);
    let check = check.env("DATABASE_URL", url.as_str()).envs([
        ("AMQP_URL", "amqps://me:hunter2@127.0.0.1:1"),
        ("FLOWCAST_BROKER_CA_FILE", "/none.pem"),
        ("FLOWCAST_HTTP_KEY_FILE", "/none.key"),
    ]);
    let output = check.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    for told in [
        "sslcert /none.crt: No such file or directory (os error 2); name a file of certificates in PEM",
        "[broker] broker.ca_file /none.pem: No such file or directory (os error 2); name a file of certificates in PEM",
        "[http] http.key_file is set, and http.cert_file is not; set both or neither",
    ] {
        assert_eq!(text.matches(told).count(), 1, "{told}\n{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(output.status.code(), Some(4));
    world.close().await;
}

/// What a terminal obeys, in a cell of a list, the name of a list and the name of a campaign.
const OBEYED: [char; 5] = ['\u{1b}', '\u{9b}', '\u{7f}', '\r', '\u{202e}'];

#[tokio::test]
async fn no_control_character_of_a_list_or_a_name_reaches_the_terminal() {
    let world = World::new("terminal", "none", Config::default()).await;
    let id = world.draft(0).await;
    // A line end of any kind would end the row.
    let evil: String =
        OBEYED.iter().filter(|sign| **sign != '\r').flat_map(|sign| ['x', *sign, '[', '2', 'J']).collect();
    let list = world.file(
        &format!("list{evil}.csv"),
        format!("phone,first_name,Tel {evil}\n+254712000001,{evil},\n{evil},Ben,\n"),
    );
    let mut said = world.ok(&["campaign", "import", &id, &list]).await;
    let rename = format!("update campaign set name = '{evil}'");
    world.look.batch_execute(&rename).await.unwrap();
    for command in [
        &["campaign", "check", &id][..],
        &["campaign", "check", &id, "--json"],
        &["campaign", "list"],
        &["campaign", "status", &id],
        &["campaign", "report", &id],
        &["campaign", "report", &id, "--format", "csv"],
        &["campaign", "report", &id, "--format", "json"],
    ] {
        said += &world.ok(command).await;
    }
    for wrong in [
        &["campaign", "import", &id, &list][..],
        &["campaign", "import", &id, &list, "--again", "--number-column", &evil],
        &["suppression", "import", &format!("/nowhere/{evil}")],
        &["sender", "resume", &evil],
    ] {
        said += &world.fails(wrong).await.1;
    }
    assert!(said.matches("\\u001b[2J").count() > 10, "{said:?}");
    assert!(!said.contains(OBEYED), "{said:?}");
    world.close().await;
}
