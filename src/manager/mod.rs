//! The Web Manager: where administrators configure, operators watch and designers understand.
//!
//! Pages are rendered here and work without a script. `ROUTES` is the whole of it, with the role that each page takes;
//! `guard` stands before all of them, `people` knows who may come in. What of the configuration is to be shown comes by
//! [`ports`].

mod address;
mod api;
mod assigning;
mod body;
mod building;
mod comparing;
mod drafting;
mod estate;
mod form;
mod guard;
mod held;
mod imports;
mod keeping;
mod linting;
mod look;
mod multipart;
mod numbers;
mod offered;
mod owner;
mod pages;
mod people;
pub mod ports;
mod query;
mod trying;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::{RawQuery, State},
    middleware,
    routing::{MethodRouter, any, get, post},
};
use http::HeaderMap;
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    gateway::{Gateway, alerts::Alerts, storage::Store},
    seal::Sealer,
    telemetry::Metrics,
};
use guard::{CookieNames, Needs, Seat, Signed};
use pages::{
    account, action, actions, alerts, api as api_page, assigned, audit, configuration, connector_tokens, contact, edit,
    ended, engines, erase, lint, live, numbers as numbers_pages, overhaul, pause, profiles, restoring, sign_in, store,
    tokens, trying as try_it, units, users,
};
use people::People;
pub use people::{Role, Terms, reseal_user};
use ports::House;
use trying::Trying;
pub(crate) use trying::kept::{carried as carried_tests, of_profile as tests_of_profile};
use words::Dictionary;

/// Where a backup is brought to be restored.
const RESTORING: &str = "/store/restoring";
/// Pages that are live, at most: each holds a connection.
const MAX_FOLLOWERS: usize = 200;
/// Forms that are read at a time; as many again of those who are not signed in, who keep nobody else waiting.
const MAX_FORMS: usize = 64;

/// What it is made of.
#[derive(Debug)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub sealer: Sealer,
    pub clock: Clock,
    pub gateway: Arc<Gateway>,
    pub alerts: Arc<Alerts>,
    pub house: Arc<dyn House>,
    pub metrics: Arc<Metrics>,
    pub terms: Terms,
    /// Proxies of ours in front, whose `X-Forwarded-For` is believed.
    pub proxies: usize,
    /// How browsers reach it, without a slash at the end.
    pub base: String,
    /// Ends what is live.
    pub closing: CancellationToken,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Manager(Arc<Inner>);

#[derive(Debug)]
pub struct Inner {
    people: People,
    gateway: Arc<Gateway>,
    alerts: Arc<Alerts>,
    house: Arc<dyn House>,
    dictionary: Dictionary,
    tables: live::Tables,
    trying: Trying,
    imports: imports::Imports,
    held: held::Held,
    lints: linting::Results,
    /// Of the API.
    document: api::Document,
    base: String,
    /// Browsers reach it by TLS.
    secure: bool,
    cookies: CookieNames,
    proxies: usize,
    closing: CancellationToken,
    followers: Arc<Semaphore>,
    forms: Semaphore,
    strangers: Semaphore,
}

impl std::ops::Deref for Manager {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The Web Manager cannot be opened: no password could be hashed here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the Web Manager cannot hash passwords here: there is no memory or no randomness")]
pub struct CannotOpen;

impl Manager {
    /// # Errors
    /// When no password can be hashed here.
    pub fn new(parts: Parts) -> Result<Self, CannotOpen> {
        let Parts { store, sealer, clock, gateway, alerts, house, metrics, terms, proxies, base, closing } = parts;
        let cookies = CookieNames::of(&sealer, &base);
        let people = People::new((store, sealer), (clock, metrics), terms).map_err(|_no_hash| CannotOpen)?;
        let secure = base.starts_with("https://");
        let (dictionary, followers) = (Dictionary::new(), Arc::new(Semaphore::new(MAX_FOLLOWERS)));
        let (forms, strangers) = (Semaphore::new(MAX_FORMS), Semaphore::new(MAX_FORMS));
        Ok(Self(Arc::new(Inner {
            people,
            gateway,
            alerts,
            house,
            dictionary,
            tables: live::Tables::default(),
            trying: Trying::default(),
            imports: imports::Imports::default(),
            held: held::Held::default(),
            lints: linting::Results::default(),
            document: api::Document::new(),
            base,
            secure,
            cookies,
            proxies,
            closing,
            followers,
            forms,
            strangers,
        })))
    }

