//! Chromium without a window, driven through `chromedriver`.

use std::fmt::Debug;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use url::{ParseError, Url};

use crate::world::PATIENCE;

/// A browser with a profile of its own; it ends when it is dropped.
pub(crate) struct Browser {
    pub(crate) client: Client,
    profile: TempDir,
    _driver: Child,
}

/// Reads the messages of the browser's console since the last reading.
#[derive(Debug)]
struct ReadLog;

impl WebDriverCompatibleCommand for ReadLog {
    fn endpoint(&self, base_url: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// A command of Chromium's own protocol.
#[derive(Debug)]
struct Cdp(&'static str, Value);

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base_url: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

impl Browser {
    /// Starts a driver at a free port and a browser.
    pub(crate) async fn start() -> Self {
        Self::start_with(&json!({})).await
    }

    /// The same with JavaScript switched off.
    pub(crate) async fn start_without_scripts() -> Self {
        Self::start_with(&json!({ "profile.managed_default_content_settings.javascript": 2 })).await
    }

    async fn start_with(preferences: &Value) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        assert!(driver.is_ok(), "chromedriver cannot be started; run scripts/bootstrap");
        let mut driver = driver.unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let folder = format!("--user-data-dir={}", profile.path().display());
        let options = json!({
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900",
                "--hide-scrollbars", folder,
            ], "prefs": preferences },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(options) = options else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(Map::from_iter(options))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { client, profile, _driver: driver }
    }

    /// Opens an address.
    pub(crate) async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// The text of the first element that a selector finds; empty if there is none.
    pub(crate) async fn text(&self, selector: &str) -> String {
        match self.client.find(Locator::Css(selector)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Runs a script; its result.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Waits until the text of an element contains this one.
    pub(crate) async fn shows(&self, selector: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.text(selector).await;
            if found.contains(text) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{selector} shows '{found}', not '{text}'; {:?}",
                self.log().await
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same for a page that does not change by itself: it is loaded again until it shows the text.
    pub(crate) async fn shows_after_reload(&self, selector: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.text(selector).await;
            if found.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "{selector} shows '{found}', not '{text}'");
            sleep(Duration::from_millis(100)).await;
            self.client.refresh().await.unwrap();
        }
    }

    /// The first element that a selector finds, as soon as the page has it.
    async fn element(&self, selector: &str) -> Element {
        self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await.unwrap()
    }

    /// Fills in fields of a form by their names.
    pub(crate) async fn fill(&self, fields: &[(&str, &str)]) {
        for (name, value) in fields {
            let field = self.element(&format!("input[name={name}]")).await;
            field.clear().await.unwrap();
            field.send_keys(value).await.unwrap();
        }
    }

    /// Replaces the text of the first field that a selector finds.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let field = self.element(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses a file.
    pub(crate) async fn choose(&self, path: &str) {
        let field = self.client.find(Locator::Css("input[type=file]")).await.unwrap();
        field.send_keys(path).await.unwrap();
    }

    /// Sends keys to the element that has the focus.
    pub(crate) async fn keys(&self, keys: &str) {
        // Actions, because a file field would read sent keys as a path.
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Moves the focus with the Tab key until it is on an element that a selector finds.
    pub(crate) async fn tab_to(&self, selector: &str) {
        let mut is_there = false;
        for _ in 0..120 {
            self.keys("\u{e004}").await;
            let script = "return document.activeElement.matches(arguments[0])";
            is_there = self.client.execute(script, vec![selector.into()]).await.unwrap() == true;
            if is_there {
                break;
            }
        }
        assert!(is_there, "the Tab key does not reach {selector}");
    }

    /// The value of an attribute of the first element that a selector finds.
    pub(crate) async fn attribute(&self, selector: &str, name: &str) -> String {
        let element = self.element(selector).await;
        element.attr(name).await.unwrap().unwrap_or_default()
    }

    /// The path of the page.
    pub(crate) async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    /// Loads the page again until the text of an element contains this one.
    pub(crate) async fn shows_after_reloads(&self, selector: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text(selector).await.contains(text) {
            assert!(
                Instant::now() < deadline,
                "{selector} shows '{}', not '{text}'",
                self.text(selector).await
            );
            sleep(Duration::from_millis(200)).await;
            self.client.refresh().await.unwrap();
        }
    }

    /// Sends a form with its button.
    pub(crate) async fn send(&self, form: &str) {
        self.press(&format!("{form} button")).await;
    }

    /// Logs out, and waits for the page of the log-in: a page that is opened before it arrives would be replaced by it.
    pub(crate) async fn log_out(&self) {
        self.send("form[action='/log-out']").await;
        self.shows("h1", "Log in").await;
    }

    /// Presses the first button that a selector finds.
    pub(crate) async fn press(&self, selector: &str) {
        let element = self.element(selector).await;
        // A person scrolls until the bar at the bottom does not cover the button.
        let shown = serde_json::to_value(&element).unwrap();
        let scroll = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        self.client.execute(scroll, vec![shown]).await.unwrap();
        element.click().await.unwrap();
    }

    /// Gives the page a size as a device has it: a window of Chromium is at least 500 px wide.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.client.issue_cmd(Cdp("Emulation.setDeviceMetricsOverride", size)).await.unwrap();
    }

    /// A picture of the page, as WebP: a quarter of the bytes of PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let format = json!({ "format": "webp", "quality": 80 });
        let taken = self.client.issue_cmd(Cdp("Page.captureScreenshot", format)).await.unwrap();
        STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }

    /// Fills in and sends the form of the log-in, when the page is loaded.
    pub(crate) async fn log_in(&self, name: &str, password: &str) {
        self.fill(&[("name", name), ("password", password)]).await;
        self.send("main form").await;
    }

    /// What the policy of pages refused, and errors of scripts, since the last time.
    pub(crate) async fn violations(&self) -> Vec<String> {
        // Pages with the status 4xx and the log-out are written to the log as well.
        let is_fault = |line: &String| {
            !line.contains("the server responded with a status") && !line.contains("Cleared data types")
        };
        self.log().await.into_iter().filter(is_fault).collect()
    }

    /// What the browser wrote to its console since the last time: errors of scripts, and what the policy of the page refused.
    pub(crate) async fn log(&self) -> Vec<String> {
        let log = self.client.issue_cmd(ReadLog).await.unwrap();
        let messages = log.as_array().cloned().unwrap_or_default();
        messages.iter().map(|message| message["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that is killed leaves its browser running.
        let profile = self.profile.path().to_string_lossy().into_owned();
        for process in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let Ok(id) = process.file_name().to_string_lossy().parse() else { continue };
            let command = std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
            if command.contains(&profile) {
                // It may have ended meanwhile.
                kill(Pid::from_raw(id), Signal::SIGKILL).ok();
            }
        }
    }
}
