//! The configuration as files: taken out whole, brought in as a difference to what is there.
//!
//! Both ways go through the same [`Bundle`], so that what is taken out and brought in elsewhere comes out the same again.

mod archive;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

pub(super) use archive::{pack, unpack};

pub use crate::manager::ports::{Leaves, Plan};

use super::{Keeper, change, keeping, load_beside, load_with, moved::Moved, open_store};
use crate::{
    clock::Clock,
    config::{
        self, Bundle, BundleError, Embedded, FILE, Finding, Findings, Leaving, Managed, ManagedKind, PROFILES,
        Severity, Sources, difference,
    },
    core::{
        hex,
        said::{Said, said},
    },
    gateway::pauses,
    manager::ports::{Exported, Files, Order, Refusal, Step, Told, Wanted, What},
    nlp,
    store::{Change, ChangeError, Document, DocumentKind, Expected, SETTINGS, seal::Sealer},
};

/// Of the audit log's line.
const MAX_TOLD: usize = 256 * 1024;

/// What the sources say together, secrets as `leave` says.
async fn bundle(sources: &Sources, store: &Path, leave: &config::Leave<'_>) -> Result<Bundle, Refusal> {
    let keeper = Keeper::of(sources, store).await;
    let done = config::bundle(sources, &nlp::schemas(), &|kept| keeper.find(kept), leave);
    done.map_err(|error| match error {
        BundleError::Findings(findings) => Refusal::Findings(findings.list),
        BundleError::Secret(why) => Refusal::Unable(why),
    })
}

fn seals(sealer: &Sealer) -> impl Fn(&Leaving<'_>) -> Result<String, Said> + Sync + '_ {
    |it| match it.sealed {
        Some(sealed) => Ok(format!("{{ sealed = \"{sealed}\" }}")),
        None => change::seal(sealer, it.value.expose_secret())
            .map_err(|error| said!("a secret cannot be sealed: {}", error)),
    }
}

fn names_variable(it: &Leaving<'_>) -> Result<String, Said> {
    Ok(format!("{{ env = \"{}\" }}", it.variable.unwrap_or(it.name)))
}

/// Tells secrets apart without showing them; in memory alone.
fn marks(it: &Leaving<'_>) -> Result<String, Said> {
    use secrecy::ExposeSecret as _;
    Ok(format!("{{ mark = \"{}\" }}", hex::encode(&Sha256::digest(it.value.expose_secret()))))
}

/// All of the configuration as files. `sources`: with the Web Manager's documents.
pub(super) async fn export(
    sources: &Sources,
    store: &Path,
    sealer: &Sealer,
    leaves: Leaves,
) -> Result<Exported, Refusal> {
    let bundle = match leaves {
        Leaves::Sealed => bundle(sources, store, &seals(sealer)).await?,
        Leaves::Environment => bundle(sources, store, &names_variable).await?,
    };
    Ok(Exported { files: bundle.files(), notes: bundle.notes })
}

/// What somebody brings, in place of the files here. It cannot read this machine's files or environment.
pub(super) fn brought(files: &Files, sources: &Sources) -> Sources {
    let document = |(name, text): (&String, &String)| {
        let kind = if name == FILE { ManagedKind::Incoming } else { ManagedKind::Profile };
        Managed { kind, name: name.clone(), text: text.clone() }
    };
    let nothing = Embedded { main: String::new(), profiles: Vec::new() };
    let managed = files.iter().map(document).collect();
    Sources { config: None, profiles: None, embedded: Some(nothing), managed, ..sources.clone() }
}

/// Every part of a bundle, as the document that it is.
fn parts(bundle: &Bundle) -> BTreeMap<(DocumentKind, String), &str> {
    let settings = Some(bundle.settings.as_str()).filter(|it| !it.is_empty());
    let settings = settings.map(|it| ((DocumentKind::Settings, SETTINGS.to_owned()), it));
    let units = bundle.units.iter().map(|(name, text)| ((DocumentKind::Unit, name.clone()), text.as_str()));
    let engines = bundle.engines.iter().map(|(id, text)| ((DocumentKind::Engine, id.clone()), text.as_str()));
    let profiles = bundle.profiles.iter();
    let profiles =
        profiles.map(|((unit, name), text)| ((DocumentKind::Profile, format!("{unit}/{name}")), text.as_str()));
    settings.into_iter().chain(units).chain(engines).chain(profiles).collect()
}

/// The document that a part is kept in; `None`: it is in a file, or nowhere.
fn document_of<'d>(
    documents: &'d [Document],
    kind: DocumentKind,
    name: &str,
    only: Option<&str>,
) -> Option<&'d Document> {
    documents.iter().filter(|it| it.kind == kind).find(|it| {
        if kind != DocumentKind::Profile {
            return it.name == name;
        }
        let said = config::named_in(&String::from_utf8_lossy(&it.body));
        said.is_some_and(|(unit, profile)| {
            let unit = unit.as_deref().or(only).unwrap_or_default();
            format!("{unit}/{profile}") == name
        })
    })
}

