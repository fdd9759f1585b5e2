//! Completions, the manual page, and the names of the reference's programs.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use tensorferry_diagnostics::{Kind, Problem};

use crate::args::Cli;
use crate::errors::Outcome;
use crate::personality::{CONVERTER, WIZARD};
use crate::print;

/// Prints a completion script.
pub(crate) fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tensorferry", &mut script);
    print::text(&String::from_utf8_lossy(&script))
}

/// Prints the manual page of all commands.
pub(crate) fn man() -> Outcome {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        let name = format!("tensorferry-{}", subcommand.get_name());
        let subcommand = subcommand.clone().name(name);
        let mut section = Vec::new();
        clap_mangen::Man::new(subcommand).render(&mut section)?;
        page.extend_from_slice(&section);
    }
    print::text(&String::from_utf8_lossy(&page))
}

/// Makes the links, or says how.
pub(crate) fn aliases(folder: Option<&Path>) -> Outcome {
    let executable = std::env::current_exe()
        .map_err(|e| Problem::new(Kind::Environment, format!("cannot find ourselves: {e}")))?;
    let Some(folder) = folder else {
        let name = executable.display();
        return print::text(&format!(
            "alias {CONVERTER}='{name} {CONVERTER}'\nalias {WIZARD}='{name} {WIZARD}'\n"
        ));
    };
    let mut text = String::new();
    for name in [CONVERTER, WIZARD] {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let path = folder.join(name);
        link(&executable, &path).map_err(|e| {
            let what = match e.kind() {
                io::ErrorKind::AlreadyExists => "exists already".to_owned(),
                _ => format!("cannot be made: {e}"),
            };
            Problem::new(Kind::Environment, what).in_file(path.to_string_lossy())
        })?;
        text.push_str(&format!("{}\n", path.display()));
    }
    print::text(&text)
}

/// Makes the link; a link of ours that is there already is as good.
fn link(executable: &Path, path: &Path) -> io::Result<()> {
    if fs::canonicalize(path).is_ok_and(|there| there == executable) {
        return Ok(());
    }
    #[cfg(unix)]
    return std::os::unix::fs::symlink(executable, path);
    #[cfg(not(unix))]
    return fs::hard_link(executable, path);
}
