//! A change of the configuration by the Web Manager: validated as every configuration is, put in force, and kept with its line of
//! the audit log. One after the other, in the task that also reloads.

use super::{Office, Running, SEALED_AS, load_with};
use crate::{
    config::{Managed, Sources, masked, named_in},
    core::{hex, ids::UnitName},
    manager::ports::{ProfileOrder, Refusal},
    store::{AuditLine, Change, ChangeError, Document, DocumentKind, Expected, StoreError, seal::Sealer},
};

/// As it is laid beside the files.
pub(super) fn managed(document: &Document) -> Managed {
    let text = String::from_utf8_lossy(&document.body).into_owned();
    Managed { name: shown(&document.name), text }
}

fn shown(name: &str) -> String {
    format!("{name} (Web Manager)")
}

/// What a profile's document is called: as the profile itself, with its business unit. As it was, where the text does not say.
fn name_of(text: &str, order: &ProfileOrder, units: &[UnitName]) -> String {
    let only = || units.first().map(ToString::to_string);
    let named = named_in(text).and_then(|(unit, name)| Some(format!("{}/{name}", unit.or_else(only)?)));
    named.unwrap_or_else(|| order.name.clone())
}

pub(super) async fn carry_out(
    running: &mut Running,
    office: &Office,
    sources: &Sources,
    order: ProfileOrder,
) -> Result<(), Refusal> {
    let unreadable = |error: StoreError| Refusal::Store(error);
    let documents = running.store().documents(DocumentKind::Profile).await.map_err(unreadable)?;
    let before = documents.iter().find(|it| it.name == order.name).cloned();
    // The store looks again when it writes; here it spares a validation, and putting in force what would be taken back.
    if !order.expected.holds(before.as_ref()) {
        return Err(Refusal::Conflict(before.map(Box::new)));
    }
    let others = documents.iter().filter(|it| it.name != order.name);
    let mut managed: Vec<Managed> = others.map(managed).collect();
    // A profile that gets another name takes its document along: another may have the old one then.
    let name = order
        .text
        .as_deref()
        .map_or_else(|| order.name.clone(), |text| name_of(text, &order, &office.configuration().settings.units));
    if let Some(text) = &order.text {
        managed.push(Managed { name: shown(&name), text: text.clone() });
    }
    let loaded = load_with(Sources { managed, ..sources.clone() }, running.store_path()).await;
    let loaded = loaded.map_err(|findings| Refusal::Findings(findings.list))?;
    let own = shown(&name);
    let typed = loaded.typed.iter().filter(|(name, _)| *name == own).map(|(_, range)| range.clone());
    let text = order.text.as_deref().map(|text| sealed(text, typed.collect(), office.sealer())).transpose();
    let text = text.map_err(|error| Refusal::Unable(format!("a secret cannot be sealed: {error}")))?;

    running.reload(loaded.settings.clone()).map_err(|error| Refusal::Unable(format!("{error:#}")))?;
    let line = line(&order, before.as_ref(), text.as_deref(), running.clock().now());
    let body = text.map(String::into_bytes);
    let kind = DocumentKind::Profile;
    let changes = if name == order.name || before.is_none() {
        vec![Change { kind, name, expected: order.expected, body }]
    } else {
        let gone = Change { kind, name: order.name, expected: order.expected, body: None };
        vec![gone, Change { kind, name, expected: Expected::New, body }]
    };
    if let Err(error) = running.store().change(&changes, &line).await {
        // What is not kept is not in force either.
        if let Err(error) = running.reload(office.configuration().settings.clone()) {
            tracing::error!("a change that could not be kept stays in force until the next start: {error:#}");
        }
        return Err(match error {
            ChangeError::Conflict { found, .. } => Refusal::Conflict(found),
            ChangeError::Store(error) => Refusal::Store(error),
        });
    }
    office.show(loaded);
    Ok(())
}

fn line(
    order: &ProfileOrder,
    before: Option<&Document>,
    after: Option<&str>,
    at: crate::core::ids::Timestamp,
) -> AuditLine {
    let action = match (before, after) {
        (_, None) => "profile.removed",
        (None, Some(_)) => "profile.added",
        (Some(_), Some(_)) => "profile.changed",
    };
    AuditLine {
        at,
        by: order.by.clone(),
        action: action.to_owned(),
        subject: order.name.clone(),
        before: before.map(|it| masked(&String::from_utf8_lossy(&it.body))),
        after: after.map(masked),
    }
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
        out.push_str("{ sealed = \"");
        out.push_str(&seal(sealer, &secret)?);
        out.push_str("\" }");
        rest = range.end;
    }
    out.push_str(text.get(rest..).unwrap_or_default());
    Ok(out)
}

/// What is kept of a secret.
pub(super) fn seal(sealer: &Sealer, secret: &str) -> Result<String, crate::seal::SealError> {
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
