//! `meanwhile init`: prints the glue for a shell.

use clap::ValueEnum;

use super::{Failure, checked, message};
use crate::client::open;

/// Print the shell functions; load them with: eval -- "$(meanwhile init bash)"
///
/// The functions are async_init, async_run, async_runfunc, async_wait,
/// async_get, async_cancel, async_status, async_log, async_pidof,
/// async_cleanup and async_print_timing. They change no option, trap,
/// descriptor or variable of the script (their own variables begin with _mw_).
#[derive(Debug, clap::Args)]
pub struct Init {
    /// The shell: bash, zsh, or sh for dash, busybox ash, mksh, ksh93 and yash.
    shell: Shell,
    /// The flavour for scripts written for devstack's inc/async.
    #[arg(long)]
    devstack: bool,
    /// Print a file to keep with the script: where meanwhile is not
    /// installed, the script still runs, one step after the other.
    #[arg(long)]
    portable: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Sh,
}

const COMMON: &str = include_str!("../../shell/common.sh");
const START: &str = include_str!("../../shell/start.sh");
const QUEUE: &str = include_str!("../../shell/queue.sh");
const COLLECT: &str = include_str!("../../shell/collect.sh");
const SERIAL: &str = include_str!("../../shell/serial.sh");
const BASH: &str = include_str!("../../shell/bash.sh");
const ZSH: &str = include_str!("../../shell/zsh.sh");
const SH: &str = include_str!("../../shell/sh.sh");
const DEVSTACK: &str = include_str!("../../shell/devstack.sh");
const CHECK: &str = include_str!("../../shell/check.sh");

/// Stands in the glue for the program's path.
const TOKEN: &str = "@MEANWHILE@";
/// Stands there for its version.
const VERSION: &str = "@VERSION@";

impl Init {
    pub fn run(&self) -> Result<u8, Failure> {
        let own = match self.shell {
            Shell::Bash => BASH,
            Shell::Zsh => ZSH,
            Shell::Sh => SH,
        };
        let mut parts = vec![COMMON, START, QUEUE, COLLECT, SERIAL, own];
        if self.devstack {
            parts.push(DEVSTACK);
        }
        // (A file that is kept with a script is for runs that nobody checks.)
        if matches!(self.shell, Shell::Bash) && checked::lines() && !self.portable {
            parts.push(CHECK);
        }
        let mut glue: String = parts.into_iter().flat_map(code_lines).collect();
        if matches!(self.shell, Shell::Sh) {
            // dash takes the `--` of `eval -- "$(…)"` for the first word of this line.
            glue.insert_str(0, "2>/dev/null || :\n");
        }
        let glue = glue.replace(VERSION, env!("CARGO_PKG_VERSION"));
        let text = if self.portable {
            let flavour = if self.devstack { " --devstack" } else { "" };
            let shell = format!("{:?}", self.shell).to_lowercase();
            format!(
                "# Made by `meanwhile init {shell}{flavour} --portable`, version {}: keep it with\n\
                 # your script and source it. Without meanwhile the script runs serially.\n{}",
                env!("CARGO_PKG_VERSION"),
                glue.replace(TOKEN, "meanwhile")
            )
        } else {
            glue.replace(TOKEN, &quoted_path()?)
        };
        message::print(&text)?;
        Ok(0)
    }
}

/// The lines that are not comments: a shell reads the glue at each start of a script.
fn code_lines(part: &str) -> impl Iterator<Item = String> {
    part.lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
}

fn quoted_path() -> Result<String, Failure> {
    use std::os::unix::ffi::OsStrExt;
    let path = open::myself().get_program().to_owned();
    let quoted = shlex::bytes::try_quote(path.as_bytes()).ok();
    quoted.and_then(|quoted| String::from_utf8(quoted.into_owned()).ok()).ok_or_else(|| {
        Failure::usage(
            format!("the path of this program is not UTF-8: {}", path.to_string_lossy()),
            "install it elsewhere",
        )
    })
}
