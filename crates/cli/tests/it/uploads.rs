//! Lists that are posted to `flowcast server`.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::{Value, json};
use simulator::Config;

use crate::receiving::{Receiving, request};
use crate::world::World;

const KEY: &str = "upload-key-7702";
const LIST: &str = "Tel;first_name\n0712 000 001;Name1\n0712000001;Twice\n12;Short\n0712000002;=2+3\n";

/// Posts a list with these headers besides; status and body of the answer.
async fn post(at: SocketAddr, to: &str, headers: &[(&str, &str)], list: &[u8]) -> (u16, String) {
    request(at, ("POST", to), headers, list).await.unwrap()
}

fn key() -> (&'static str, &'static str) {
    ("authorization", "Bearer upload-key-7702")
}

async fn taking_uploads(name: &str, settings: &[(&str, &str)]) -> (World, Receiving) {
    let mut world = World::new(name, "none", Config::default()).await;
    let switched_on = [("FLOWCAST_SERVER_UPLOAD_KEY", "env:TEST_UPLOAD_KEY"), ("TEST_UPLOAD_KEY", KEY)];
    let receiving = Receiving::start(&mut world, &[&switched_on, settings].concat()).await;
    (world, receiving)
}

#[tokio::test]
async fn an_uploaded_list_is_imported_as_the_command_does_and_explains_itself() {
    let (world, receiving) = taking_uploads("upload", &[]).await;
    let id = world.draft(0).await;
    let to = format!("/campaigns/{id}/lists?name=Sept.csv&default_country=KE&number_column=Tel");
    let (status, body) = post(receiving.at, &to, &[key()], LIST.as_bytes()).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{answer}");
    let counts =
        ["uploaded", "imported", "duplicates", "rejected"].map(|name| answer[name].as_i64().unwrap());
    assert_eq!(counts, [4, 2, 1, 1]);
    assert_eq!(answer["form"], "CSV, divided by semicolon, UTF-8");
    assert_eq!(answer["number_column"], "Tel");
    assert_eq!(answer["reasons"][0]["reason"], "number_too_short");
    assert_eq!(
        answer["first_rejected"],
        json!([{ "line": 4, "column": null, "number": "12", "reason": "number_too_short" }])
    );
    let source = "select count(*) from report.import where source = 'Sept.csv' and imported = 2";
    assert_eq!(world.count(source).await, 1);

    let (status, body) = post(receiving.at, &to, &[key()], LIST.as_bytes()).await;
    assert!(status == 409 && body.contains("again=true"), "{status} {body}");
    let again =
        format!("/campaigns/{id}/lists?name=errors.csv&default_country=KE&number_column=Tel&again=true");
    let (status, list) =
        post(receiving.at, &again, &[key(), ("accept", "text/csv, */*;q=0.1")], LIST.as_bytes()).await;
    assert_eq!(status, 200);
    let given_back = concat!(
        "\u{feff}Tel,first_name,error\n",
        "254712000001,Name1,\"the number is in the campaign already, from an earlier list\"\n",
        "254712000001,Twice,the number is also in an earlier row of the list\n",
        "12,Short,the number is too short\n",
        "254712000002,'=2+3,\"the number is in the campaign already, from an earlier list\"\n",
    );
    assert!(list.contains(given_back), "{list}");
    assert_eq!(world.count("select count(*) from recipient").await, 2);
    assert_eq!(world.count("select sum(difference)::bigint from report.conservation").await, 0);
    assert!(!world.logs().contains(KEY));
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

#[tokio::test]
async fn a_workbook_that_would_take_the_memory_of_the_server_is_refused_and_the_next_one_read() {
    let (world, receiving) = taking_uploads("upload_workbook", &[]).await;
    let id = world.draft(0).await;
    let to = format!("/campaigns/{id}/lists");
    let (status, body) = post(receiving.at, &to, &[key()], &comment_of(200_000_000)).await;
    assert!(status == 422 && body.contains("more than 256 MiB of memory"), "{status} {body}");
    let peak = receiving.server.peak_kib();
    println!("the server had at most {peak} KiB");
    assert!(peak < 128 * 1024, "{peak} KiB");
    let filtered = include_bytes!("../../../producer/tests/field/filtered_rows.xlsx");
    let (status, body) = post(receiving.at, &to, &[key()], filtered).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["imported"], &answer["hidden"]), (200, &json!(2), &json!(2)), "{answer}");
    assert_eq!(answer["form"], "Excel workbook, sheet 'Sheet1'");
    let (status, body) =
        post(receiving.at, &format!("{to}?include_hidden=true&again=true"), &[key()], filtered).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["imported"], &answer["hidden"]), (200, &json!(2), &json!(0)), "{answer}");
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

