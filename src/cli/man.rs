//! `meanwhile man`: manual pages, from the option definitions.

use clap_mangen::Man as Page;

use super::{Failure, definition, message};

/// Print a manual page (roff); read it with: meanwhile man start | man -l -
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The command; by default the program itself.
    command: Option<String>,
}

impl Man {
    pub fn run(&self) -> Result<u8, Failure> {
        let mut program = definition();
        program.build();
        let page = match self.command.as_deref() {
            None => program,
            Some(name) => {
                let found =
                    program.get_subcommands().find(|c| c.get_name() == name && !c.is_hide_set());
                found.cloned().map(|c| c.version(env!("CARGO_PKG_VERSION"))).ok_or_else(|| {
                    Failure::usage(
                        format!("there is no command `{name}`"),
                        "what there is: meanwhile help",
                    )
                })?
            }
        };
        let mut roff = Vec::new();
        Page::new(page.display_name(self.title()))
            .title(self.title())
            .date("")
            .render(&mut roff)
            .map_err(|error| Failure::other("cannot write the page", &error))?;
        message::print(&String::from_utf8_lossy(&roff))?;
        Ok(0)
    }

    fn title(&self) -> String {
        match &self.command {
            None => "meanwhile".to_owned(),
            Some(command) => format!("meanwhile-{command}"),
        }
    }
}
