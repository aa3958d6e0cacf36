//! A server with the web console, and accounts of it.

use std::net::SocketAddr;

use crate::api_server::{ApiServer, Ask};
use crate::console::browser::Browser;
use crate::receiving::free_address;
use crate::world::World;

pub(crate) const PASSWORD: &str = "four-plain-words-of-mine";

/// The console at its address.
pub(crate) struct ConsoleServer {
    pub(crate) at: SocketAddr,
    api: ApiServer,
}

impl ConsoleServer {
    /// Starts a server whose console is reached by plain HTTP.
    pub(crate) async fn start(world: &mut World) -> Self {
        Self::start_at(world, free_address(), &[]).await
    }

    /// The same at this address with further settings.
    pub(crate) async fn start_at(world: &mut World, at: SocketAddr, settings: &[(&str, &str)]) -> Self {
        let settings = [&[("FLOWCAST_CONSOLE_INSECURE_LOOPBACK", "true")], settings].concat();
        Self { at, api: ApiServer::start_at(world, at, &settings).await }
    }

    /// Kills the server, and starts another one at the same address.
    pub(crate) async fn killed_and_started(self, world: &mut World, settings: &[(&str, &str)]) -> Self {
        let Self { at, api } = self;
        api.server.kill().await;
        Self::start_at(world, at, settings).await
    }

    /// A form of a page.
    pub(crate) fn form<'a>(&self, path: &'a str, cookie: &str) -> Ask<'a> {
        let ask = self.ask("POST", path).header("content-type", "application/x-www-form-urlencoded");
        ask.header("sec-fetch-site", "same-origin").header("cookie", cookie)
    }

    /// Stops the server while streams are open, and starts another at the same address.
    pub(crate) async fn restart(self, world: &mut World) -> Self {
        assert!(self.api.server.stop().await.success());
        Self::start_at(world, self.at, &[]).await
    }

    /// The address of a page.
    pub(crate) fn address(&self, page: &str) -> String {
        format!("http://{}{page}", self.at)
    }

    /// A request that no browser sends.
    pub(crate) fn ask<'a>(&self, method: &'a str, path: &'a str) -> Ask<'a> {
        self.api.ask(method, path)
    }

    /// Adds an account, sets its password and logs in; the cookie of the session.
    pub(crate) async fn session(&self, world: &World, name: &str, role: &str) -> String {
        self.session_with(world, name, &[role]).await
    }

    /// The same with further options of the account.
    pub(crate) async fn session_with(&self, world: &World, name: &str, role: &[&str]) -> String {
        let link = self.link_with(world, name, role).await;
        let set = self.form(&link, "").body(format!("password={PASSWORD}&again={PASSWORD}")).send().await;
        assert_eq!(set.status, 303, "{set:?}");
        let begun = self.form("/log-in", "").body(format!("name={name}&password={PASSWORD}")).send().await;
        begun.headers["set-cookie"].split(';').next().unwrap().to_owned()
    }

    /// Adds an account; the path of its one-time link.
    pub(crate) async fn link(&self, world: &World, name: &str, role: &str) -> String {
        self.link_with(world, name, &[role]).await
    }

    async fn link_with(&self, world: &World, name: &str, role: &[&str]) -> String {
        let printed = world.ok(&[&["account", "add", name, "--role"], role].concat()).await;
        let link = printed.lines().find_map(|line| line.strip_prefix("link ")).unwrap().trim();
        let (_, path) = link.split_once("/link/").unwrap();
        format!("/link/{path}")
    }

    /// Sets the password of a person with a one-time link.
    pub(crate) async fn set_password(&self, browser: &Browser, link: &str) {
        browser.open(&self.address(link)).await;
        browser.fill(&[("password", PASSWORD), ("again", PASSWORD)]).await;
        browser.send("main form").await;
        browser.shows("main", "Your password is set").await;
    }

    /// Adds an account, sets its password and logs in.
    pub(crate) async fn person(&self, world: &World, browser: &Browser, name: &str, role: &str) {
        let link = self.link(world, name, role).await;
        self.set_password(browser, &link).await;
        browser.log_in(name, PASSWORD).await;
        browser.shows("h1", "Campaigns").await;
    }
}
