//! What of a run is not known, because its journal was torn, overwritten or
//! cut. Every report tells what can be read, and says so.

use super::Subject;

/// What of the journal is lost; none if nothing is.
pub fn damage(subject: &Subject<'_>) -> Option<String> {
    let run = subject.run;
    let mut lost = Vec::new();
    if run.opened.is_none() {
        lost.push("its first record, of the run itself, is missing".to_owned());
    }
    match (run.damaged, run.damaged_bytes) {
        (0, _) => {}
        (1, bytes) => lost.push(format!("a line ({bytes} bytes) is no record")),
        (lines, bytes) => lost.push(format!("{lines} lines ({bytes} bytes) are no records")),
    }
    if subject.torn {
        lost.push(format!("it ends within a record, of which {} bytes are there", run.unfinished));
    }
    (!lost.is_empty()).then(|| format!("the journal is damaged: {}", lost.join("; ")))
}
