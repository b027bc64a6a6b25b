//! A change of the configuration by the Web Manager: validated as every configuration is, put in force, and kept with its line of
//! the audit log. One after the other, in the task that also reloads.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Office, Running, SEALED_AS, load_with, moved::Moved, transfer};
use crate::{
    config::{Loaded, Managed, ManagedKind, Sources, masked},
    core::{
        hex,
        ids::Timestamp,
        said::{Said, said},
    },
    manager::ports::{Approved, Exported, Files, Leaves, Order, OverhaulOrder, Plan, Refusal, Told, Wanted},
    store::{AuditLine, Change, ChangeError, Document, DocumentKind, Expected, Store, StoreError, seal::Sealer},
};

/// The kinds of documents that the configuration is made of.
pub(super) const KINDS: [DocumentKind; 4] =
    [DocumentKind::Settings, DocumentKind::Unit, DocumentKind::Engine, DocumentKind::Profile];

const fn part(kind: DocumentKind) -> Option<ManagedKind> {
    match kind {
        DocumentKind::Settings => Some(ManagedKind::Settings),
        DocumentKind::Unit => Some(ManagedKind::Unit),
        DocumentKind::Engine => Some(ManagedKind::Engine),
        DocumentKind::Profile => Some(ManagedKind::Profile),
        DocumentKind::User | DocumentKind::ApiToken | DocumentKind::Test | DocumentKind::Pause => None,
    }
}

/// As it is laid beside the files; `None`: it is no part of the configuration.
pub(super) fn managed(document: &Document) -> Option<Managed> {
    let text = String::from_utf8_lossy(&document.body).into_owned();
    Some(Managed { kind: part(document.kind)?, name: shown(document.kind, &document.name), text })
}

pub(super) fn shown(kind: DocumentKind, name: &str) -> String {
    match kind {
        DocumentKind::Profile => format!("{name} (Web Manager)"),
        DocumentKind::Settings
        | DocumentKind::Unit
        | DocumentKind::Engine
        | DocumentKind::User
        | DocumentKind::ApiToken
        | DocumentKind::Test
        | DocumentKind::Pause => format!("{} {name} (Web Manager)", kind.label()),
    }
}

/// Every document of the configuration.
pub(super) async fn documents(store: &dyn Store) -> Result<Vec<Document>, StoreError> {
    let mut documents = Vec::new();
    for kind in KINDS {
        documents.extend(store.documents(kind).await?);
    }
    Ok(documents)
}

/// A profile that gets another name is two: what it was goes, and what it is comes.
pub(super) fn is_renamed(order: &Order) -> bool {
    let is_profile = |it: &Wanted| it.kind == DocumentKind::Profile;
    order.told.is_none() && order.wanted.len() > 1 && order.wanted.iter().all(is_profile)
}

fn is_same(document: &Document, wanted: &Wanted) -> bool {
    document.kind == wanted.kind && document.name == wanted.name
}

/// The sources as they would be after the order.
pub(super) fn laid(sources: &Sources, documents: &[Document], order: &Order) -> Result<Sources, Refusal> {
    let before = |wanted: &Wanted| documents.iter().find(|it| is_same(it, wanted));
    // Of a profile that gets another's name the validation tells more: it names both places.
    let is_renamed = is_renamed(order);
    let comes = |wanted: &Wanted| is_renamed && wanted.expected == Expected::New;
    // The store looks again when it writes; here it spares a validation, and putting in force what would be taken back.
    if let Some(wanted) = order.wanted.iter().find(|it| !it.expected.holds(before(it)) && !comes(it)) {
        return Err(Refusal::Conflict(before(wanted).cloned().map(Box::new)));
    }
    let goes = |it: &Document| order.wanted.iter().any(|wanted| is_same(it, wanted) && !comes(wanted));
    let others = documents.iter().filter(|it| !goes(it));
    let mut laid: Vec<Managed> = others.filter_map(managed).collect();
    for Wanted { kind, name, text, .. } in &order.wanted {
        let Some(part) = part(*kind) else {
            return Err(Refusal::Unable(said!("a {} is no part of the configuration", kind.label())));
        };
        if let Some(text) = text {
            laid.push(Managed { kind: part, name: shown(*kind, name), text: text.clone() });
        }
    }
    Ok(Sources { managed: laid, ..sources.clone() })
}

/// As the store takes it; its secrets are sealed.
pub(super) fn change_of(wanted: Wanted) -> Change {
    let Wanted { kind, name, expected, text } = wanted;
    Change { kind, name, expected, body: text.map(String::into_bytes) }
}

/// The line of an order that says what it is as a whole.
pub(super) fn told(order: &Order, at: Timestamp) -> Option<AuditLine> {
    let Told { action, subject, after } = order.told.clone()?;
    Some(AuditLine { at, by: order.by.clone(), action: action.to_owned(), subject, before: None, after: Some(after) })
}

