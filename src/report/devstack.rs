//! devstack's "Async summary" block, line by line as its `inc/async` prints
//! it, with figures that hold: the estimate leaves contention out, and a run
//! in which nothing was waited for is no error.

use super::Subject;
use super::estimate::estimate;

/// The block; empty in serial mode, as in the original.
pub fn summary(subject: &Subject<'_>) -> String {
    if subject.run.serial {
        return String::new();
    }
    let figures = estimate(subject);
    let seconds = |micros: u64| micros.saturating_add(500_000) / 1_000_000;
    let saved = figures.serial.saturating_sub(figures.elapsed);
    format!(
        "\n=================\n Async summary\n=================\n \
         Time spent in the background minus waits: {} sec\n \
         Elapsed time: {} sec\n \
         Time if we did everything serially: {} sec\n \
         Speedup:  {:.5}\n",
        seconds(saved),
        seconds(figures.elapsed),
        seconds(figures.serial),
        figures.speedup()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Run, Time};

    #[test]
    fn absurd_times_are_survived() {
        let (mut run, commands) = (Run::default(), std::collections::HashMap::new());
        run.opened = Some(Time(0));
        let subject = Subject {
            run: &run,
            commands: &commands,
            until: Time(u64::MAX),
            live: true,
            script_cpu: None,
            cores: 1,
            torn: false,
            past: None,
        };
        assert!(summary(&subject).contains("Elapsed time: 18446744073709 sec"));
    }
}
