//! Tests of profiles as documents of the store: each with a version, each change with its line of the audit log.

use crate::{
    core::{
        ids::{ProfileName, Timestamp, UnitName, is_dots},
        rehearsal::{self, BadFile, Test},
    },
    gateway::storage::{AuditLine, Change, ChangeError, Document, DocumentKind, Expected, StoreError},
    manager::people::People,
};

/// Of one profile.
pub(in crate::manager) const PER_PROFILE: usize = 200;
/// Of all profiles.
const MAX_TESTS: usize = 2_000;
/// Of one test as it is kept.
const MAX_TEST_BYTES: usize = 256 * 1024;

/// A test as it is kept, with the version that a change must name.
#[derive(Clone, Debug)]
pub(in crate::manager) struct Kept {
    pub(in crate::manager) test: Test,
    pub(in crate::manager) version: u64,
    pub(in crate::manager) changed_by: String,
    pub(in crate::manager) changed_at: Timestamp,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(in crate::manager) enum NotKept {
    #[error("there is a test of this name already")]
    Taken,
    #[error("there is no such test")]
    Gone,
    /// No address could have it.
    #[error("a test's name is neither . nor ..")]
    Name,
    /// What is there now.
    #[error("somebody else has changed it meanwhile")]
    Conflict(Option<Box<Kept>>),
    #[error("there are {0} tests already, and no more are kept")]
    TooMany(usize),
    #[error("the test is larger than {} KiB", MAX_TEST_BYTES / 1024)]
    TooLarge,
    #[error(transparent)]
    File(#[from] BadFile),
    #[error("the store cannot be read or written now")]
    Store(#[source] StoreError),
}

impl From<StoreError> for NotKept {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Names of units and profiles may hold what stands between them here.
fn part(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

/// What the documents of a profile's tests begin with.
#[must_use]
pub(crate) fn prefix(unit: &UnitName, profile: &ProfileName) -> String {
    format!("{}/{}/", part(unit.as_str()), part(profile.as_str()))
}

/// `None`, with a word in the log: it is no test of this version's.
fn read(document: &Document) -> Option<Kept> {
    let text = String::from_utf8_lossy(&document.body);
    let tests = rehearsal::read(&text).inspect_err(|error| {
        tracing::error!(test = %document.name, %error, "a test in the store cannot be read and is passed over");
    });
    let [test] = <[Test; 1]>::try_from(tests.ok()?).ok()?;
    let (changed_by, changed_at) = (document.changed_by.clone(), document.changed_at);
    Some(Kept { test, version: document.version, changed_by, changed_at })
}

/// Those of a profile among all that there are, in alphabetical order.
pub(crate) fn of_profile(documents: &[Document], unit: &UnitName, profile: &ProfileName) -> Vec<Test> {
    kept_of(documents, unit, profile).into_iter().map(|it| it.test).collect()
}

/// What becomes of a profile's tests when the profile gets another name, or goes.
pub(crate) fn carried(
    documents: &[Document],
    (unit, profile): (&UnitName, &ProfileName),
    to: Option<(&UnitName, &ProfileName)>,
) -> Vec<Change> {
    let (from, to) = (prefix(unit, profile), to.map(|(unit, profile)| prefix(unit, profile)));
    let mut changes = Vec::new();
    for it in documents {
        let Some(name) = it.name.strip_prefix(&from) else { continue };
        let expected = Expected::Version(it.version);
        changes.push(Change { kind: DocumentKind::Test, name: it.name.clone(), expected, body: None });
        if let Some(to) = &to {
            let (name, body) = (format!("{to}{name}"), Some(it.body.clone()));
            changes.push(Change { kind: DocumentKind::Test, name, expected: Expected::Any, body });
        }
    }
    changes
}

fn kept_of(documents: &[Document], unit: &UnitName, profile: &ProfileName) -> Vec<Kept> {
    let prefix = prefix(unit, profile);
    let mut list: Vec<Kept> = documents.iter().filter(|it| it.name.starts_with(&prefix)).filter_map(read).collect();
    list.sort_by(|a, b| a.test.name.cmp(&b.test.name));
    list
}

impl People {
    pub(in crate::manager) async fn tests(&self, (unit, profile): &super::Of) -> Result<Vec<Kept>, StoreError> {
        Ok(kept_of(&self.store.documents(DocumentKind::Test).await?, unit, profile))
    }

    pub(in crate::manager) async fn test(
        &self,
        (unit, profile): &super::Of,
        name: &str,
    ) -> Result<Option<Kept>, StoreError> {
        let name = format!("{}{name}", prefix(unit, profile));
        Ok(self.store.document(DocumentKind::Test, &name).await?.as_ref().and_then(read))
    }

    /// A new test. Yields its version.
    pub(in crate::manager) async fn add_test(&self, by: &str, of: &super::Of, test: &Test) -> Result<u64, NotKept> {
        named(&test.name)?;
        self.room(of, 1).await?;
        let change = change(of, &test.name, Expected::New, Some(test))?;
        let line = self.test_line(by, "test.added", of, &test.name, (None, Some(test)));
        match self.store.change(&[change], &line).await {
            Ok(versions) => Ok(versions.last().copied().unwrap_or_default()),
            Err(ChangeError::Conflict { .. }) => Err(NotKept::Taken),
            Err(ChangeError::Store(error)) => Err(error.into()),
        }
    }

    /// The test as it is to be from now on; its name may be another. Yields its version.
    pub(in crate::manager) async fn change_test(
        &self,
        by: &str,
        of: &super::Of,
        (name, version): (&str, u64),
        test: &Test,
    ) -> Result<u64, NotKept> {
        let now = self.test(of, name).await?.ok_or(NotKept::Conflict(None))?;
        if now.version != version {
            return Err(NotKept::Conflict(Some(Box::new(now))));
        }
        let expected = Expected::Version(version);
        let changes = if test.name == name {
            vec![change(of, name, expected, Some(test))?]
        } else {
            named(&test.name)?;
            vec![change(of, name, expected, None)?, change(of, &test.name, Expected::New, Some(test))?]
        };
        let line = self.test_line(by, "test.changed", of, name, (Some(&now.test), Some(test)));
        match self.store.change(&changes, &line).await {
            Ok(versions) => Ok(versions.last().copied().unwrap_or_default()),
            Err(ChangeError::Conflict { name: taken, .. })
                if taken.ends_with(&format!("/{}", test.name)) && test.name != name =>
            {
                Err(NotKept::Taken)
            }
            Err(ChangeError::Conflict { found, .. }) => {
                Err(NotKept::Conflict(found.as_deref().and_then(read).map(Box::new)))
            }
            Err(ChangeError::Store(error)) => Err(error.into()),
        }
    }

    pub(in crate::manager) async fn remove_test(
        &self,
        by: &str,
        of: &super::Of,
        (name, version): (&str, u64),
    ) -> Result<(), NotKept> {
        let now = self.test(of, name).await?.ok_or(NotKept::Gone)?;
        let line = self.test_line(by, "test.removed", of, name, (Some(&now.test), None));
        let change = change(of, name, Expected::Version(version), None)?;
        match self.store.change(&[change], &line).await {
            Ok(_) => Ok(()),
            Err(ChangeError::Conflict { found, .. }) => {
                Err(NotKept::Conflict(found.as_deref().and_then(read).map(Box::new)))
            }
            Err(ChangeError::Store(error)) => Err(error.into()),
        }
    }

    /// All tests of a file; those of the same name are replaced. Yields how many.
    pub(in crate::manager) async fn import_tests(
        &self,
        by: &str,
        of: &super::Of,
        text: &str,
    ) -> Result<usize, NotKept> {
        let tests = rehearsal::read(text)?;
        let now = self.tests(of).await?;
        let find = |name: &str| now.iter().find(|it| it.test.name == name);
        self.room(of, tests.iter().filter(|it| find(&it.name).is_none()).count()).await?;
        let mut changes = Vec::with_capacity(tests.len());
        for test in &tests {
            if find(&test.name).is_none() {
                named(&test.name)?;
            }
            let expected = find(&test.name).map_or(Expected::New, |it| Expected::Version(it.version));
            changes.push(change(of, &test.name, expected, Some(test))?);
        }
        let names: Vec<&str> = tests.iter().map(|it| it.name.as_str()).collect();
        let mut line = self.test_line(by, "test.imported", of, "*", (None, None));
        line.after = Some(names.join("\n"));
        match self.store.change(&changes, &line).await {
            Ok(_) => Ok(tests.len()),
            Err(ChangeError::Conflict { found, .. }) => {
                Err(NotKept::Conflict(found.as_deref().and_then(read).map(Box::new)))
            }
            Err(ChangeError::Store(error)) => Err(error.into()),
        }
    }

    /// Looks whether so many more may be kept.
    async fn room(&self, (unit, profile): &super::Of, more: usize) -> Result<(), NotKept> {
        let all = self.store.documents(DocumentKind::Test).await?;
        let prefix = prefix(unit, profile);
        let own = all.iter().filter(|it| it.name.starts_with(&prefix)).count();
        if own + more > PER_PROFILE {
            return Err(NotKept::TooMany(own));
        }
        if all.len() + more > MAX_TESTS {
            return Err(NotKept::TooMany(all.len()));
        }
        Ok(())
    }

    fn test_line(
        &self,
        by: &str,
        action: &str,
        (unit, profile): &super::Of,
        name: &str,
        (before, after): (Option<&Test>, Option<&Test>),
    ) -> AuditLine {
        let line = self.line(by, action, &format!("{unit}/{profile}: {name}"));
        let text = |it: &Test| rehearsal::write([it]);
        AuditLine { before: before.map(text), after: after.map(text), ..line.0 }
    }
}

/// A name that a new test can have.
fn named(name: &str) -> Result<(), NotKept> {
    if is_dots(name) { Err(NotKept::Name) } else { Ok(()) }
}

fn change((unit, profile): &super::Of, name: &str, expected: Expected, test: Option<&Test>) -> Result<Change, NotKept> {
    let body = test.map(|it| rehearsal::write([it]).into_bytes());
    if body.as_ref().is_some_and(|it| it.len() > MAX_TEST_BYTES) {
        return Err(NotKept::TooLarge);
    }
    let name = format!("{}{name}", prefix(unit, profile));
    Ok(Change { kind: DocumentKind::Test, name, expected, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_profiles_with_odd_names_are_told_apart() {
        let of = |unit: &str, profile: &str| prefix(&UnitName::new(unit).unwrap(), &ProfileName::new(profile).unwrap());
        assert_ne!(of("a/b", "c"), of("a", "b/c"));
        assert_ne!(of("a%2Fb", "c"), of("a/b", "c"));
        assert_eq!(of("sales", "support"), "sales/support/");
    }
}