    /// While there is nobody who could sign in: the link that makes the first administrator, once.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn first_link(&self) -> Result<Option<SecretString>, crate::gateway::storage::StoreError> {
        let token = self.people.first_link().await?;
        Ok(token.map(|token| SecretString::from(format!("{}/welcome?token={token}", self.base))))
    }

    /// A place for a page that is live; `None`: there are too many.
    fn follow(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.followers).try_acquire_owned().ok()
    }

    /// Whether whoever watches may still do so.
    fn still(&self, seat: &Seat) -> Option<()> {
        let signed = seat.signed.as_ref()?;
        self.people.sessions.is_open(signed.id, self.people.now()).then_some(())
    }

    fn signed(&self, token: &str) -> Option<Signed> {
        self.people.session(token).map(|(id, session)| Signed { id, session })
    }
}

/// One page.
struct Route {
    path: &'static str,
    /// Whom it is open to; `None`: everybody.
    role: Option<Role>,
    methods: &'static str,
    handler: fn() -> MethodRouter<Manager>,
}

const fn open(path: &'static str, methods: &'static str, handler: fn() -> MethodRouter<Manager>) -> Route {
    Route { path, role: None, methods, handler }
}

const fn closed(
    path: &'static str,
    role: Role,
    methods: &'static str,
    handler: fn() -> MethodRouter<Manager>,
) -> Route {
    Route { path, role: Some(role), methods, handler }
}

