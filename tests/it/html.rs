//! `meanwhile report --format html`, in a real browser.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;

use crate::browser::Browser;
use crate::made::Made;
use crate::sandbox::{BASH, Sandbox};

/// The page of the run in this directory of the sandbox.
#[track_caller]
fn page(sandbox: &Sandbox, run: &str, more: &[&str]) -> PathBuf {
    let name = format!("{run}.html");
    sandbox.meanwhile(&[&["report", run, "--format", "html", "-o", &name], more].concat()).ok();
    sandbox.path().join(name)
}

/// The run of a script with three tasks, of which one fails.
fn three(sandbox: &Sandbox) {
    let text = "MEANWHILE_DIR=$PWD/run\n\
        long() { printf '\\033[1;32mhello\\033[0m <b>from</b> %s\\n' \"$1\"; sleep 0.6; }\n\
        bad() { echo 'it broke'; sleep 0.3; return 3; }\n\
        async_run quick true\nasync_run long long 'two words'\nasync_run bad bad\n\
        async_wait quick\nasync_wait bad || :\nasync_wait long";
    sandbox.run(BASH, text).ok();
}

#[test]
fn a_person_finds_the_failure_and_its_log() {
    let sandbox = Sandbox::new();
    three(&sandbox);
    let file = page(&sandbox, "run", &[]);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    assert_eq!(
        browser.text("document.querySelector('.mark').textContent"),
        "finished, with failures"
    );
    assert_eq!(browser.number("document.querySelectorAll('.timeline .bar').length"), 3);
    assert_eq!(browser.number("document.querySelectorAll('#table tbody tr').length"), 3);
    assert!(browser.number("document.querySelectorAll('.timeline .wait').length") >= 1);
    let labels =
        "[...document.querySelectorAll('.timeline .bar')].map((bar) => bar.ariaLabel).join()";
    let labels = browser.text(labels);
    assert!(labels.contains("bad: failed, exit code 3 after 0."), "{labels}");
    assert!(labels.contains("on the critical chain"), "{labels}");

    // The failure stands first; a click on it shows its log.
    let log = "document.querySelector('#dialog[open] pre')?.textContent ?? ''";
    browser.click(".failures .name");
    browser.until("document.getElementById('dialog').open");
    assert_eq!(browser.text(log), "it broke\n");
    assert_eq!(browser.text("document.getElementById('dialog-name').textContent"), "bad");
    let facts = browser.text("document.querySelector('#dialog dl').textContent");
    assert!(facts.contains("exit code 3") && facts.contains("script-bash.sh:"), "{facts}");
    // The focus stays in the dialog, and is given back by Escape.
    browser.press(&["Tab", "Tab", "Tab", "Tab", "Tab", "Tab"]);
    let within =
        "document.activeElement === document.body || !!document.activeElement.closest('#dialog')";
    assert_eq!(browser.ask(within), json!(true));
    browser.press(&["Escape"]);
    browser.until("!document.getElementById('dialog').open");
    assert_eq!(browser.text("document.activeElement.textContent"), "bad");

    // A click on a bar does the same; colours are gone, markup is text.
    browser.click(".timeline [aria-label^='long: ']");
    browser.until("document.getElementById('dialog').open");
    assert_eq!(browser.text(log), "hello <b>from</b> two words\n");
    browser.click("#dialog [aria-label='The next task']");
    let name = browser.text("document.getElementById('dialog-name').textContent");
    assert_ne!(name, "long");
    browser.press(&["Escape"]);

    // What is known of the bar under the pointer.
    browser.point(".timeline [aria-label^='long: ']");
    browser.until("!document.getElementById('hover').hidden");
    let hover = browser.text("document.getElementById('hover').textContent");
    for part in ["long", "long 'two words'", "code0", "CPU", "started at", "collected at"] {
        assert!(hover.contains(part), "{part} is not in {hover}");
    }
    browser.assert_quiet(&file);
}

