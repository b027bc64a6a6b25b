//! `usher secret`

use std::io::{self, Read as _};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Exit, SecretArgs, SecretCommand, Terminal, fail, report, runtime, usage};
use crate::{
    app,
    config::{self, Environment},
};

const MAX_SECRET_BYTES: u64 = 65_536;

pub(super) fn run(args: SecretArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let sources = args.store.sources(environment);
    let store = match config::preview(&sources) {
        Ok(preview) => preview.store,
        Err(findings) => return report(&findings, terminal),
    };
    match args.command {
        SecretCommand::Set { name } => {
            if !is_name(&name) {
                let message = "a secret's name is 1 to 64 letters, digits, `.`, `_` or `-`";
                return usage(message, terminal);
            }
            let Some(value) = read(&mut io::stdin().lock())? else {
                let message =
                    format!("standard input must give the secret: text, not empty, up to {MAX_SECRET_BYTES} bytes");
                return usage(&message, terminal);
            };
            match runtime(1)?.block_on(app::put_secret(&store, &sources.environment, &name, &value)) {
                Ok(()) => Ok(Exit::Done),
                Err(error) => fail(&error, terminal),
            }
        }
        SecretCommand::List => match runtime(1)?.block_on(app::secret_names(&store)) {
            Ok(names) => {
                for name in names {
                    writeln!(terminal.out, "{name}")?;
                }
                Ok(Exit::Done)
            }
            Err(error) => fail(&error, terminal),
        },
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// All of the input without one trailing line end; `None` when it is empty, too long or no text.
fn read(input: &mut dyn io::Read) -> io::Result<Option<SecretString>> {
    let mut bytes = Zeroizing::new(Vec::new());
    input.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Ok(None);
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(None) };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok((!text.is_empty()).then(|| SecretString::from(text)))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn input_loses_one_line_end_and_nothing_else() {
        for (input, secret) in
            [("a\n", Some("a")), ("a\r\n", Some("a")), (" a \n\n", Some(" a \n")), ("\n", None), ("", None)]
        {
            let read = read(&mut input.as_bytes()).unwrap();
            assert_eq!(read.as_ref().map(|it| it.expose_secret()), secret, "{input:?}");
        }
        assert!(read(&mut [0xff_u8].as_slice()).unwrap().is_none());
        assert!(read(&mut vec![b'a'; 65_537].as_slice()).unwrap().is_none());
        assert!(read(&mut vec![b'a'; 65_536].as_slice()).unwrap().is_some());
    }
}