/// Every page, and who may open it.
const ROUTES: &[Route] = &[
    open("/sign-in", "GET POST", || get(sign_in::show).post(sign_in::enter)),
    open("/welcome", "GET POST", || get(sign_in::welcome).post(sign_in::accept)),
    closed("/", Role::Viewer, "GET", || get(live::show)),
    closed("/live/events", Role::Viewer, "GET", || get(live::events)),
    closed("/contacts/ended", Role::Viewer, "GET", || get(ended::show)),
    closed("/contacts/{unit}/{contact}", Role::Viewer, "GET", || get(contact::show)),
    closed("/contacts/{unit}/{contact}/events", Role::Viewer, "GET", || get(contact::events)),
    closed("/contacts/{unit}/{contact}/hand-over", Role::Operator, "POST", || post(contact::hand_over)),
    closed("/contacts/{unit}/{contact}/end", Role::Operator, "POST", || post(contact::end)),
    closed("/agents", Role::Viewer, "GET", || get(alerts::agents)),
    closed("/agents/events", Role::Viewer, "GET", || get(alerts::agents_events)),
    closed("/profiles", Role::Viewer, "GET", || get(profiles::list)),
    closed("/profiles/new", Role::Administrator, "GET POST", || get(edit::new).post(edit::add)),
    closed("/profiles/{unit}/{profile}/edit", Role::Administrator, "GET POST", || get(edit::show).post(edit::change)),
    closed("/profiles/{unit}/{profile}/remove", Role::Administrator, "POST", || post(edit::remove)),
    closed("/profiles/{unit}/{profile}/agents", Role::Viewer, "GET", || get(assigned::show)),
    closed("/profiles/{unit}/{profile}/agents/events", Role::Viewer, "GET", || get(assigned::events)),
    closed("/profiles/{unit}/{profile}/agents/change", Role::Administrator, "POST", || post(assigned::change)),
    closed("/profiles/{unit}/{profile}/actions", Role::Viewer, "GET", || get(actions::show)),
    closed("/profiles/{unit}/{profile}/actions/new", Role::Administrator, "GET POST", || {
        get(action::new).post(action::add)
    }),
    closed("/profiles/{unit}/{profile}/actions/edit", Role::Administrator, "GET POST", || {
        get(action::edit).post(action::change)
    }),
    closed("/profiles/{unit}/{profile}/actions/remove", Role::Administrator, "POST", || post(action::remove)),
    closed("/profiles/{unit}/{profile}/pause", Role::Operator, "POST", || post(pause::pause)),
    closed("/profiles/{unit}/{profile}/resume", Role::Operator, "POST", || post(pause::resume)),
    closed("/profiles/{unit}/{profile}/token", Role::Administrator, "POST", || post(connector_tokens::reload)),
    closed("/profiles/{unit}/{profile}/check", Role::Operator, "POST", || post(profiles::check)),
    closed("/profiles/{unit}/{profile}/export", Role::Administrator, "GET", || get(edit::export)),
    closed("/profiles/{unit}/{profile}", Role::Viewer, "GET", || get(profiles::show)),
    closed("/numbers", Role::Viewer, "GET", || get(numbers_pages::show)),
    closed("/numbers/questions", Role::Viewer, "GET", || get(numbers_pages::questions)),
    closed("/numbers.csv", Role::Viewer, "GET", || get(numbers_pages::csv)),
    closed("/profiles/{unit}/{profile}/try", Role::Operator, "GET POST", || get(try_it::show).post(try_it::begin)),
    closed("/profiles/{unit}/{profile}/try/{trial}", Role::Operator, "GET POST", || {
        get(try_it::console::show).post(try_it::console::put)
    }),
    closed("/profiles/{unit}/{profile}/try/{trial}/save", Role::Operator, "POST", || post(try_it::console::save)),
    closed("/profiles/{unit}/{profile}/try/{trial}/end", Role::Operator, "POST", || post(try_it::console::end)),
    closed("/profiles/{unit}/{profile}/tests", Role::Viewer, "GET", || get(try_it::tests::list)),
    closed("/profiles/{unit}/{profile}/tests/run", Role::Operator, "POST", || post(try_it::tests::run)),
    closed("/profiles/{unit}/{profile}/tests/export", Role::Viewer, "GET", || get(try_it::tests::export)),
    closed("/profiles/{unit}/{profile}/tests/import", Role::Operator, "GET POST", || {
        get(try_it::tests::begin_import).post(try_it::tests::import)
    }),
    closed("/profiles/{unit}/{profile}/test/{test}", Role::Viewer, "GET", || get(try_it::test::show)),
    closed("/profiles/{unit}/{profile}/test/{test}/checks", Role::Operator, "POST", || post(try_it::test::checks)),
    closed("/profiles/{unit}/{profile}/test/{test}/text", Role::Operator, "POST", || post(try_it::test::text)),
    closed("/profiles/{unit}/{profile}/test/{test}/copy", Role::Operator, "POST", || post(try_it::test::copy)),
    closed("/profiles/{unit}/{profile}/test/{test}/remove", Role::Operator, "POST", || post(try_it::test::remove)),
    closed("/profiles/{unit}/{profile}/test/{test}/export", Role::Viewer, "GET", || get(try_it::test::export)),
    closed("/alerts", Role::Viewer, "GET", || get(alerts::show)),
    closed("/alerts/events", Role::Viewer, "GET", || get(alerts::events)),
    closed("/account", Role::Viewer, "GET", || get(account::show)),
    closed("/account/password", Role::Viewer, "POST", || post(account::change_password)),
    closed("/account/factor", Role::Viewer, "GET POST", || get(account::new_factor).post(account::set_factor)),
    closed("/account/factor/off", Role::Viewer, "POST", || post(account::drop_factor)),
    closed("/account/end", Role::Viewer, "POST", || post(account::end)),
    closed("/account/language", Role::Viewer, "POST", || post(account::language)),
    closed("/sign-out", Role::Viewer, "POST", || post(sign_in::leave)),
    closed("/units", Role::Viewer, "GET", || get(units::list)),
    closed("/units/new", Role::Administrator, "GET POST", || get(units::new).post(units::add)),
    closed("/units/{unit}/edit", Role::Administrator, "GET POST", || get(units::show).post(units::change)),
    closed("/units/{unit}/remove", Role::Administrator, "POST", || post(units::remove)),
    closed("/units/{unit}/actions", Role::Viewer, "GET", || get(actions::show)),
    closed("/units/{unit}/actions/new", Role::Administrator, "GET POST", || get(action::new).post(action::add)),
    closed("/units/{unit}/actions/edit", Role::Administrator, "GET POST", || get(action::edit).post(action::change)),
    closed("/units/{unit}/actions/remove", Role::Administrator, "POST", || post(action::remove)),
    closed("/engines", Role::Administrator, "GET", || get(engines::list)),
    closed("/engines/new", Role::Administrator, "GET POST", || get(engines::new).post(engines::add)),
    closed("/engines/{engine}/edit", Role::Administrator, "GET POST", || get(engines::show).post(engines::change)),
    closed("/engines/{engine}/token", Role::Administrator, "POST", || post(engines::new_token)),
    closed("/engines/{engine}/former", Role::Administrator, "POST", || post(engines::end_former)),
    closed("/engines/{engine}/remove", Role::Administrator, "POST", || post(engines::remove)),
    closed("/configuration", Role::Administrator, "GET", || get(configuration::show)),
    closed("/configuration/export", Role::Administrator, "POST", || post(configuration::export)),
    closed("/configuration/import", Role::Administrator, "POST", || post(configuration::import)),
    closed("/configuration/apply", Role::Administrator, "POST", || post(configuration::apply)),
    closed("/lint", Role::Viewer, "GET", || get(lint::show)),
    closed("/lint/look", Role::Operator, "POST", || post(lint::look)),
    closed("/lint/look-at-all", Role::Operator, "POST", || post(lint::look_at_all)),
    closed("/users", Role::Administrator, "GET POST", || get(users::list).post(users::add)),
    closed("/users/{user}", Role::Administrator, "GET POST", || get(users::show).post(users::change)),
    closed("/users/{user}/invite", Role::Administrator, "POST", || post(users::invite)),
    closed("/users/{user}/end", Role::Administrator, "POST", || post(users::end)),
    closed("/users/{user}/remove", Role::Administrator, "POST", || post(users::remove)),
    closed("/store", Role::Administrator, "GET", || get(store::show)),
    closed("/store/backup", Role::Administrator, "POST", || post(store::backup)),
    closed("/store/prune", Role::Administrator, "POST", || post(store::prune)),
    closed("/store/key", Role::Administrator, "POST", || post(overhaul::rotate)),
    closed(RESTORING, Role::Administrator, "GET POST", || get(restoring::show).post(restoring::bring)),
    closed("/store/restoring/forget", Role::Administrator, "POST", || post(restoring::forget)),
    closed("/store/restore", Role::Administrator, "POST", || post(restoring::restore)),
    closed("/store/retention", Role::Administrator, "POST", || post(store::retain)),
    closed("/contacts/{unit}/{contact}/erase", Role::Administrator, "GET POST", || {
        get(erase::show).post(erase::carry_out)
    }),
    closed("/tokens", Role::Administrator, "GET POST", || get(tokens::list).post(tokens::make)),
    closed("/tokens/{token}/revoke", Role::Administrator, "POST", || post(tokens::revoke)),
    closed("/api", Role::Viewer, "GET", || get(api_page::list)),
    closed("/api/operations/{operation}", Role::Viewer, "GET", || get(api_page::show)),
    closed("/audit", Role::Administrator, "GET", || get(audit::show)),
    closed("/audit.csv", Role::Administrator, "GET", || get(audit::csv)),
];

