//! The thin binary.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use usher::{
    cli::{self, Cli, Exit, Terminal},
    config::Environment,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let coloured = err.is_terminal();
    let mut terminal = Terminal { out: &mut out, err: &mut err, coloured };
    match cli::run(cli, Environment::capture(), &mut terminal) {
        Ok(exit) => ExitCode::from(exit.code()),
        // Whoever read our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(Exit::Done.code()),
        Err(error) => match writeln!(io::stderr(), "error: {error}") {
            // When even that cannot be written, the code alone must do.
            Ok(()) | Err(_) => ExitCode::from(Exit::Failed.code()),
        },
    }
}
