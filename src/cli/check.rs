//! `usher check`

use std::{io, path::Path};

use super::{CheckArgs, Exit, Terminal, count, report, runtime};
use crate::{
    app,
    config::{Environment, FILE, Loaded, PROFILES, Sources},
    core::said::Said,
};

pub(super) fn run(args: &CheckArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let runtime = runtime(1)?;
    let loaded = match runtime.block_on(app::load(&sources(args, environment))) {
        Ok(loaded) => loaded,
        Err(findings) => return report(&findings, terminal),
    };
    for warning in &loaded.warnings {
        writeln!(terminal.err, "{}", warning.render(terminal.coloured))?;
    }
    if args.print_effective {
        print_effective(&loaded, terminal)?;
    }
    if args.online && !runtime.block_on(online(&loaded, terminal))? {
        return Ok(Exit::CannotConnect);
    }
    if !args.print_effective {
        let (units, profiles) = (loaded.settings.units.len(), loaded.settings.profiles.len());
        writeln!(terminal.out, "good: {units} business unit(s), {profiles} profile(s)")?;
    }
    if loaded.warnings.is_empty() {
        return Ok(Exit::Done);
    }
    writeln!(terminal.err, "{}", count(0, loaded.warnings.len()))?;
    Ok(if args.strict { Exit::Warnings } else { Exit::Done })
}

/// A directory that holds `usher.toml` is a whole configuration; any other one holds profiles.
fn sources(args: &CheckArgs, environment: Environment) -> Sources {
    let mut sources = Sources { config: args.config.clone(), environment, ..Sources::default() };
    let Some(directory) = args.profiles_dir.as_deref() else { return sources };
    let whole = directory.join(FILE);
    if args.config.is_none() && whole.is_file() {
        sources.config = Some(whole);
        let profiles = directory.join(PROFILES);
        sources.profiles = Some(if profiles.is_dir() { profiles } else { directory.to_path_buf() });
    } else {
        sources.profiles = Some(Path::to_path_buf(directory));
    }
    sources
}

fn print_effective(loaded: &Loaded, terminal: &mut Terminal<'_>) -> io::Result<()> {
    let lines: Vec<_> = loaded.effective.iter().map(|it| (format!("{} = {}", it.key, it.value), &it.origin)).collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|it| *it <= 72).max().unwrap_or_default();
    for (line, origin) in lines {
        writeln!(terminal.out, "{line:width$}  # {origin}")?;
    }
    Ok(())
}

/// Whether every language engine takes its profile's credential.
async fn online(loaded: &Loaded, terminal: &mut Terminal<'_>) -> io::Result<bool> {
    let mut good = true;
    for profile in &loaded.settings.profiles {
        let answers = app::check_online(profile, &loaded.settings.egress).await;
        let answers = answers.unwrap_or_else(|error| vec![(String::new(), Err(Said::foreign(format!("{error:#}"))))]);
        let alone = answers.len() == 1;
        for (name, answer) in answers {
            let of = if alone { profile.origin.clone() } else { format!("{}: {name}", profile.origin) };
            match answer {
                Ok(answer) => writeln!(terminal.out, "{of}: {answer}")?,
                Err(error) => {
                    good = false;
                    writeln!(terminal.err, "error: {of}: {error}")?;
                }
            }
        }
    }
    Ok(good)
}