#[test]
fn a_filter_narrows_and_a_click_sorts() {
    let sandbox = Sandbox::new();
    let mut made = Made::new(&sandbox.run_dir(), "made.sh");
    for n in 0..50u32 {
        let (from, code) = (f64::from(n) / 10.0, u8::from(n % 10 == 7));
        made.task(&format!("step-{n}"), from, from + f64::from(n * 7 % 11) + 0.5, code);
    }
    made.command("step-3", &[b"make", b"Everything"])
        .wait("step-40", 1.0, 6.0)
        .close(15.0, "finished");
    let file = page(&sandbox, "run", &[]);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    let rows =
        "[...document.querySelectorAll('#table tbody tr')].map((row) => row.cells[0].textContent)";
    let count = |browser: &mut Browser| {
        let bars = browser.number("document.querySelectorAll('.timeline .bar').length");
        (browser.number(&format!("{rows}.length")), bars)
    };
    let found = "document.getElementById('found').textContent";
    assert_eq!(count(&mut browser).0, 50);
    browser.click("#filter");
    browser.insert("everything MAKE");
    assert_eq!(count(&mut browser), (1, 1));
    assert_eq!(browser.text(found), "1 of 50 tasks");
    assert_eq!(browser.ask(rows), json!(["step-3"]));
    browser.ask("document.getElementById('filter').value = ''");
    browser.insert("nothing like it");
    assert_eq!(count(&mut browser), (0, 0));
    browser.ask("document.getElementById('filter').select()");
    browser.insert("step-");
    assert_eq!(browser.text(found), "50 tasks");
    browser.click("#states input[value=failed]");
    assert_eq!(count(&mut browser), (5, 5));
    assert_eq!(browser.text(found), "5 of 50 tasks");
    browser.click("#states input[value=failed]");

    let sorted = |browser: &mut Browser| {
        browser.text("document.querySelector('#table th[aria-sort]').textContent")
    };
    let took = "[...document.querySelectorAll('#table tbody tr')].map((row) => parseFloat(row.cells[4].textContent))";
    assert_eq!(sorted(&mut browser), "Began ↑");
    browser.click("#table thead th:nth-child(5) button");
    assert_eq!(sorted(&mut browser), "Took ↓");
    assert_eq!(
        browser.ask("document.querySelector('#table th[aria-sort]').ariaSort"),
        json!("descending")
    );
    assert_eq!(
        browser.ask(&format!("{took}.every((time, n, all) => n === 0 || all[n - 1] >= time)")),
        json!(true)
    );
    assert_eq!(browser.number(&format!("Math.round({took}[0] * 10)")), 105);
    browser.click("#table thead th:nth-child(5) button");
    assert_eq!(sorted(&mut browser), "Took ↑");
    browser.click("#table thead th:nth-child(1) button");
    assert_eq!(browser.ask(&format!("{rows}.slice(0, 3)")), json!(["step-0", "step-1", "step-2"]));
    browser.assert_quiet(&file);
}