/// A workbook whose shared texts are a comment of so many bytes.
fn comment_of(bytes: usize) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut part = |name: &str, begin: &str, times: usize| {
        let fast = zip::write::SimpleFileOptions::default().compression_level(Some(1));
        writer.start_file(name, fast).unwrap();
        writer.write_all(begin.as_bytes()).unwrap();
        let block = vec![b'<'; 100_000];
        (0..times / block.len()).for_each(|_| writer.write_all(&block).unwrap());
    };
    part("xl/workbook.xml", "<workbook><sheets><sheet name='S' r:id='s'/></sheets></workbook>", 0);
    let sheet = "<Relationship Id='s' Type='x/worksheet' Target='sheet1.bin'/>";
    part("xl/_rels/workbook.xml.rels", &format!("<Relationships>{sheet}</Relationships>"), 0);
    part("xl/sheet1.bin", "<worksheet><sheetData></sheetData></worksheet>", 0);
    part("xl/sharedStrings.xml", "<sst><!--", bytes);
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn an_upload_that_is_refused_leaves_nothing_behind() {
    let (world, receiving) =
        taking_uploads("upload_refused", &[("FLOWCAST_SERVER_MAX_UPLOAD_BYTES", "1000")]).await;
    let id = world.draft(0).await;
    let to = format!("/campaigns/{id}/lists");
    let long = "phone,first_name\n".to_owned() + &"254712000001,Name\n".repeat(100);
    for (to, headers, list, expected, says) in [
        (to.clone(), vec![], LIST, 401, "Bearer KEY"),
        (to.clone(), vec![("authorization", "Bearer guess")], LIST, 401, "Bearer KEY"),
        (format!("{to}?force=1"), vec![key()], LIST, 400, "'force' is not a parameter"),
        ("/campaigns/4711/lists".into(), vec![key()], LIST, 404, "no campaign"),
        (to.clone(), vec![key()], "first_name\nName1\n", 422, "nothing was imported"),
        (to.clone(), vec![key()], "", 422, "nothing was imported"),
        (to.clone(), vec![key()], &long, 413, "longer than 1000 bytes"),
    ] {
        let (status, body) = post(receiving.at, &to, &headers, list.as_bytes()).await;
        assert!(status == expected && body.contains(says), "{to}: {status} {body}");
    }
    assert_eq!(world.count("select count(*) from recipient").await, 0);
    assert_eq!(world.count("select count(*) from import").await, 0);
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

/// A form as curl and browsers write it, of these parts: head and content.
fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let parts: Vec<String> = parts
        .iter()
        .map(|(head, content)| format!("--b0\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"))
        .collect();
    format!("{}--b0--\r\n", parts.concat()).into_bytes()
}

