//! What came of the last overhaul, kept beside the store: the process may end before anybody has seen it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use crate::{clock::Clock, manager::ports::Overhauled};

const FILE: &str = "last-overhaul.json";
const DRAFT: &str = "last-overhaul.json.draft";
/// For longer it tells nobody anything.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Takes the place of the one before. That it cannot be kept is no reason to undo what was done.
pub(super) fn keep(directory: &Path, past: &Overhauled) {
    if let Err(error) = write(directory, past) {
        tracing::warn!(%error, "what came of the overhaul is not kept for the next start");
    }
}

fn write(directory: &Path, past: &Overhauled) -> io::Result<()> {
    let draft = directory.join(DRAFT);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&serde_json::to_vec(past)?)?;
    file.sync_all()?;
    fs::rename(&draft, directory.join(FILE))?;
    File::open(directory)?.sync_all()
}

/// Something later has been done by hand: what came of the one before is nobody's concern any more.
pub(super) fn forget(directory: &Path) {
    match fs::remove_file(directory.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "what came of the overhaul before cannot be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

/// What a process before this one has left.
pub(super) fn find(directory: &Path) -> Option<Overhauled> {
    let file = directory.join(FILE);
    let past: Overhauled = match fs::read(&file).and_then(|text| Ok(serde_json::from_slice(&text)?)) {
        Ok(past) => past,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %file.display(), %error, "what came of the last overhaul cannot be read");
            return None;
        }
    };
    (Clock::system().now() < past.at + KEPT_FOR).then_some(past)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{ids::Timestamp, said::said},
        manager::ports::Overhaul,
    };

    fn past(at: Timestamp) -> Overhauled {
        Overhauled {
            what: Overhaul::Restore,
            by: "chief".to_owned(),
            at,
            told: Err(said!("{}: {}", said!("it is cut off"), "b.tar")),
        }
    }

    #[test]
    fn what_came_of_it_is_found_again_for_a_while() {
        let (directory, now) = (tempfile::tempdir().unwrap(), Clock::system().now());
        assert!(find(directory.path()).is_none());
        keep(directory.path(), &past(now));
        let found = find(directory.path()).unwrap();
        assert_eq!((found.what, found.by.as_str(), found.at), (Overhaul::Restore, "chief", now));
        assert_eq!(found.told, past(now).told);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
        keep(directory.path(), &past(Timestamp(now.0 - 8 * 24 * 3_600_000)));
        assert!(find(directory.path()).is_none());
        forget(directory.path());
        forget(directory.path());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_read_tells_nothing() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert!(find(directory.path()).is_none());
    }
}