#[test]
fn the_keyboard_is_enough() {
    let sandbox = Sandbox::new();
    three(&sandbox);
    let file = page(&sandbox, "run", &[]);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    let focus = "document.activeElement.ariaLabel ?? document.activeElement.textContent";
    browser.press(&["Tab"]);
    assert_eq!(browser.text(focus), "Skip to the table of tasks");
    // One stop for the whole timeline; arrows within.
    let mut stops = Vec::new();
    for _ in 0..40 {
        browser.press(&["Tab"]);
        stops.push(browser.text(focus));
        if browser.ask("!!document.activeElement.closest('.scroller')") == json!(true) {
            break;
        }
    }
    let bar = stops.last().unwrap();
    assert!(bar.starts_with("long: succeeded"), "the chain leads through it: {stops:?}");
    assert_eq!(
        browser.ask("getComputedStyle(document.activeElement).outlineStyle"),
        json!("solid")
    );
    browser.until("!document.getElementById('hover').hidden");
    let name = |browser: &mut Browser| browser.text(focus).split(':').next().unwrap().to_owned();
    for (key, there) in [
        ("Home", "quick"),
        ("ArrowRight", "long"),
        ("ArrowRight", "bad"),
        ("ArrowUp", "long"),
        ("ArrowUp", "quick"),
    ] {
        browser.press(&[key]);
        assert_eq!(name(&mut browser), there, "{key}");
    }
    browser.press(&["ArrowUp"]);
    assert!(name(&mut browser).starts_with("the script waits for "));
    browser.press(&["ArrowDown", "End", "Enter"]);
    browser.until("document.getElementById('dialog').open");
    assert_eq!(browser.text("document.getElementById('dialog-name').textContent"), "bad");
    browser.press(&["Escape"]);
    browser.until("!document.getElementById('dialog').open");
    assert_eq!(name(&mut browser), "bad", "the focus is back");
    let width = "document.querySelector('.plane').offsetWidth";
    let before = browser.number(width);
    browser.press(&["+", "+"]);
    assert!(browser.number(width) > before * 2);
    browser.press(&["0"]);
    assert_eq!(browser.number(width), before);
    browser.assert_quiet(&file);
}

/// What is meant to become markup, to hide, or to act.
fn hostile() -> Vec<Vec<u8>> {
    let texts = [
        "</script><script>window.pwned = 1</script>",
        "</script><img src=x onerror=\"window.pwned = 2\">",
        "<!--<script>",
        "--><svg onload='window.pwned = 3'>",
        "\"'`${window.pwned = 4}]]>",
        "{{ 7 * 7 }}{% raw %}</title></textarea></style>",
        "javascript:window.pwned=5",
        "\u{202e}gpj.exe\u{202c} \u{2028}\u{2029}\u{feff}",
        "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m \x1b]8;;javascript:pwned=6\x07link\x1b]8;;\x07",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(b"nul \0 and \xff\xfe\xc3\x28 no UTF-8".to_vec());
    all
}

#[test]
fn nothing_hostile_becomes_markup() {
    let sandbox = Sandbox::new();
    let mark = "</title><script>window.pwned=7</script>";
    let mut made = Made::new(&sandbox.run_dir(), mark);
    let texts = hostile();
    for (n, text) in texts.iter().enumerate() {
        let name = format!("t{n}");
        let word: Vec<u8> = text.iter().copied().filter(|b| *b != 0).collect();
        made.record(0.1, format!("start {name} pid=4194302 at={mark}"));
        made.record(2.0, format!("leak {name} pid=7 comm={mark}"));
        made.record(3.0, format!("end {name} code=1"));
        made.command(&name, &[b"printf", &word]).log(&name, &[text, &b"\n"[..]].concat().repeat(3));
    }
    made.task("line", 0.1, 4.0, 1)
        .log("line", &b"</script>x".repeat(1 << 20))
        .close(5.0, "finished");
    let file = page(&sandbox, "run", &[]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("<script").count(), 2, "the data and the one script");
    assert_eq!(text.matches("</script").count(), 2);
    assert!(text.len() < 1_000_000, "{} bytes", text.len());
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    assert_eq!(browser.text("document.querySelector('h1').textContent"), mark);
    assert_eq!(browser.text("document.title"), format!("{mark}: finished, with failures"));
    for n in 0..texts.len() {
        browser.click(&format!("#table [data-task='{n}']"));
        browser.until("document.getElementById('dialog').open");
        browser.press(&["Escape"]);
        browser.point(&format!(".timeline [data-key=task{n}]"));
    }
    let log = |browser: &mut Browser, n: usize| {
        browser.ask(&format!("document.querySelector(\"#table [data-task='{n}']\").click()"));
        let log = browser.text("[...document.querySelectorAll('#dialog .body > *')].slice(1).map((e) => e.textContent).join('|')");
        browser.press(&["Escape"]);
        log
    };
    let seen = log(&mut browser, 0);
    assert!(seen.contains("</script><script>window.pwned = 1</script>\n"), "{seen}");
    let seen = log(&mut browser, 7);
    assert!(seen.contains("‹U+202E›gpj.exe‹U+202C› ‹U+2028›‹U+2029›‹U+FEFF›\n"), "{seen}");
    let seen = log(&mut browser, 8);
    assert!(seen.contains("red link\nred link\n"), "{seen}");
    let seen = log(&mut browser, 9);
    assert!(seen.contains("nul  and \u{fffd}\u{fffd}\u{fffd}( no UTF-8\n"), "{seen}");
    let seen = log(&mut browser, texts.len());
    assert!(
        seen.contains(&format!("The whole log is {}/line.log", sandbox.run_dir().display())),
        "what is cut is said"
    );
    let command = "document.querySelector('#table tbody tr:nth-child(9) .command').textContent";
    assert!(browser.text(command).contains("^[]0;title^G"), "{}", browser.text(command));
    let markup = "document.querySelectorAll('img, iframe, object, embed, link, main script, dialog script, [onload], [onerror], [href^=javascript]').length";
    assert_eq!(browser.number(markup), 0);
    assert_eq!(browser.ask("window.pwned"), json!(null));
    browser.assert_quiet(&file);
}

#[test]
fn the_policy_stops_what_should_get_in_all_the_same() {
    let sandbox = Sandbox::new();
    Made::new(&sandbox.run_dir(), "made.sh").task("a", 0.1, 1.0, 0).close(2.0, "finished");
    let file = page(&sandbox, "run", &[]);
    let text = std::fs::read_to_string(&file).unwrap();
    let injected = "<script>window.pwned = 1</script><img src=x.png onerror='window.pwned = 2'><p id=styled style='color: red'>";
    sandbox.write("injected.html", &text.replace("<main>", &format!("<main>{injected}")));
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&sandbox.path().join("injected.html"));
    assert_eq!(browser.ask("window.pwned"), json!(null));
    assert!(
        !browser.complaints.is_empty()
            && browser.complaints.iter().all(|c| c.contains("Content Security Policy")),
        "{:?}",
        browser.complaints
    );
    assert_eq!(
        browser.number("document.querySelectorAll('.timeline .bar').length"),
        1,
        "its own script runs"
    );
}