/// What somebody of the Web Manager wants of the task that keeps the configuration.
#[derive(Debug)]
pub(super) enum Errand {
    Change(Order, oneshot::Sender<Result<Vec<u64>, Refusal>>),
    Export(Leaves, oneshot::Sender<Result<Exported, Refusal>>),
    Plan(Files, oneshot::Sender<Result<Plan, Refusal>>),
    Import(Files, Approved, oneshot::Sender<Result<(), Refusal>>),
    /// Told when the gateway is about to end for it.
    Overhaul(OverhaulOrder, oneshot::Sender<Result<(), Refusal>>),
}

/// Does it, and says what came of it. Whoever asked may have gone; what was done stands.
pub(super) async fn attend(running: &mut Running, office: &Office, sources: &Sources, errand: Errand) {
    match errand {
        Errand::Change(order, tell) => drop(tell.send(carry_out(running, office, sources, order).await)),
        Errand::Export(leaves, tell) => drop(tell.send(export(running, office, sources, leaves).await)),
        Errand::Plan(files, tell) => drop(tell.send(plan(running, office, sources, &files).await)),
        Errand::Import(files, approved, tell) => {
            let done = match plan(running, office, sources, &files).await {
                // Somebody was faster: whoever has approved has seen another difference.
                Ok(plan) if plan.seen != approved.seen => Err(Refusal::Conflict(None)),
                Ok(plan) if !plan.blocked.is_empty() => Err(Refusal::Unable(all(plan.blocked))),
                Ok(plan) => carry_out(running, office, sources, transfer::order(plan, approved.by)).await.map(drop),
                Err(refusal) => Err(refusal),
            };
            drop(tell.send(done));
        }
        // `lives` has it done; a demo's gateway is one part of a process that goes on.
        Errand::Overhaul(_, tell) => {
            let why = said!("a demo's gateway cannot begin anew: end the demo, and use the command");
            drop(tell.send(Err(Refusal::Unable(why))));
        }
    }
}

/// One after the other, in a sentence.
fn all(list: Vec<Said>) -> Said {
    list.into_iter().reduce(|all, one| said!("{}; {}", all, one)).unwrap_or_default()
}

async fn export(running: &Running, office: &Office, sources: &Sources, leaves: Leaves) -> Result<Exported, Refusal> {
    let documents = documents(running.store().as_ref()).await.map_err(Refusal::Store)?;
    let sources = Sources { managed: documents.iter().filter_map(managed).collect(), ..sources.clone() };
    transfer::export(&sources, running.store_path(), office.sealer(), leaves).await
}

async fn plan(running: &Running, office: &Office, sources: &Sources, files: &Files) -> Result<Plan, Refusal> {
    let documents = documents(running.store().as_ref()).await.map_err(Refusal::Store)?;
    let incoming = transfer::brought(files, sources);
    transfer::plan(sources, &documents, &incoming, (running.store_path(), office.sealer())).await
}

/// All of an order, or nothing of it. Yields the new versions.
pub(super) async fn carry_out(
    running: &mut Running,
    office: &Office,
    sources: &Sources,
    order: Order,
) -> Result<Vec<u64>, Refusal> {
    let documents = documents(running.store().as_ref()).await.map_err(Refusal::Store)?;
    let before = |wanted: &Wanted| documents.iter().find(|it| is_same(it, wanted));
    let loaded = load_with(laid(sources, &documents, &order)?, running.store_path()).await;
    let loaded = loaded.map_err(|findings| Refusal::Findings(findings.list))?;
    let seal = |wanted: &Wanted| -> Result<Option<String>, crate::seal::SealError> {
        let own = shown(wanted.kind, &wanted.name);
        let typed = loaded.typed.iter().filter(|(name, _)| *name == own).map(|(_, range)| range.clone());
        wanted.text.as_deref().map(|text| sealed(text, typed.collect(), office.sealer())).transpose()
    };
    let texts: Result<Vec<_>, _> = order.wanted.iter().map(seal).collect();
    let texts = texts.map_err(|error| Refusal::Unable(said!("a secret cannot be sealed: {}", error)))?;

    let line = line(&order, before, &texts, running.clock().now());
    let moved = Moved::of(&order, &office.configuration(), &loaded);
    let sealed = order.wanted.into_iter().zip(texts).map(|(wanted, text)| Wanted { text, ..wanted });
    let wanted: Vec<Change> = sealed.map(change_of).collect();
    let along = moved.along(&**running.store()).await.map_err(Refusal::Store)?;

    let gateway = Arc::clone(running.gateway());
    let pauses = gateway.carry_pauses(&moved.0).await;
    let kept = put_in_force(running, office, &loaded, async |store| match line {
        Some(line) => {
            let pauses = pauses.changes().map_err(ChangeError::Store)?;
            let changes = [wanted.as_slice(), &along, &pauses].concat();
            store.change_and_move(&changes, &moved.tokens(), &line).await
        }
        None => Ok(Vec::new()),
    });
    let kept = kept.await;
    pauses.settle(kept.is_ok());
    let mut versions = kept?;
    office.show(loaded);
    versions.truncate(wanted.len());
    Ok(versions)
}

