//! A run as a JUnit report: a test suite for the script, a test case for each
//! task. It is valid by the schema that Jenkins' xUnit plugin and pytest use
//! (`tests/junit-10.xsd`), which is also what Maven Surefire writes.
//!
//! Written by hand on `quick-xml`: `quick-junit` puts an attribute into
//! `testsuites` that this schema refuses, and takes the tabs out of logs.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::damage::damage;
use super::text::ending;
use super::{Logs, Subject, clean};
use crate::run::{State, Task, code};

/// What a task is to JUnit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Success,
    /// It did not do what it should.
    Failure,
    /// Whether it would have is not known.
    Error,
    Skipped,
}

impl Verdict {
    fn of(subject: &Subject<'_>, task: &Task) -> Self {
        match task.state() {
            State::Succeeded => Self::Success,
            State::Failed(_) | State::Signalled(_) | State::TimedOut => Self::Failure,
            State::Lost => Self::Error,
            State::Skipped => Self::Skipped,
            // What a script cancels it no longer wants; what was ended because
            // the script was gone is no success.
            State::Cancelled if subject.state() == "aborted" => Self::Error,
            State::Cancelled => Self::Skipped,
            State::Queued | State::Running if subject.live => Self::Skipped,
            State::Queued | State::Running => Self::Error,
        }
    }

