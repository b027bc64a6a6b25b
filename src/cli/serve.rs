//! `usher serve`

use std::io;

use super::{Exit, Terminal, fail, report, runtime};
use crate::{app, config::Sources};

pub(super) fn run(sources: Sources, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    // How many threads serve is known only when the configuration is: it is loaded on this one.
    let loaded = match runtime(1)?.block_on(app::load(&sources)) {
        Ok(loaded) => loaded,
        Err(findings) => return report(&findings, terminal),
    };
    for warning in &loaded.warnings {
        writeln!(terminal.err, "{}", warning.render(terminal.coloured))?;
    }
    match runtime(loaded.settings.server.workers)?.block_on(app::serve(loaded, sources)) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => fail(&error, terminal),
    }
}
