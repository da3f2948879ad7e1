//! Signals to the script, the watcher, the client and a guard, in all ordered
//! pairs and in random triples, at random steps of the run; see `storm` for what
//! must hold. More of each with MEANWHILE_TEST_FULL=1.

use crate::sandbox::{BASH, DASH, Sandbox, Shell, kill, shells, until, with_glue};
use crate::storm::{Blow, Dice, SIGNALS, STEPS, VICTIMS, Victim, storm};

fn full() -> bool {
    std::env::var_os("MEANWHILE_TEST_FULL").is_some()
}

/// bash, dash and, where there is one, zsh; in full, all there are.
fn some_shells() -> Vec<Shell> {
    let some = |shell: &Shell| full() || ["bash", "dash", "zsh"].contains(&shell.name);
    shells().into_iter().filter(some).collect()
}

/// Both signals of every ordered pair, to one victim, at one step.
fn all_pairs(victim: Victim) {
    let mut dice = Dice::new("pairs");
    let shells = some_shells();
    let (mut hits, mut runs) = (0, 0);
    for first in SIGNALS {
        for second in SIGNALS {
            let at = runs % shells.len();
            for shell in if full() { &shells[..] } else { &shells[at..=at] } {
                let step = dice.below(STEPS);
                hits += storm(*shell, &[(victim, first, step), (victim, second, step)], false);
            }
            runs += 1;
        }
    }
    println!("{victim:?}: {hits} signals sent in {runs} runs or more, all survived");
    assert!(hits > runs / 2, "{victim:?}: only {hits} signals hit");
}

#[test]
fn every_pair_of_signals_to_the_script() {
    all_pairs(Victim::Script);
}

#[test]
fn every_pair_of_signals_to_the_watcher() {
    all_pairs(Victim::Watcher);
}

#[test]
fn every_pair_of_signals_to_the_client() {
    all_pairs(Victim::Client);
}

#[test]
fn every_pair_of_signals_to_a_guard() {
    all_pairs(Victim::Guard);
}

#[test]
fn random_triples_of_signals_to_anybody() {
    let mut dice = Dice::new("triples");
    let shells = some_shells();
    let runs = if full() { 300 } else { 24 };
    let mut hits = 0;
    for _ in 0..runs {
        let blows: [Blow; 3] =
            std::array::from_fn(|_| (dice.pick(&VICTIMS), dice.pick(&SIGNALS), dice.below(STEPS)));
        hits += storm(dice.pick(&shells), &blows, false);
    }
    println!("triples: {hits} signals sent in {runs} runs, all survived");
}

/// As ^C, a shutdown and a hangup do it: to all that the terminal runs.
#[test]
fn the_whole_group_with_and_without_a_pipe() {
    let mut dice = Dice::new("group");
    let mut hits = 0;
    for shell in [BASH, DASH] {
        for signal in &SIGNALS[..3] {
            for piped in [false, true] {
                let step = 1 + dice.below(STEPS - 4);
                hits += storm(shell, &[(Victim::Group, *signal, step)], piped);
            }
        }
    }
    println!("group: {hits} signals sent, all survived");
}

/// A shell may take a stop for an end, or lose count.
#[test]
fn a_task_that_is_stopped_and_goes_on_keeps_its_code() {
    for shell in shells() {
        for (code, times) in [(3, 1), (0, 1), (255, 0), (255, 2), (7, 3)] {
            let sandbox = Sandbox::new();
            // (Not a FIFO: a stop may interrupt its opening.)
            let text = format!(
                "async_run a sh -c 'while [ ! -e go ]; do /bin/sleep 0.01; done; exit {code}'\n\
                 rc=0; async_wait a || rc=$?; echo $rc"
            );
            let child = sandbox.script(shell, &with_glue(shell, &text)).spawn().unwrap();
            let task = || sandbox.census().into_iter().find(|(_, line)| line.starts_with("sh -c"));
            assert!(until(|| task().is_some()));
            let pid = task().unwrap().0;
            let stopped = || {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
                stat.is_ok_and(|stat| stat.contains(") T "))
            };
            for _ in 0..times {
                kill(pid, "STOP");
                assert!(until(stopped));
                kill(pid, "CONT");
                assert!(until(|| !stopped()));
            }
            sandbox.write("go", "");
            let output = sandbox.finish(child).ok();
            assert_eq!(output.stdout, format!("{code}\n"), "{} {times}", shell.name);
        }
    }
}
