//! `flowcast generate`: files that are made from this program.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;

use crate::args::{Args, GenerateCommand};
use crate::terminal::output::{line, raw};

/// Every setting with its default; a test compares it with the settings that the program reads.
const CONFIG: &str = include_str!("../../../../examples/flowcast.toml");

/// Prints or writes the files.
pub(crate) fn run(command: GenerateCommand) -> anyhow::Result<()> {
    match command {
        GenerateCommand::Config => raw(CONFIG.as_bytes()),
        GenerateCommand::Man { folder } => manual(&folder)?,
        GenerateCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "flowcast", &mut script);
            raw(&script);
        }
    }
    Ok(())
}

/// Writes one page for each command that is not hidden.
fn manual(folder: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot write manual pages to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(failed)?;
    clap_mangen::generate_to(Args::command(), folder).with_context(failed)?;
    line(format!("the manual pages are in {}; read the first one with: man -l flowcast.1", folder.display()));
    Ok(())
}
