//! Configuration: embedded defaults < file < environment < flags, validated once, with errors that say where and how to mend.
//!
//! `sources` finds and parses the texts and lays them over one another; each value remembers where it was written.
//! `section` reads the result key by key and collects every finding; the files beside it read one part each, and
//! `across` compares profiles. Nothing but [`settings::Settings`] leaves, and only when there is no error.

mod across;
mod actions;
mod address;
mod bundle;
mod countries;
mod difference;
mod document;
pub mod draft;
mod effective;
mod engines;
mod finding;
pub mod general;
pub mod nearest;
mod offers;
mod outbound;
mod places;
mod private;
mod profile;
pub mod schema;
mod secret;
mod section;
pub mod service_account;
pub mod settings;
mod sources;
mod system;
mod tree;
mod units;
pub mod watch;
mod written;

use std::{cell::RefCell, collections::BTreeSet, ops::Range, path::PathBuf, sync::Arc};

pub use bundle::{Bundle, BundleError, Leave, Leaving, bundle};
pub use difference::difference;
pub(crate) use document::is_secret_key;
pub use document::{Location, masked};
pub use effective::Effective;
pub use engines::Kinds;
pub use finding::{Finding, Findings, Severity};
pub use places::Places;
pub use secret::{Kept, SecretError, SecretLookup};
pub use sources::{
    DEFAULT, DEFAULT_PROFILE, DEMO_PROFILE, Embedded, Environment, FILE, Flag, Managed, ManagedKind, PROFILES, Sources,
    default_profile,
};
pub use written::{EngineText, UnitText, countries, zones};

use crate::core::ids::UnitName;
use document::{DocumentKind, Place};
use section::{Context, RawFinding, Section};
use settings::Settings;
use sources::Layers;

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// In order of [`Settings::units`].
    pub units: Vec<settings::Unit>,
    pub warnings: Vec<Finding>,
    /// Every value with its origin, secrets hidden.
    pub effective: Vec<Effective>,
    /// The files that had a part in it: when one changes, load again.
    pub files: Vec<PathBuf>,
    /// Where each profile's settings were written, in order of [`Settings::profiles`].
    pub places: Vec<Places>,
    /// And each business unit's actions, in order of [`Self::units`].
    pub unit_places: Vec<Places>,
    /// Secrets that stand in the Web Manager's documents as they are: the document's name, and the bytes of its text.
    pub typed: Vec<(String, Range<usize>)>,
}

/// What can be known of a configuration without judging it, and without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub store: PathBuf,
    /// Names of the store's secrets that the configuration refers to.
    pub secrets: BTreeSet<String>,
    pub units: Vec<UnitName>,
}

/// Looks at the sources before they are loaded: loading asks for secrets that only the store can give.
///
/// # Errors
/// When the configuration file cannot be read at all.
pub fn preview(sources: &Sources) -> Result<Preview, Findings> {
    let layers = Layers::read(sources, &[]);
    if !layers.main_is_whole {
        let files = layers.files.iter().cloned().collect();
        return Err(Findings { list: located(&layers, layers.findings.clone()), files });
    }
    let cx = context(&layers, sources, &|_| Err(SecretError::Unknown));
    let mut root = Section::root(&cx, &layers.main, layers.main_place);
    let store = system::store_path(root.section("store")).unwrap_or_default();
    let units = root.sections("unit").iter_mut().filter_map(|unit| unit.name("name")).map(|name| name.value).collect();
    let mut secrets = BTreeSet::new();
    secret::stored_names(&layers.main, &mut secrets);
    layers.profiles.iter().for_each(|(_, profile)| secret::stored_names(profile, &mut secrets));
    Ok(Preview { store, secrets, units })
}

/// Reads, lays over one another, validates. `kinds`: of the language engines that there are.
///
/// # Errors
/// When anything is an error: then with everything that was found.
pub fn load(sources: &Sources, kinds: Kinds<'_>, secrets: &SecretLookup<'_>) -> Result<Loaded, Findings> {
    let layers = Layers::read(sources, kinds);
    let cx = context(&layers, sources, secrets);
    // A configuration file that cannot be read lacks all that profiles refer to; its own errors come first.
    let settings = layers.main_is_whole.then(|| settings(&cx, &layers, kinds)).flatten();

    let mut files = cx.files.take();
    files.extend(layers.files.iter().cloned());
    let files = files.into_iter().collect();
    let mut raw = cx.findings.take();
    raw.extend(layers.findings.iter().cloned());
    let has_errors = raw.iter().any(|finding| finding.severity == Severity::Error);
    let list = located(&layers, raw);
    match settings {
        Some((settings, units)) if !has_errors => {
            let effective = effective(&layers, &cx.literals.borrow());
            let tables = layers.profiles.iter().zip(&settings.profiles);
            let places = tables.map(|((_, table), it)| Places::of_profile(&layers, table, &it.unit)).collect();
            let unit_places = units.iter().map(|it| Places::of_unit(&layers, &it.name)).collect();
            let typed = typed(&layers, &cx.typed.borrow());
            Ok(Loaded { settings, units, warnings: list, effective, files, places, unit_places, typed })
        }
        Some(_) | None => Err(Findings { list, files }),
    }
}