#[tokio::test]
async fn a_list_may_be_the_file_of_a_form_and_what_is_no_list_gets_the_true_reason() {
    const FILE: &str = "name=\"file\"; filename=\"Sept, list.csv\"";
    let (world, receiving) = taking_uploads("upload_form", &[]).await;
    let id = world.draft(0).await;
    let to = format!("/campaigns/{id}/lists?default_country=KE&number_column=Tel");
    let multipart = ("content-type", "multipart/form-data; boundary=b0");
    let (status, body) = post(receiving.at, &to, &[key(), multipart], &form(&[(FILE, LIST)])).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["imported"], &answer["uploaded"]), (200, &json!(2), &json!(4)), "{answer}");
    assert_eq!(world.count("select count(*) from report.import where source = 'Sept, list.csv'").await, 1);
    // curl names this type for --data-binary too.
    let urlencoded = ("content-type", "application/x-www-form-urlencoded");
    let again = format!("{to}&again=true&name=x.csv");
    let (status, body) = post(receiving.at, &again, &[key(), urlencoded], LIST.as_bytes()).await;
    assert_eq!(status, 200, "{body}");

    let one_line = LIST.replace('\n', "").into_bytes();
    let unending = format!("--b0\r\nX-Long: {}", "x".repeat(20_000_000)).into_bytes();
    for (kind, body, expected, says) in [
        (urlencoded, one_line, 415, "curl --data-binary @list.csv"),
        (urlencoded, b"list=Tel%0A254712000001&country=KE".to_vec(), 415, "curl --data-binary @list.csv"),
        (
            multipart,
            form(&[("name=\"list\"", LIST)]),
            400,
            "the field \\\"list\\\" of the form is not a file",
        ),
        (multipart, form(&[(FILE, LIST), (FILE, LIST)]), 400, "two files"),
        (multipart, form(&[]), 400, "no file"),
        (multipart, LIST.as_bytes().to_vec(), 400, "not the multipart/form-data"),
        (multipart, form(&[(FILE, LIST)])[..60].to_vec(), 400, "not the multipart/form-data"),
        (multipart, unending, 400, "the list is incomplete"),
        (
            ("content-type", "multipart/mixed; boundary=b0"),
            form(&[(FILE, LIST)]),
            415,
            "only multipart/form-data",
        ),
        (("content-encoding", "br"), LIST.as_bytes().to_vec(), 415, "uncompressed or with gzip"),
        (multipart, form(&[(FILE, "")]), 422, "the list is empty"),
        (("content-type", "text/csv"), b"<!DOCTYPE html><html>".to_vec(), 422, "a web page"),
        (("content-type", "text/csv"), b"%PDF-1.7\n".to_vec(), 422, "this is a PDF"),
    ] {
        let (status, said) = post(receiving.at, &again, &[key(), kind], &body).await;
        assert!(status == expected && said.contains(says), "{kind:?} {says}: {status} {said}");
    }
    let peak = receiving.server.peak_kib();
    println!("the server had at most {peak} KiB");
    assert!(peak < 128 * 1024, "{peak} KiB");
    assert_eq!(world.count("select count(*) from recipient").await, 2);
    let rows: Vec<String> = (0..20_000).map(|n| format!("0713{n:06};Name\r\n")).collect();
    let long = format!("Tel;first_name\r\n{}", rows.concat());
    let (status, body) = post(receiving.at, &again, &[key(), multipart], &form(&[(FILE, &long)])).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["imported"]), (200, &json!(20_000)), "{answer}");
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

#[tokio::test]
async fn without_a_key_in_the_settings_nobody_uploads() {
    let mut world = World::new("upload_off", "none", Config::default()).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    let (status, body) = post(receiving.at, "/campaigns/1/lists", &[key()], LIST.as_bytes()).await;
    assert!(status == 404 && body.contains("upload_key"), "{status} {body}");
    assert!(receiving.server.stop().await.success());
    let mut wrong = world.command(&["server"]);
    wrong.env("FLOWCAST_SERVER_UPLOAD_KEY", "env:NO_SUCH_KEY");
    let said = wrong.output().await.unwrap();
    assert!(!said.status.success());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("[server] upload_key") && said.contains("NO_SUCH_KEY"), "{said}");
    world.close().await;
}