/// What would be other than it is: `incoming` instead of all that is here.
///
/// `here`: the files and everything around them, without documents.
pub(super) async fn plan(
    here: &Sources,
    documents: &[Document],
    incoming: &Sources,
    (store, sealer): (&Path, &Sealer),
) -> Result<Plan, Refusal> {
    let managed = documents.iter().filter_map(change::managed).collect();
    let now = bundle(&Sources { managed, ..here.clone() }, store, &marks).await?;
    let brought = bundle(incoming, store, &marks).await?;
    let sealed = bundle(incoming, store, &seals(sealer)).await?;
    let only = now.only_unit.as_deref();
    let (before, after, texts) = (parts(&now), parts(&brought), parts(&sealed));
    let mut plan = Plan { files: sealed.files(), notes: brought.notes.clone(), ..Plan::default() };
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (kind, name) = key;
        let (old, new) = (before.get(key).copied(), after.get(key).copied());
        if old == new {
            continue;
        }
        let document = document_of(documents, *kind, name, only);
        let title = title(*kind, name);
        let what = match (old, new, document) {
            (_, Some(_), Some(document)) => What::Changed(document.version),
            (Some(_), None, Some(document)) => What::Removed(document.version),
            (None, Some(_), None) => What::Added,
            (Some(_), Some(_), None) if *kind == DocumentKind::Settings => What::Added,
            (Some(_), Some(_), None) => {
                plan.blocked
                    .push(said!("{} stands in a file here: change it there, or take it out there first", title));
                continue;
            }
            (_, None, None) => {
                plan.stays.push(said!("{} stands in a file here and stays", title));
                continue;
            }
            (None, None, Some(_)) => continue,
        };
        let text = texts.get(key).map(|it| (*it).to_owned());
        // The file has its word over these: what it says is not changed by saying it again.
        if *kind == DocumentKind::Settings
            && let (Some(document), Some(text)) = (document, &text)
            && document.body == text.as_bytes()
        {
            plan.stays.push(said!("settings that usher.toml says here stay as it says them"));
            continue;
        }
        let lines = difference(old.unwrap_or_default(), new.unwrap_or_default());
        let document = document.map_or_else(|| name.clone(), |it| it.name.clone());
        plan.steps.push(Step { kind: *kind, name: name.clone(), what, lines, document, text });
    }
    plan.seen = seen(&plan);
    if plan.blocked.is_empty() && !plan.steps.is_empty() {
        plan.blocked = obstacles(here, documents, &plan, store).await?;
    }
    Ok(plan)
}

/// What speaks against the configuration that a plan makes, beside the files that stay: good by itself, the import may not be so there.
async fn obstacles(here: &Sources, documents: &[Document], plan: &Plan, store: &Path) -> Result<Vec<Said>, Refusal> {
    let after = change::laid(here, documents, &order(plan.clone(), String::new()))?;
    let Err(findings) = load_with(after, store).await else { return Ok(Vec::new()) };
    let errors = findings.list.into_iter().filter(|it| it.severity == Severity::Error);
    Ok(errors.map(|it| beside(&it)).collect())
}

fn beside(finding: &Finding) -> Said {
    let Finding { message, help, location, .. } = finding;
    let what = if help.is_empty() { message.clone() } else { said!("{}; {}", message, help) };
    match location {
        Some(place) => said!("beside the files here, in {}: {}", place.file, what),
        None => said!("beside the files here: {}", what),
    }
}

fn title(kind: DocumentKind, name: &str) -> Said {
    match kind {
        DocumentKind::Settings => said!("settings {}", name),
        DocumentKind::Unit => said!("unit {}", name),
        DocumentKind::Engine => said!("engine {}", name),
        DocumentKind::Profile => said!("profile {}", name),
        other @ (DocumentKind::User | DocumentKind::ApiToken | DocumentKind::Test | DocumentKind::Pause) => {
            Said::foreign(format!("{} {name}", other.label()))
        }
    }
}

/// Tells a plan from another one.
fn seen(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    for Step { kind, name, what, lines, .. } in &plan.steps {
        hash.update(format!("{}\n{name}\n{what:?}\n", kind.label()));
        lines.iter().for_each(|(mark, line)| hash.update(format!("{mark}{line}\n")));
    }
    hex::encode(&hash.finalize())
}

/// A plan as an order.
pub(super) fn order(plan: Plan, by: String) -> Order {
    let mut after = String::new();
    for Step { kind, name, what, lines, .. } in &plan.steps {
        let title = format!("{} {} {name}\n", what.label(), kind.label());
        let lines = lines.iter().map(|(mark, line)| format!("{mark} {line}\n"));
        after.push_str(&title);
        lines.for_each(|it| after.push_str(&it));
    }
    if after.len() > MAX_TOLD {
        after = plan.steps.iter().map(|it| format!("{} {} {}\n", it.what.label(), it.kind.label(), it.name)).collect();
    }
    let subject = format!("{} documents", plan.steps.len());
    let wanted = plan.steps.into_iter().map(|it| Wanted {
        kind: it.kind,
        name: it.document,
        expected: match it.what {
            What::Added => Expected::New,
            What::Changed(version) | What::Removed(version) => Expected::Version(version),
        },
        text: if matches!(it.what, What::Removed(_)) { None } else { it.text },
    });
    let wanted = wanted.collect();
    Order { by, wanted, told: Some(Told { action: "configuration.imported", subject, after }) }
}