fn context<'a>(layers: &'a Layers, sources: &'a Sources, lookup: &'a SecretLookup<'a>) -> Context<'a> {
    Context {
        documents: &layers.documents,
        environment: &sources.environment,
        lookup,
        findings: RefCell::default(),
        files: RefCell::default(),
        literals: RefCell::default(),
        secrets: RefCell::default(),
        typed: RefCell::default(),
    }
}

/// `None`: a profile could not be built, and there is a finding that says why.
fn settings(cx: &Context<'_>, layers: &Layers, kinds: Kinds<'_>) -> Option<(Settings, Vec<settings::Unit>)> {
    let mut root = Section::root(cx, &layers.main, layers.main_place);
    let server = system::server(root.section("server"));
    let ops = system::ops(root.section("ops"));
    let connectors = system::connectors(root.section("connectors"));
    let manager = system::manager(root.section("manager"));
    let store = system::store(root.section("store"));
    let (limits, contact_limits) = system::limits(root.section("limits"));
    let egress = outbound::egress(root.section("egress"));
    let privacy = private::privacy(root.section("privacy"));
    let log = system::log(root.section("log"));
    let otlp_endpoint = system::otlp_endpoint(root.section("otlp"));
    let drain = root.seconds("drain_s", 0..=3600);
    let units = units::units(&mut root);
    let engines = units::engines(&mut root, &units);
    root.finish();
    let drafts: Vec<_> = layers
        .profiles
        .iter()
        .map(|(place, table)| profile::profile(Section::root(cx, table, *place), &units, contact_limits, kinds))
        .collect();
    across::check(cx, &drafts);
    let profiles = drafts.into_iter().map(|draft| draft.profile.map(Arc::new)).collect::<Option<_>>()?;
    let told = units.iter().map(|unit| unit.told(cx)).collect();
    let units = units.into_iter().map(|unit| unit.name).collect();
    let settings = Settings {
        server,
        ops,
        connectors,
        manager,
        store,
        limits,
        egress,
        privacy,
        log,
        otlp_endpoint,
        engines,
        units,
        profiles,
        drain,
    };
    Some((settings, told))
}

/// In order of the documents, and of the places in them.
fn located(layers: &Layers, mut raw: Vec<RawFinding>) -> Vec<Finding> {
    raw.sort_by_key(|finding| finding.place);
    let locate = |place: Place| layers.documents.locate(place);
    let finding = |RawFinding { severity, place, setting, message, help }| Finding {
        severity,
        message,
        help,
        setting,
        location: place.map(locate),
    };
    raw.into_iter().map(finding).collect()
}

fn typed(layers: &Layers, places: &[Place]) -> Vec<(String, Range<usize>)> {
    let document = |place: &Place| (layers.documents.of(*place), place.start..place.end);
    let managed = places.iter().map(document).filter(|(it, _)| it.kind == DocumentKind::Managed);
    managed.map(|(it, range)| (it.name.clone(), range)).collect()
}

fn effective(layers: &Layers, literals: &BTreeSet<Place>) -> Vec<Effective> {
    let mut listing = effective::Listing { documents: &layers.documents, literals, list: Vec::new() };
    listing.table("", &layers.main);
    for (at, (_, profile)) in layers.profiles.iter().enumerate() {
        listing.table(&format!("profile[{at}]"), profile);
    }
    listing.list
}

/// What a string says that is written as TOML; `None`: it is none.
#[must_use]
pub fn text_of(written: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(&format!("it = {written}")).ok()?;
    table.get("it")?.as_str().map(str::to_owned)
}

/// What a profile's text says of its business unit and its name, as far as it says anything.
#[must_use]
pub fn named_in(text: &str) -> Option<(Option<String>, String)> {
    let table: toml::Table = toml::from_str(text).ok()?;
    let of = |key: &str| table.get(key)?.as_str().map(str::to_owned);
    Some((of("unit"), of("name")?))
}
