//! The documents are true: the README's examples run, the manual pages are
//! those that the option definitions give.

use std::path::Path;

use crate::sandbox::{BASH, Sandbox};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The blocks of a Markdown text after a line `<!-- run -->`: a script, and
/// the output that the next block says it has.
fn examples(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in text.split("<!-- run -->\n").skip(1) {
        let script = part.split_once("```bash\n").unwrap().1;
        let (script, rest) = script.split_once("```\n").unwrap();
        let expected = rest.split_once("```text\n").unwrap().1;
        let (expected, _) = expected.split_once("```").unwrap();
        found.push((script.to_owned(), expected.to_owned()));
    }
    found
}

#[test]
fn the_readmes_examples_run_and_print_what_it_says() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let examples = examples(&text);
    assert!(examples.len() >= 4, "{} examples", examples.len());
    for (script, expected) in examples {
        let sandbox = Sandbox::new();
        let output = sandbox.finish(sandbox.script(BASH, &script).spawn().unwrap());
        assert_eq!(output.code, 0, "{script}\n{}", output.stderr);
        assert_eq!(output.stdout, expected, "{script}\n{}", output.stderr);
    }
}

#[test]
fn the_manual_pages_are_up_to_date() {
    let sandbox = Sandbox::new();
    let mut pages = 0;
    for entry in std::fs::read_dir(root().join("docs/man")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let mut arguments = vec!["man"];
        arguments.extend(stem.strip_prefix("meanwhile-"));
        let page = sandbox.meanwhile(&arguments).ok().stdout;
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(page, kept, "{stem}: run `make docs`");
        pages += 1;
    }
    // One for each command that help shows, and one for the program.
    let help = sandbox.meanwhile(&["help"]).ok().stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands = commands
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("   ") && !l.starts_with("  help "))
        .count();
    assert_eq!(pages, commands + 1, "{help}");
}

#[test]
fn completions_are_made_for_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.meanwhile(&["completions", shell]).ok().stdout;
        assert!(script.contains("meanwhile") && !script.contains("__watch"), "{shell}");
    }
}

#[test]
fn the_glue_is_silent_under_strict_modes() {
    for (shell, text) in [
        ("bash", "set -euo pipefail"),
        ("bash", "set -eu; set -o posix"),
        (
            "bash",
            "set -euE; trap 'echo ERR' ERR; shopt -s expand_aliases; alias printf=false read=false",
        ),
        ("zsh", "set -eu; setopt pipefail ksharrays shwordsplit; alias printf=false read=false"),
        ("zsh", "emulate sh; set -eu"),
        ("zsh", "setopt nounset extendedglob globsubst"),
        ("dash", "set -eu; alias printf=false read=false wait=false; IFS=x"),
        ("mksh", "set -eu; alias print=false"),
    ] {
        let Some(shell) = crate::sandbox::shells().into_iter().find(|s| s.name == shell) else {
            continue;
        };
        let sandbox = Sandbox::new();
        let text = format!(
            "{text}\neval \"$(meanwhile init {})\"\nf() {{ echo \"out $1\"; }}\n\
             async_run a-b.c f x\nasync_wait a-b.c >log\nasync_run --capture v f y\nasync_get value v\n\
             echo \"$value\" >>log\nasync_wait --if-started nobody\n",
            shell.init
        );
        let output = sandbox.finish(sandbox.script(shell, &text).spawn().unwrap()).ok();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "{text}");
        assert_eq!(sandbox.read("log"), "out x\nout y\n", "{text}");
    }
}
