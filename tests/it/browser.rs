//! A real Chromium without a window, driven through its DevTools protocol: JSON
//! messages that end in NUL, over two pipes that it expects as descriptors 3
//! and 4. Whatever a page complains of, or asks the network for, is noted.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sandbox::{is_root, on_path};

/// Longer than anything takes here on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Browser {
    child: Child,
    pipe: Option<ChildStdin>,
    messages: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// What the page did wrong.
    pub complaints: Vec<String>,
    /// What it has asked for.
    pub requests: Vec<String>,
    /// The page to be opened, the one that is there, and whether it is all there.
    wanted: Option<String>,
    there: Option<String>,
    loaded: bool,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None, and a word about it, where there is no Chromium.
    pub fn start() -> Option<Self> {
        let known = ["chromium", "chromium-browser", "google-chrome"];
        let Some(program) = known.into_iter().find(|program| on_path(program)) else {
            eprintln!("skipped: chromium is not installed");
            return None;
        };
        let profile = tempfile::Builder::new().prefix("mw browser ").tempdir().unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", program])
            .args(["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .args(["--window-size=1400,1000", "--force-device-scale-factor=1"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if is_root() {
            command.arg("--no-sandbox");
        }
        let mut child = command.spawn().unwrap();
        let (send, messages) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                if send.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            pipe: child.stdin.take(),
            child,
            messages,
            session: None,
            last: 0,
            complaints: Vec::new(),
            requests: Vec::new(),
            wanted: None,
            there: None,
            loaded: false,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let id = &target["targetId"];
        let session =
            browser.call("Target.attachToTarget", &json!({"targetId": id, "flatten": true}));
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Calls a method; what happens meanwhile is noted.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.pipe.as_mut().unwrap().write_all(&bytes).unwrap();
        loop {
            let message = self.receive();
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE).expect("Chromium is silent");
        let parameters = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.complaints.push(parameters.to_string()),
            "Runtime.consoleAPICalled" => self.complaints.push(parameters["args"].to_string()),
            "Log.entryAdded" => self.complaints.push(parameters["entry"]["text"].to_string()),
            "Network.requestWillBeSent" => {
                let url = parameters["request"]["url"].as_str().unwrap();
                self.requests.push(url.chars().take(200).collect());
            }
            "Page.frameNavigated" => {
                self.there = parameters["frame"]["url"].as_str().map(str::to_owned);
            }
            // An empty page was there before, and may have a word to say yet.
            "Page.loadEventFired" => self.loaded = self.there == self.wanted,
            "Page.javascriptDialogOpening" => self.complaints.push("a dialog".to_owned()),
            _ => {}
        }
        message
    }

    /// Opens a file, and waits until it is loaded.
    #[track_caller]
    pub fn open(&mut self, file: &Path) {
        let path = file.to_str().unwrap().replace('%', "%25").replace(' ', "%20");
        let url = format!("file://{path}");
        (self.loaded, self.wanted) = (false, Some(url.clone()));
        let answer = self.call("Page.navigate", &json!({"url": url}));
        assert!(answer["errorText"].is_null(), "{answer}");
        while !self.loaded {
            self.receive();
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn ask(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    #[track_caller]
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.ask(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    #[track_caller]
    pub fn number(&mut self, expression: &str) -> u64 {
        let value = self.ask(expression);
        value.as_u64().unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    /// Waits until an expression holds; the page draws when it gets to it.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let begin = Instant::now();
        let next_frame = "new Promise((done) => requestAnimationFrame(() => done()))";
        while self.ask(expression) != json!(true) {
            assert!(begin.elapsed() < PATIENCE, "it never came to {expression}");
            self.ask(next_frame);
        }
    }

    /// The first element that a selector finds gets the mouse in its middle.
    #[track_caller]
    pub fn point(&mut self, selector: &str) -> (f64, f64) {
        let place = self.ask(&format!(
            "(() => {{ const element = document.querySelector({selector:?}); \
             element.scrollIntoView({{ block: 'center' }}); \
             const box = element.getBoundingClientRect(); \
             return [box.x + Math.min(box.width / 2, 300), box.y + box.height / 2]; }})()"
        ));
        let (x, y) = (place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
        self.mouse("mouseMoved", x, y);
        (x, y)
    }

    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let (x, y) = self.point(selector);
        self.mouse("mousePressed", x, y);
        self.mouse("mouseReleased", x, y);
    }

    fn mouse(&mut self, kind: &str, x: f64, y: f64) {
        let button = if kind == "mouseMoved" { "none" } else { "left" };
        let event = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": 1});
        self.call("Input.dispatchMouseEvent", &event);
    }

    /// Presses keys, by their names.
    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let code = match *key {
                "Tab" => 9,
                "Enter" => 13,
                "Escape" => 27,
                "End" => 35,
                "Home" => 36,
                "ArrowLeft" => 37,
                "ArrowUp" => 38,
                "ArrowRight" => 39,
                "ArrowDown" => 40,
                other => u32::from(other.as_bytes()[0].to_ascii_uppercase()),
            };
            let text = match *key {
                "Enter" => "\r",
                other if other.len() == 1 => other,
                _ => "",
            };
            let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
            let down = json!({"type": kind, "key": key, "code": key, "text": text,
                "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", &down);
            let up = json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", &up);
        }
    }

    /// Types into what has the focus.
    pub fn insert(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// As somebody who wants it dark, or light.
    pub fn prefer(&mut self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.call("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// Nothing went wrong, and nothing but this file was asked for.
    #[track_caller]
    pub fn assert_quiet(&mut self, file: &Path) {
        // What happened before this answer has been told before it.
        self.ask("0");
        assert_eq!(self.complaints, Vec::<String>::new());
        let name = file.file_name().unwrap().to_str().unwrap();
        for url in &self.requests {
            assert!(url.starts_with("file:") && url.ends_with(name), "it asked for {url}");
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends when nobody is there to tell it what to do.
        self.pipe = None;
        let _ = self.child.wait();
    }
}