/// Writes all of the configuration into a directory; yields what is not in it.
///
/// # Errors
/// When the configuration cannot be used, or the directory not be written.
pub async fn export_to(
    sources: &Sources,
    directory: &Path,
    leaves: Leaves,
) -> anyhow::Result<Result<Exported, Findings>> {
    let (sources, store) = match whole(sources).await {
        Ok(whole) => whole,
        Err(findings) => return Ok(Err(findings)),
    };
    let exported = match leaves {
        Leaves::Sealed => {
            let kept = open_store(&store).await?;
            let sealer = keeping::take_key(&store, &sources.environment, &*kept).await?;
            export(&sources, &store, &sealer, leaves).await
        }
        Leaves::Environment => {
            bundle(&sources, &store, &names_variable).await.map(|it| Exported { files: it.files(), notes: it.notes })
        }
    };
    let exported = match exported {
        Ok(exported) => exported,
        Err(refusal) => return refused(refusal).map(Err),
    };
    for (name, text) in &exported.files {
        let path = directory.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Ok(exported))
}

/// The sources with the store's documents, and where the store is.
async fn whole(sources: &Sources) -> Result<(Sources, std::path::PathBuf), Findings> {
    let preview = config::preview(sources)?;
    let managed = super::managed(&preview.store).await;
    let managed = managed.map_err(|error| super::unreadable_store(&preview.store, &error))?;
    Ok((Sources { managed, ..sources.clone() }, preview.store))
}

fn refused(refusal: Refusal) -> anyhow::Result<Findings> {
    match refusal {
        Refusal::Findings(list) => Ok(Findings { list, files: Vec::new() }),
        Refusal::Conflict(_) => {
            anyhow::bail!("somebody has changed the configuration meanwhile: look at the difference again")
        }
        Refusal::Store(error) => Err(error.into()),
        Refusal::Unable(why) => anyhow::bail!(why),
    }
}

/// What a directory of files would change of the configuration in the store, and its change if `apply` says so.
///
/// # Errors
/// When the directory cannot be read or the store not be written.
pub async fn import_from(
    sources: &Sources,
    directory: &Path,
    apply: impl FnOnce(&Plan) -> io::Result<bool>,
) -> anyhow::Result<Result<bool, Findings>> {
    let (_, store_path) = match whole(sources).await {
        Ok(whole) => whole,
        Err(findings) => return Ok(Err(findings)),
    };
    let store = open_store(&store_path).await?;
    let sealer = keeping::take_key(&store_path, &sources.environment, &*store).await?;
    let documents = change::documents(store.as_ref()).await?;
    // Whoever is at the machine may have its files and its environment: what they hold is sealed on the way.
    let incoming = Sources {
        config: Some(directory.join(FILE)),
        profiles: Some(directory.join(PROFILES)).filter(|it| it.is_dir()),
        managed: Vec::new(),
        flags: Vec::new(),
        ..sources.clone()
    };
    let plan = match plan(sources, &documents, &incoming, (&store_path, &sealer)).await {
        Ok(plan) => plan,
        Err(refusal) => return refused(refusal).map(Err),
    };
    if !apply(&plan)? || plan.steps.is_empty() {
        return Ok(Ok(false));
    }
    let order = order(plan, "command line".to_owned());
    let after = match change::laid(sources, &documents, &order) {
        Ok(after) => after,
        Err(refusal) => return refused(refusal).map(Err),
    };
    let after = match load_with(after, &store_path).await {
        Ok(after) => after,
        Err(findings) => return Ok(Err(findings)),
    };
    let before = match load_beside(sources, &store_path).await {
        Ok(before) => before,
        Err(findings) => return Ok(Err(findings)),
    };
    let moved = Moved::of(&order, &before, &after);
    let line = change::told(&order, Clock::system().now()).context("nothing is told")?;
    let mut changes: Vec<Change> = order.wanted.into_iter().map(change::change_of).collect();
    changes.extend(moved.along(&*store).await?);
    changes.extend(pauses::carried(store.documents(DocumentKind::Pause).await?, &moved.0)?);
    match store.change_and_move(&changes, &moved.tokens(), &line).await {
        Ok(_) => {
            store.close().await?;
            Ok(Ok(true))
        }
        Err(ChangeError::Conflict { found, .. }) => refused(Refusal::Conflict(found)).map(Err),
        Err(ChangeError::Store(error)) => Err(error.into()),
    }
}