#[test]
fn dark_and_light() {
    let sandbox = Sandbox::new();
    three(&sandbox);
    let file = page(&sandbox, "run", &[]);
    let Some(mut browser) = Browser::start() else { return };
    let ground = "getComputedStyle(document.documentElement).backgroundColor";
    let button = "document.getElementById('theme').textContent";
    browser.prefer("light");
    browser.open(&file);
    let light = browser.text(ground);
    browser.prefer("dark");
    browser.until(&format!("{ground} !== {light:?}"));
    let dark = browser.text(ground);
    browser.until(&format!("{button} === 'Light'"));
    browser.click("#theme");
    assert_eq!((browser.text(ground), browser.text(button)), (light, "Dark".to_owned()));
    browser.click("#theme");
    assert_eq!(browser.text(ground), dark);
    // Text and what it stands on differ enough, for all that is drawn.
    let contrast = "(() => { \
        const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true }); \
        const rgb = (colour) => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1); return [...context.getImageData(0, 0, 1, 1).data]; }; \
        const light = (colour) => { const [r, g, b] = rgb(colour).slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
        const bad = []; \
        for (const element of document.querySelectorAll('body *')) { \
          if (![...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !element.checkVisibility()) continue; \
          let under = element; \
          while (under && rgb(getComputedStyle(under).backgroundColor)[3] < 255) under = under.parentElement; \
          if (!under) continue; \
          const [one, other] = [light(getComputedStyle(element).color), light(getComputedStyle(under).backgroundColor)].sort((a, b) => b - a); \
          const ratio = (one + 0.05) / (other + 0.05); \
          if (ratio < 4.5) bad.push(`${element.className} ${element.textContent.trim()}: ${ratio.toFixed(2)}`); \
        } return bad; })()";
    for _ in 0..2 {
        assert_eq!(browser.ask(contrast), json!([]), "{}", browser.text(ground));
        browser.click("#theme");
    }
    browser.assert_quiet(&file);
}

