//! The moves in words: one line each, with the places as the user has them.

use std::fmt;

use super::moves::{Move, What};
use super::places::{Place, Waited};
use crate::run::{Id, duration};

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let saves = format!("saves up to {}", duration::display(self.saves));
        match &self.what {
            What::Earlier { task, others, waited, from, to } => {
                let base = waited.as_ref().map_or(from, |waited| &waited.at);
                if let Some(waited) = waited {
                    write!(f, "{}; ", Blocked(waited, task))?;
                }
                write!(f, "{task} started")?;
                match from {
                    Place::Line(_) if waited.is_some() => write!(f, " at {}", from.near(base))?,
                    Place::Line(at) => write!(f, " at {at}")?,
                    _ => {}
                }
                let along = match &others[..] {
                    [] => String::new(),
                    others => format!(" with {}", Names(others)),
                };
                match to {
                    Place::Begin => write!(
                        f,
                        "; nothing was waited for before it, starting it at the beginning{along} {saves}"
                    ),
                    _ => write!(
                        f,
                        "; nothing before it was waited for since {}, starting it there{along} {saves}",
                        to.near(base)
                    ),
                }
            }
            What::Later { task, waited, to, starts, work } => {
                let blocked = Blocked(waited, task);
                let to = to.near(&waited.at);
                match &starts[..] {
                    [] => write!(
                        f,
                        "{blocked}; unless the {} of own work up to {to} need it, waiting behind them {saves}",
                        duration::display(*work)
                    ),
                    starts => {
                        let one_of = if starts.len() > 1 { "one of " } else { "" };
                        let starts = Names(starts);
                        write!(
                            f,
                            "{blocked}; unless {one_of}{starts} needs it, waiting for it at {to} {saves}"
                        )
                    }
                }
            }
            What::Background { scope, from, until, wait, work } => {
                let who = scope.as_ref().map_or("the script", Id::as_str);
                let base = if matches!(from, Place::Line(_)) { from } else { until };
                let until = if base == until { until.full() } else { until.near(base) };
                write!(
                    f,
                    "from {} to {until} {who} itself worked {}; in the background, and waited for at {}, that {saves}",
                    from.full(),
                    duration::display(*work),
                    wait.near(base)
                )
            }
            What::Unlock { task, lock, holder, queued } => write!(
                f,
                "{task} was queued {} for the lock {lock} that {holder} held; doing without {saves}",
                duration::display(*queued)
            ),
            What::Slot { task, slots, queued } => write!(
                f,
                "MEANWHILE_JOBS={slots} queued {task} for {}; one slot more {saves}",
                duration::display(*queued)
            ),
        }
    }
}

/// That a wait blocked on a task.
struct Blocked<'a>(&'a Waited, &'a Id);

impl fmt::Display for Blocked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Waited { at, verb, blocked }, task) = self;
        if let Place::Line(at) = at {
            write!(f, "{at} ")?;
        }
        write!(f, "{verb} {task} blocked {}", duration::display(*blocked))
    }
}

