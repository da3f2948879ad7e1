//! Run directories that no script has made, of any size and with anything in them.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A run as it is made: moments are seconds since it began.
pub struct Made {
    dir: PathBuf,
    records: Vec<(f64, String)>,
}

impl Made {
    pub fn new(dir: &Path, script: &str) -> Self {
        std::fs::DirBuilder::new().mode(0o700).create(dir).unwrap();
        let begin = format!(
            "run - wall=1795493709212831 skew=0 cpus=4 version=0.1.0 script={script} shell=bash \
             serial=0 owner=4194303 ownerstart=1000.000000"
        );
        Self { dir: dir.to_owned(), records: vec![(0.0, begin)] }
    }

    /// Any record, at a moment.
    pub fn record(&mut self, at: f64, text: impl Into<String>) -> &mut Self {
        self.records.push((at, text.into()));
        self
    }

    /// A task that was collected when it ended, with half of its time used.
    pub fn task(&mut self, name: &str, from: f64, until: f64, code: u8) -> &mut Self {
        let line = self.records.len();
        let cpu = ((until - from) * 500_000.0) as u64;
        self.record(from, format!("start {name} pid=4194302 at=made.sh:{line}"));
        self.record(until, format!("end {name} code={code} cpu={cpu}"));
        self.record(until, format!("collected {name} code={code} at=made.sh:{line} cpu=0"));
        self.command(name, &[b"run", name.as_bytes()]).log(name, b"fine\n")
    }

    pub fn command(&mut self, name: &str, argv: &[&[u8]]) -> &mut Self {
        let bytes: Vec<u8> = argv.iter().flat_map(|word| [word, &b"\0"[..]].concat()).collect();
        self.file(&format!("{}.argv", name.replace('/', "%")), &bytes)
    }

    pub fn log(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.file(&format!("{}.log", name.replace('/', "%")), bytes)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        std::fs::write(self.dir.join(name), bytes).unwrap();
        self
    }

    /// The script waits for a task.
    pub fn wait(&mut self, name: &str, from: f64, until: f64) -> &mut Self {
        let by = self.records.len();
        self.record(from, format!("wait {name} by={by} at=made.sh:{by}"));
        self.record(until, format!("woken - by={by} at=made.sh:{by}"))
    }

    /// The run is over.
    pub fn close(&mut self, at: f64, how: &str) {
        self.record(at, "exit -").record(at, format!("close - how={how}")).cut("");
    }

    /// Nobody closed it; its journal ends in that.
    pub fn cut(&mut self, rest: &str) {
        self.records.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut text = String::new();
        for (at, record) in &self.records {
            text += &format!("\x1e{:.6} {record}\n", 1000.0 + at);
        }
        std::fs::write(self.dir.join("journal"), text + rest).unwrap();
    }
}