/// What cannot be kept is not in force either.
async fn put_in_force(
    running: &mut Running,
    office: &Office,
    loaded: &Loaded,
    keep: impl AsyncFnOnce(&dyn Store) -> Result<Vec<u64>, ChangeError>,
) -> Result<Vec<u64>, Refusal> {
    running.reload(loaded.settings.clone()).map_err(|error| Refusal::Unable(Said::foreign(format!("{error:#}"))))?;
    let store = Arc::clone(running.store());
    keep(&*store).await.map_err(|error| {
        if let Err(error) = running.reload(office.configuration().settings.clone()) {
            tracing::error!("a change that could not be kept stays in force until the next start: {error:#}");
        }
        match error {
            ChangeError::Conflict { kind: DocumentKind::Test, .. } => {
                Refusal::Unable(said!("somebody has changed a test of the profile at the same moment: try again"))
            }
            ChangeError::Conflict { found, .. } => Refusal::Conflict(found),
            ChangeError::Store(error) => Refusal::Store(error),
        }
    })
}

/// Of the first that is wanted, unless the order says what it is as a whole; `None`: nothing is wanted.
fn line<'d>(
    order: &Order,
    before: impl Fn(&Wanted) -> Option<&'d Document>,
    texts: &[Option<String>],
    at: Timestamp,
) -> Option<AuditLine> {
    // A profile that gets another name is two: what it was goes, and what it is comes.
    let (first, after) = (order.wanted.first()?, texts.iter().flatten().next().map(String::as_str));
    if order.told.is_some() {
        return told(order, at);
    }
    let (before, by) = (order.wanted.iter().find_map(before), order.by.clone());
    let what = match (before, after) {
        (_, None) => "removed",
        (None, Some(_)) => "added",
        (Some(_), Some(_)) => "changed",
    };
    Some(AuditLine {
        at,
        by,
        action: format!("{}.{what}", first.kind.label()),
        subject: first.name.clone(),
        before: before.map(|it| masked(&String::from_utf8_lossy(&it.body))),
        after: after.map(masked),
    })
}

/// The text with each secret that was typed in it as what it is sealed to.
fn sealed(
    text: &str,
    mut typed: Vec<std::ops::Range<usize>>,
    sealer: &Sealer,
) -> Result<String, crate::seal::SealError> {
    typed.sort_by_key(|it| it.start);
    let (mut out, mut rest) = (String::with_capacity(text.len()), 0);
    for range in typed {
        let (Some(before), Some(value)) = (text.get(rest..range.start), text.get(range.clone())) else { continue };
        let Some(secret) = toml_text(value) else { continue };
        out.push_str(before);
        out.push_str(&seal(sealer, &secret)?);
        rest = range.end;
    }
    out.push_str(text.get(rest..).unwrap_or_default());
    Ok(out)
}

/// A secret as what it is sealed to, in TOML.
pub(super) fn seal(sealer: &Sealer, secret: &str) -> Result<String, crate::seal::SealError> {
    Ok(format!("{{ sealed = \"{}\" }}", seal_plain(sealer, secret)?))
}

/// The same without TOML around it.
pub(super) fn seal_plain(sealer: &Sealer, secret: &str) -> Result<String, crate::seal::SealError> {
    Ok(hex::encode(&sealer.seal(SEALED_AS, secret.as_bytes())?))
}

/// What a TOML string says.
fn toml_text(written: &str) -> Option<zeroize::Zeroizing<String>> {
    crate::config::text_of(written).map(zeroize::Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_sealed_where_it_stands_and_the_rest_is_left_as_it_is() {
        let sealer = Sealer::from_key([7; 32]);
        let text = "# mine\nagent_password = \"a \\\"b\\\"\" # here\n[lex]\nsecret_access_key = 'x'\n";
        let of = |part: &str| {
            let start = text.find(part).unwrap();
            start..start + part.len()
        };
        let out = sealed(text, vec![of("'x'"), of("\"a \\\"b\\\"\"")], &sealer).unwrap();
        assert!(
            out.starts_with("# mine\nagent_password = { sealed = \"") && out.contains("\" } # here\n[lex]\n"),
            "{out}"
        );
        let secrets: Vec<String> = out
            .split("sealed = \"")
            .skip(1)
            .map(|it| hex::decode(it.split('"').next().unwrap()).unwrap())
            .map(|it| String::from_utf8(sealer.open(SEALED_AS, &it).unwrap().to_vec()).unwrap())
            .collect();
        assert_eq!(secrets, ["a \"b\"", "x"]);
        let told = masked(&out);
        assert!(told.contains("agent_password = ****") && !told.contains("sealed"), "{told}");
        assert!(!masked("#agent_password = \"kept for later\"\n").contains("kept for later"));
        assert_eq!(sealed(text, Vec::new(), &sealer).unwrap(), text);
    }
}
