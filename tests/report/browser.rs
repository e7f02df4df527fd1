//! Chromium without a window, through its driver.

use std::path::{Path, PathBuf};

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::process::Process;
use crate::support::{POLL, eventually, within};

/// A browser with one page. Dropping it ends it.
pub struct Browser {
    driver: Process,
    client: Client,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser with it when it is asked to end, and only then.
        self.driver.signal("TERM");
        while self.driver.ended().is_none() {
            std::thread::sleep(POLL);
        }
    }
}

/// The program that a variable names, or the first of these in `PATH`.
fn program(variable: &str, names: &[&str]) -> String {
    if let Ok(name) = std::env::var(variable) {
        return name;
    }
    let path = std::env::var("PATH").unwrap();
    let places = path.split(':').map(Path::new);
    let found = names.iter().find_map(|name| {
        places
            .clone()
            .map(|place| place.join(name))
            .find(|file| file.exists())
    });
    let found = found.unwrap_or_else(|| panic!("none of {names:?} in PATH, and no {variable}"));
    found.to_str().unwrap().to_owned()
}

impl Browser {
    /// Starts it, with a window of that size.
    pub async fn start(width: u32, height: u32) -> Self {
        let output = NamedTempFile::new().unwrap();
        let driver = Process::start(program("CHROMEDRIVER_BIN", &["chromedriver"]), |command| {
            command.arg("--port=0").stdout(output.reopen().unwrap());
        });
        let port = eventually("the driver's port", async || {
            let text = std::fs::read_to_string(output.path()).ok()?;
            let line = text
                .lines()
                .find(|line| line.contains("on port ") && line.ends_with('.'))?;
            line.trim_end_matches('.')
                .rsplit_once("on port ")?
                .1
                .parse::<u16>()
                .ok()
        })
        .await;
        let chromium = program(
            "CHROMIUM_BIN",
            &["chromium", "google-chrome", "chromium-browser"],
        );
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": chromium,
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                         "--force-device-scale-factor=1", format!("--window-size={width},{height}")],
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let client = within(
            "the browser",
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.as_object().unwrap().clone())
                .connect(&format!("http://127.0.0.1:{port}")),
        )
        .await;
        Self {
            driver,
            client: client.unwrap(),
        }
    }

    /// Opens a report, and waits until it shows what it has.
    pub async fn open(&self, page: &Path) {
        self.client
            .goto(&format!("file://{}", page.display()))
            .await
            .unwrap();
        self.until("document.documentElement.dataset.ready === 'yes'")
            .await;
    }

    /// Goes to an address.
    pub async fn visit(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Chooses files in an input.
    pub async fn choose(&self, css: &str, files: impl Iterator<Item = PathBuf>) {
        let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
        let input = self.client.find(Locator::Css(css)).await.unwrap();
        input.send_keys(&files.join("\n")).await.unwrap();
    }

    /// What an expression of JavaScript is.
    pub async fn value(&self, expression: &str) -> Value {
        self.client
            .execute(&format!("return {expression};"), Vec::new())
            .await
            .unwrap()
    }

    /// Waits until an expression of JavaScript holds.
    pub async fn until(&self, expression: &str) {
        eventually(expression, async || {
            (self.value(expression).await == true).then_some(())
        })
        .await;
    }

    /// The text of the first element, as it is seen.
    pub async fn text(&self, css: &str) -> String {
        self.client
            .find(Locator::Css(css))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// Clicks the first element as a person does: it must be there and nothing may cover it.
    pub async fn click(&self, css: &str) {
        let element = self
            .client
            .find(Locator::Css(css))
            .await
            .unwrap_or_else(|e| panic!("{css}: {e}"));
        // The filters stay on top: what is clicked goes to the middle.
        let scroll = "arguments[0].scrollIntoView({block: 'center'})";
        self.client
            .execute(scroll, vec![serde_json::to_value(&element).unwrap()])
            .await
            .unwrap();
        element
            .click()
            .await
            .unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// Clicks the item of a value of a field.
    pub async fn click_item(&self, field: &str, value: &str) {
        self.click(&format!(
            "#panel-{field} .item[data-value={}]",
            json!(value)
        ))
        .await;
    }

    /// Presses keys in the element that has the focus.
    pub async fn press(&self, key: Key) {
        let active = self.client.active_element().await.unwrap();
        active
            .send_keys(&char::from(key).to_string())
            .await
            .unwrap();
    }

    /// Goes back.
    pub async fn back(&self) {
        self.client.back().await.unwrap();
    }

    /// How many entries the page says match.
    pub async fn matching(&self) -> u64 {
        let text = self.text("#matching").await;
        text.split(' ')
            .next()
            .unwrap()
            .replace(',', "")
            .parse()
            .unwrap()
    }

    /// Waits until so many entries match.
    pub async fn until_matching(&self, count: u64) {
        eventually(&format!("{count} matching entries"), async || {
            (self.matching().await == count).then_some(())
        })
        .await;
    }

    /// The chips, as they are read.
    pub async fn chips(&self) -> Vec<String> {
        let chips = self.value("[...document.querySelectorAll('.chip')].map((chip) => [...chip.children].slice(0, 3).map((c) => c.textContent).join(' '))").await;
        serde_json::from_value(chips).unwrap()
    }

    /// Light or dark, as the system's setting would say; the window's width; or print.
    pub async fn emulate(&self, command: &str, parameters: Value) {
        let session = self.client.session_id().await.unwrap().unwrap();
        self.client
            .issue_cmd(DevTools {
                session,
                command: command.to_owned(),
                parameters,
            })
            .await
            .unwrap();
    }

    /// What the browser's console says. Reading it empties it.
    pub async fn console(&self) -> Vec<String> {
        let session = self.client.session_id().await.unwrap().unwrap();
        let log = self.client.issue_cmd(ConsoleLog { session }).await.unwrap();
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// A picture of the window.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }
}

/// A command of the browser's development tools.
#[derive(Debug)]
struct DevTools {
    session: String,
    command: String,
    parameters: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base: &url::Url,
        _session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", self.session))
    }

    fn method_and_body(&self, _request: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.command, "params": self.parameters});
        (http::Method::POST, Some(body.to_string()))
    }
}

/// The console's messages.
#[derive(Debug)]
struct ConsoleLog {
    session: String,
}

impl fantoccini::wd::WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base: &url::Url,
        _session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", self.session))
    }

    fn method_and_body(&self, _request: &url::Url) -> (http::Method, Option<String>) {
        (
            http::Method::POST,
            Some(json!({"type": "browser"}).to_string()),
        )
    }
}