/// Path, methods and the role that they take, of every page: for those who prove that it is so.
pub fn access() -> impl Iterator<Item = (&'static str, &'static str, Option<Role>)> {
    ROUTES.iter().map(|it| (it.path, it.methods, it.role))
}

/// The same of the API, each method by itself.
pub fn api_access() -> Vec<(String, &'static str, Option<Role>)> {
    api::access()
}

/// The API's document, `OpenAPI` 3.1.
pub fn api_document() -> serde_json::Value {
    api::document()
}

/// Asks for a peer's address as `ConnectInfo<SocketAddr>`.
pub fn router(manager: &Manager) -> Router {
    let mut router = Router::new();
    for Route { path, role, handler, .. } in ROUTES {
        let route = handler();
        router = router.route(
            path,
            match role {
                Some(role) => {
                    let needs = Needs { manager: manager.clone(), role: *role };
                    route.layer(middleware::from_fn_with_state(needs, guard::admit))
                }
                None => route,
            },
        );
    }
    for file in look::ALL {
        let answer = move |RawQuery(version): RawQuery, headers: HeaderMap| async move {
            file.answer(version.as_deref(), &headers)
        };
        router = router.route(file.path(), get(answer));
    }
    router
        .fallback(|seat: Seat, State(_): State<Manager>| async move { pages::not_found(&seat) })
        .method_not_allowed_fallback(|seat: Seat, State(_): State<Manager>| async move {
            let text = seat.words.t("This address does not do that.").to_owned();
            pages::refusal(&seat, http::StatusCode::METHOD_NOT_ALLOWED, &text)
        })
        .layer(middleware::from_fn_with_state(manager.clone(), guard::identify))
        // Programs come without cookies and forms: the API has a door of its own.
        .nest(api::PREFIX, api::router())
        .route(&format!("{}/", api::PREFIX), any(api::nowhere))
        .layer(middleware::from_fn_with_state(manager.clone(), guard::secure))
        .with_state(manager.clone())
}