#[test]
fn ten_thousand_tasks_are_not_too_many() {
    let sandbox = Sandbox::new();
    let mut made = Made::new(&sandbox.run_dir(), "many.sh");
    for n in 0..10_000u32 {
        let from = f64::from(n) / 100.0;
        made.task(
            &format!("step-{n}"),
            from,
            from + 0.05 + f64::from(n % 13) / 100.0,
            u8::from(n == 7777),
        );
        made.log(&format!("step-{n}"), &b"<b>a line of some log</b>\n".repeat(60));
    }
    made.wait("step-7777", 2.0, 78.0).close(101.0, "finished");
    let file = page(&sandbox, "run", &[]);
    let size = file.metadata().unwrap().len();
    assert!(size < 20_000_000, "{size} bytes");
    println!("{size} bytes");
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    let nodes = "document.querySelectorAll('*').length";
    println!(
        "{} elements, ready after {} ms",
        browser.number(nodes),
        browser.number("Math.round(performance.now())")
    );
    assert!(browser.number(nodes) < 8_000);
    assert_eq!(browser.text("document.getElementById('found').textContent"), "10,000 tasks");
    // What is too narrow is drawn together; a click goes nearer.
    let bars = "document.querySelectorAll('.timeline .bar').length";
    let width = "document.querySelector('.plane').offsetWidth";
    let before = browser.number(width);
    browser.click(".timeline .body .cluster");
    assert!(browser.number(width) > before && browser.number(bars) > 0);
    // The one that failed is found, shown, and reached by the keyboard.
    browser.click("#states input[value=failed]");
    assert_eq!(browser.number(bars), 1);
    browser.click("#states input[value=failed]");
    browser.click("#lanes");
    browser.ask("document.querySelector('.timeline button[tabindex=\"0\"]').focus()");
    browser.press(&["End"]);
    assert!(browser.text("document.activeElement.ariaLabel").starts_with("step-9999:"));
    assert!(browser.number(nodes) < 8_000);
    browser.click("#more");
    assert_eq!(browser.number("document.querySelectorAll('#table tbody tr').length"), 1_200);
    browser.assert_quiet(&file);
}

#[test]
fn a_run_that_was_cut_short_shows_what_is_known() {
    let sandbox = Sandbox::new();
    let mut made = Made::new(&sandbox.run_dir(), "night.sh");
    made.task("backup", 0.1, 3.0, 0).wait("backup", 1.0, 3.0);
    made.record(0.5, "start vacuum pid=4194302 at=night.sh:7");
    made.record(0.6, "start mail pid=4194302 at=night.sh:8 queued=1");
    made.record(3.5, "wait vacuum by=77 at=night.sh:20").record(7.0, "unwatched -");
    made.cut("\x1e1008.1 end vac");
    let file = page(&sandbox, "run", &[]);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    assert_eq!(browser.text("document.querySelector('.mark').textContent"), "cut short");
    let notes = browser.text("document.querySelector('.notes').textContent");
    for note in [
        "nothing closed its journal",
        "the journal is damaged",
        "the watcher died",
        "unfinished, no end is recorded: vacuum (night.sh:7), mail (night.sh:8)",
    ] {
        assert!(notes.contains(note), "{note} is not in {notes}");
    }
    let states =
        "[...document.querySelectorAll('#table tbody tr')].map((row) => row.cells[1].textContent)";
    assert_eq!(browser.ask(states), json!(["✓ succeeded", "? unfinished", "? unfinished"]));
    browser.assert_quiet(&file);

    // So does one of which next to nothing is left.
    for (n, journal) in [
        "",
        "\x1e",
        "\x1e1.0 end a code=3\n",
        "garbage\n",
        "\x1e0.0 run - owner=1 ownerstart=0.0\n\x1e0.0 start a pid=2\n\x1e9.0 wait a by=1 in=a\n\
         \x1e18446744073709.0 end a code=0 cpu=18446744073709551615\n\x1e5.0 wait b by=7\n",
    ]
    .iter()
    .enumerate()
    {
        let dir = format!("rest{n}");
        Made::new(&sandbox.path().join(&dir), "x").close(1.0, "finished");
        sandbox.write(&format!("{dir}/journal"), journal);
        let file = page(&sandbox, &dir, &[]);
        browser.requests.clear();
        browser.open(&file);
        assert_eq!(browser.ask("document.getElementById('drawn').hidden"), json!(false));
        browser.assert_quiet(&file);
    }
}