/// Some names, and how many more there are.
struct Names<'a>(&'a [Id]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 3;
        let shown: Vec<&str> = self.0.iter().take(NAMED).map(Id::as_str).collect();
        match (self.0.len().saturating_sub(NAMED), &shown[..]) {
            (0, [rest @ .., last]) if !rest.is_empty() => {
                write!(f, "{} and {last}", rest.join(", "))
            }
            (0, all) => f.write_str(&all.join(", ")),
            (more, all) => write!(f, "{} and {more} more", all.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Subject;
    use crate::report::advice::moves::moves;
    use crate::report::sample::Sample;

    fn told(journal: &str, until: u64) -> Vec<String> {
        let sample = Sample::new(journal);
        moves(&sample.until(until)).iter().map(ToString::to_string).collect()
    }

    const RUN: &str = "0.0 run - owner=1 ownerstart=0.0 script=s.sh\n";
    const EARLIER: &str = "1.0 start a pid=2 at=s.sh:40
        1.0 wait a by=8 at=s.sh:41
        2.0 end a code=0
        2.0 woken - by=8
        2.0 collected a code=0 at=s.sh:41
        8.0 start b pid=3 at=s.sh:71
        9.0 wait b by=9 at=s.sh:88
        18.0 end b code=0
        18.0 woken - by=9
        18.0 collected b code=0 at=s.sh:88";

    #[test]
    fn a_start_goes_up() {
        let journal = format!("{RUN}{EARLIER}");
        let expected = "s.sh:88 async_wait b blocked 9.0s; b started at :71; nothing before it \
            was waited for since :41, starting it there saves up to 6.0s";
        assert_eq!(told(&journal, 18)[0], expected);
        // A shell that tells no lines.
        let blind: Vec<&str> =
            journal.split_whitespace().filter(|word| !word.starts_with("at=")).collect();
        let mut lines = String::new();
        for word in blind {
            let stamp = word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
            lines += if stamp { "\n" } else { " " };
            lines += word;
        }
        let expected = "async_wait b blocked 9.0s; b started; nothing before it was waited for \
            since async_wait a, starting it there saves up to 6.0s";
        assert_eq!(told(&lines, 18)[0], expected);
    }

    #[test]
    fn those_that_were_started_together_go_together() {
        let journal = format!(
            "{RUN}5.0 start a pid=2 at=s.sh:4
            5.0 start b pid=2 at=lib/s.sh:5
            5.0 wait a by=8 at=s.sh:6
            9.0 end a code=0
            9.0 end b code=0
            9.0 woken - by=8"
        );
        let expected = "s.sh:6 async_wait a blocked 4.0s; a started at :4; nothing was waited for \
            before it, starting it at the beginning with b saves up to 4.0s";
        assert_eq!(told(&journal, 9)[0], expected);
    }

    #[test]
    fn a_wait_goes_down() {
        let journal = format!(
            "{RUN}0.0 start a pid=2 at=s.sh:4
            0.0 wait a by=8 at=s.sh:6
            6.0 end a code=0
            6.0 woken - by=8"
        );
        let expected = "s.sh:6 async_wait a blocked 6.0s; unless the 2.0s of own work up to the end \
            need it, waiting behind them saves up to 2.0s";
        assert_eq!(told(&journal, 8), [expected]);
        let several = format!(
            "{RUN}0.0 start a pid=2 at=s.sh:1
            0.0 start b pid=2 at=s.sh:2
            0.0 wait a by=8 at=s.sh:6
            1.0 end a code=0
            1.0 woken - by=8
            1.0 collected a at=s.sh:6
            1.0 wait b by=8 at=s.sh:6
            5.0 end b code=0
            5.0 woken - by=8
            5.0 collected b at=s.sh:6
            5.0 start c pid=3 at=s.sh:7
            5.1 wait c by=8 at=s.sh:9
            9.0 end c code=0
            9.0 woken - by=8
            9.0 collected c at=s.sh:9"
        );
        let expected = "s.sh:6 async_wait b blocked 4.0s; unless c needs it, waiting for it \
            at :9 saves up to 4.0s";
        assert_eq!(told(&several, 9), [expected]);
    }

    #[test]
    fn own_work_goes_into_the_background() {
        // Work, then two tasks one after the other: neither alone would help.
        let journal = format!(
            "{RUN}6.0 start a pid=2 at=s.sh:4
            6.0 start b pid=2 at=s.sh:5 queued=1 after=a
            6.0 wait b by=8 at=s.sh:9
            9.0 end a code=0
            9.0 begin b
            12.0 end b code=0
            12.0 woken - by=8"
        );
        let told = told(&journal, 12);
        assert!(told[0].contains("starting it at the beginning"), "{told:?}");
        let nested = "from its beginning to s.sh:4 the script itself worked 6.0s";
        assert!(told.iter().all(|one| !one.contains(nested)), "one way is enough: {told:?}");
    }

    #[test]
    fn locks_and_slots_are_named() {
        let tasks = "0.0 start a pid=2 at=s.sh:1 queued=1LOCK
            0.0 start b pid=3 at=s.sh:2 queued=1LOCK
            0.0 begin a
            0.0 wait b by=8 at=s.sh:3
            4.0 end a code=0
            4.0 begin b
            9.0 end b code=0
            9.0 woken - by=8";
        let locked = RUN.to_owned() + &tasks.replace("LOCK", " lock=apt");
        let expected =
            "b was queued 4.0s for the lock apt that a held; doing without saves up to 4.0s";
        assert_eq!(told(&locked, 9), [expected]);
        let limited = RUN.trim_end().to_owned() + " jobs=1\n" + &tasks.replace("LOCK", "");
        let expected = "MEANWHILE_JOBS=1 queued b for 4.0s; one slot more saves up to 4.0s";
        assert_eq!(told(&limited, 9), [expected]);
    }

    #[test]
    fn where_the_processors_were_busy_nothing_is_promised() {
        // The script and both tasks compute; so did others, on both processors.
        let tasks = EARLIER.replace("code=0", "code=0 cpu=9000000 idle=5.00");
        let busy = format!("{RUN}{tasks}").replace("pid=", "idle=5.00 pid=");
        let busy = busy.replace(
            "0.0 run - owner=1 ownerstart=0.0",
            "0.1 run - owner=1 ownerstart=0.1 cpus=2 idle=5.00",
        );
        let free = busy.replacen("idle=5.00", "idle=1.00", 1);
        for (journal, said) in [(busy, false), (free, true)] {
            let sample = Sample::new(&journal);
            let subject = Subject { script_cpu: Some(27_000_000), ..sample.until(18) };
            assert_eq!(!moves(&subject).is_empty(), said, "{journal}");
        }
    }

    #[test]
    fn of_a_serial_or_an_aborted_run_nothing_is_said() {
        let serial = RUN.trim_end().to_owned() + " serial=1\n" + EARLIER;
        assert_eq!(told(&serial, 18), [""; 0]);
        let aborted = format!("{RUN}{EARLIER}\n18.0 close - how=aborted");
        assert_eq!(told(&aborted, 18), [""; 0]);
    }
}