    fn element(self) -> &'static str {
        match self {
            Self::Success => "",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// The document.
///
/// # Errors
/// None that is known: it is written to memory.
pub fn document(subject: &Subject<'_>, logs: Logs<'_>) -> io::Result<Vec<u8>> {
    let run = subject.run;
    let name = run.script.as_deref().unwrap_or("meanwhile");
    let cases: Vec<(&Task, Verdict)> =
        run.tasks().iter().map(|task| (task, Verdict::of(subject, task))).collect();
    let count = |verdict| cases.iter().filter(|(_, other)| *other == verdict).count().to_string();
    let time = seconds(subject.until.since(subject.since()));
    let began = subject.timestamp(subject.since()).and_then(|time| {
        // The schema of old had no zone; it is UTC.
        Some(time.to_string().get(..19)?.to_owned())
    });
    let properties = [
        ("state", Some(subject.state().to_owned())),
        ("serial", run.serial.then(|| "true".to_owned())),
        ("damage", damage(subject)),
    ];
    let (tests, failures, errors) =
        (cases.len().to_string(), count(Verdict::Failure), count(Verdict::Error));
    let skipped = count(Verdict::Skipped);
    let counts =
        [("tests", tests.as_str()), ("failures", failures.as_str()), ("errors", errors.as_str())];

    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites")
        .with_attributes(counts)
        .with_attribute(("time", time.as_str()))
        .write_inner_content(|xml| {
            let mut suite = xml
                .create_element("testsuite")
                .with_attribute(("name", name))
                .with_attributes(counts)
                .with_attributes([("skipped", skipped.as_str()), ("time", time.as_str())]);
            if let Some(began) = &began {
                suite = suite.with_attribute(("timestamp", began.as_str()));
            }
            suite.write_inner_content(|xml| {
                xml.create_element("properties").write_inner_content(|xml| {
                    for (name, value) in &properties {
                        if let Some(value) = value {
                            xml.create_element("property")
                                .with_attributes([("name", *name), ("value", value)])
                                .write_empty()?;
                        }
                    }
                    Ok(())
                })?;
                for (task, verdict) in &cases {
                    case(xml, subject, task, *verdict, name, logs)?;
                }
                Ok(())
            })?;
            Ok(())
        })?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

fn case(
    xml: &mut Writer<Vec<u8>>,
    subject: &Subject<'_>,
    task: &Task,
    verdict: Verdict,
    class: &str,
    logs: Logs<'_>,
) -> io::Result<()> {
    let time = seconds(task.elapsed(subject.until));
    let element = xml.create_element("testcase").with_attributes([
        ("name", task.id.as_str()),
        ("classname", class),
        ("time", time.as_str()),
    ]);
    element.write_inner_content(|xml| {
        if verdict != Verdict::Success {
            let (kind, message) = match task.state() {
                State::Queued | State::Running if !subject.live => {
                    ("unfinished", format!("no end is recorded{}", started(task)))
                }
                state => (state.word(), ending(task)),
            };
            xml.create_element(verdict.element())
                .with_attributes([("type", kind), ("message", message.as_str())])
                .write_empty()?;
        }
        // A skipped case has no attempts, says every reader.
        let again = match verdict {
            Verdict::Success => Some("flakyFailure"),
            Verdict::Failure | Verdict::Error => Some("rerunFailure"),
            Verdict::Skipped => None,
        };
        for (attempt, (_, code)) in (1..).zip(&task.tries) {
            let Some(again) = again else { break };
            let kind = code::signal(*code).map_or("failed", |_| "signalled");
            let message = format!("attempt {attempt}: exit code {code}");
            xml.create_element(again)
                .with_attributes([("type", kind), ("message", message.as_str())])
                .write_inner_content(|xml| log(xml, task, attempt, logs))?;
        }
        log(xml, task, task.failures.saturating_add(1), logs)
    })?;
    Ok(())
}

fn log(xml: &mut Writer<Vec<u8>>, task: &Task, attempt: u32, logs: Logs<'_>) -> io::Result<()> {
    let Some(log) = logs(&task.id, attempt).filter(|log| log.bytes > 0) else { return Ok(()) };
    let text = clean::excerpt(&log);
    xml.create_element("system-out").write_text_content(BytesText::new(&text))?;
    Ok(())
}

fn started(task: &Task) -> String {
    task.at.as_ref().map(|at| format!(", started at {at}")).unwrap_or_default()
}

/// Three decimals are the most that the schema takes.
fn seconds(micros: u64) -> String {
    format!("{:.3}", micros as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::run::excerpt::Excerpt;

    fn xml(journal: &str, live: bool, log: &[u8]) -> String {
        let mut sample = sample(journal, &[]);
        sample.live = live;
        let excerpt = Excerpt::new(log.to_vec(), Vec::new(), log.len() as u64);
        let document = document(&sample.subject(), &mut |_, _| Some(excerpt.clone()));
        String::from_utf8(document.unwrap()).unwrap()
    }

    const RUN: &str = "1.000000 run - owner=1 ownerstart=1.0 wall=1700000000000000 script=s.sh\n\
        1.000000 start good pid=2\n2.000000 end good code=0\n\
        1.000000 start bad pid=2 at=s.sh:7 retries=1\n1.500000 attempt bad code=1\n2.000000 end bad code=3\n\
        1.000000 start flaky pid=2 retries=1\n1.500000 attempt flaky code=9\n2.000000 end flaky code=0\n\
        1.000000 start cut pid=2\n2.000000 cancel cut\n2.100000 end cut code=143\n\
        1.000000 start gone pid=2\n2.000000 lost gone\n1.000000 start open pid=2 at=s.sh:9\n";

    #[test]
    fn each_state_is_what_a_test_would_be() {
        let over = xml(RUN, false, b"");
        assert!(over.contains("tests=\"6\" failures=\"1\" errors=\"2\" skipped=\"1\""), "{over}");
        assert!(
            over.contains("<failure type=\"failed\" message=\"exit code 3 after 1.0s, attempt 2 of 2, started at s.sh:7\"/>"),
            "{over}"
        );
        assert!(over.contains("<rerunFailure type=\"failed\" message=\"attempt 1: exit code 1\""));
        assert!(over.contains("<flakyFailure type=\"failed\" message=\"attempt 1: exit code 9\""));
        assert!(over.contains("<skipped type=\"cancelled\""));
        assert!(over.contains("<error type=\"lost\""));
        assert!(over.contains(
            "<error type=\"unfinished\" message=\"no end is recorded, started at s.sh:9\"/>"
        ));
        assert!(over.contains("timestamp=\"2023-11-14T22:13:20\""), "{over}");

        let live = xml(RUN, true, b"");
        assert!(live.contains("errors=\"1\" skipped=\"2\""), "{live}");
        let aborted = xml(&format!("{RUN}3.0 close - how=aborted"), false, b"");
        assert!(aborted.contains("<error type=\"cancelled\""), "{aborted}");
    }

    #[test]
    fn a_log_cannot_become_markup() {
        let hostile = b"\x1b[31m</system-out><failure/>&amp;\x00]]>\x1b[0m\ttab \xff\n";
        let xml = xml("1.0 start a pid=2\n2.0 end a code=0", false, hostile);
        assert!(
            xml.contains("<system-out>&lt;/system-out&gt;&lt;failure/&gt;&amp;amp;]]&gt;\ttab \u{fffd}\n</system-out>"),
            "{xml}"
        );
    }
}