#[test]
fn it_is_compared_with_an_earlier_run() {
    let sandbox = Sandbox::new();
    let mut old = Made::new(&sandbox.path().join("old"), "made.sh");
    old.task("a", 0.1, 1.1, 0).task("b", 0.1, 4.1, 0).close(5.0, "finished");
    let mut new = Made::new(&sandbox.run_dir(), "made.sh");
    new.task("a", 0.1, 3.1, 0).task("b", 0.1, 2.1, 0).task("c", 0.1, 0.2, 0).close(3.5, "finished");
    let file = page(&sandbox, "run", &["--compare", "old"]);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    let cells = "[...document.querySelectorAll('#table tr')].map((row) => [...row.cells].slice(4, 7).map((cell) => cell.textContent))";
    assert_eq!(
        browser.ask(cells),
        json!([
            ["Took", "Earlier", "Change"],
            ["3.00s", "1.00s", "▲ +2.00s (+200%)"],
            ["2.00s", "4.00s", "▼ −2.00s (−50%)"],
            ["0.10s", "", ""]
        ])
    );
    let figure = browser.text("document.querySelector('.figures .note').textContent");
    assert_eq!(figure, "−1.5s against 5.0s");
    browser.assert_quiet(&file);
}

#[test]
fn what_is_usual_stands_beside() {
    let sandbox = Sandbox::new();
    three(&sandbox);
    three(&sandbox);
    let file = page(&sandbox, "run", &[]);
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    let usual =
        "[...document.querySelectorAll('#table tr')].map((row) => row.cells[5].textContent)";
    assert_eq!(browser.ask(&format!("{usual}[0]")), json!("Usually"));
    let times = browser.ask(&format!("{usual}.slice(1).filter((text) => text !== '')"));
    assert_eq!(times.as_array().unwrap().len(), 2, "of what succeeded: {times}");
    browser.assert_quiet(&file);
}

#[test]
fn only_its_owner_reads_it_and_what_is_left_out_is_not_there() {
    let sandbox = Sandbox::new();
    let mut made = Made::new(&sandbox.run_dir(), "made.sh");
    made.task("a", 0.1, 1.0, 0).command("a", &[b"curl", b"hunter2"]).log("a", b"s3cret\n");
    made.close(2.0, "finished");
    let file = page(&sandbox, "run", &[]);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("hunter2") && text.contains("s3cret"));
    let page = page(&sandbox, "run", &["--without", "logs,commands"]);
    let text = std::fs::read_to_string(page).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("s3cret"));
    assert!(text.contains("Left out: logs, commands."));
    for wrong in [&["--without", "logs"][..], &["--compare", "run", "--format", "json"]] {
        let output = sandbox.meanwhile(&[&["report", "run"], wrong].concat());
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains("hint: add --format html"), "{}", output.stderr);
    }
}
