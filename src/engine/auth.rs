//! Who may come in at the routing engines' door, and what each may do.

use std::{collections::BTreeSet, fmt};

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use tonic::metadata::MetadataMap;

use crate::{
    config::settings::{Engine, Settings},
    core::ids::{EngineId, UnitName},
    problem::{Problem, ProblemKind},
};

/// What the door knows of its guests, and its measures: swapped as a whole when the configuration changes.
#[derive(Clone, Debug)]
pub struct Doors {
    engines: Vec<Engine>,
    units: BTreeSet<UnitName>,
    pub(super) credits: u32,
    pub(super) max_frame_bytes: usize,
}

impl Doors {
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            engines: settings.engines.clone(),
            units: settings.units.iter().cloned().collect(),
            credits: settings.server.credits,
            max_frame_bytes: settings.server.max_frame_bytes,
        }
    }

    #[cfg(test)]
    pub(super) const fn none() -> Self {
        Self { engines: Vec::new(), units: BTreeSet::new(), credits: 0, max_frame_bytes: 0 }
    }

    /// The engine whose token this is. Looks at every engine, and as long at each, whatever it finds.
    pub(super) fn find_engine(&self, credential: &Credential) -> Result<&Engine, Problem> {
        let mut found = u64::MAX;
        for (at, engine) in (0_u64..).zip(&self.engines) {
            let former = engine.former_token_sha256.as_ref().map_or(Choice::from(0), |it| it.ct_eq(&credential.0));
            let same: Choice = engine.token_sha256.ct_eq(&credential.0) | former;
            found.conditional_assign(&at, same);
        }
        usize::try_from(found).ok().and_then(|at| self.engines.get(at)).ok_or_else(|| {
            Problem::new(ProblemKind::Unauthenticated, "the bearer token is not one of a routing engine")
        })
    }

    /// Whether the holder of `credential` may attach as `engine` for `unit`.
    pub(super) fn admit(&self, credential: &Credential, engine: &EngineId, unit: &UnitName) -> Result<(), Problem> {
        let known = self.find_engine(credential)?;
        if known.id != *engine {
            let detail = format!("hello.engine_id: the bearer token is not the one of {engine}");
            return Err(Problem::new(ProblemKind::Forbidden, detail));
        }
        if !self.units.contains(unit) {
            return Err(unknown_unit(unit));
        }
        if !known.units.contains(unit) {
            let detail = format!("hello.business_unit: {engine} may not attach for {unit}");
            return Err(Problem::new(ProblemKind::Forbidden, detail));
        }
        Ok(())
    }
}

/// S5: named, so that the engine's log says what to configure.
pub(super) fn unknown_unit(unit: &UnitName) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("hello.business_unit: business unit {unit} is not configured here"))
}

/// The SHA-256 of a presented bearer token; the token itself is not kept.
#[derive(Clone, Copy)]
pub(super) struct Credential([u8; 32]);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

impl Credential {
    pub(super) fn presented(metadata: &MetadataMap) -> Result<Self, Problem> {
        let missing = || {
            let detail = "metadata `authorization: Bearer <engine token>` is missing or malformed";
            Problem::new(ProblemKind::Unauthenticated, detail)
        };
        let value = metadata.get("authorization").ok_or_else(missing)?;
        let (scheme, token) = value.to_str().ok().and_then(|it| it.split_once(' ')).ok_or_else(missing)?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(missing());
        }
        Ok(Self(Sha256::digest(token.as_bytes()).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(id: &str, token: &str, units: &[&str]) -> Engine {
        Engine {
            id: EngineId::new(id).unwrap(),
            token_sha256: Sha256::digest(token).into(),
            former_token_sha256: None,
            units: units.iter().map(|it| UnitName::new(it).unwrap()).collect(),
            origin: String::new(),
        }
    }

    fn doors() -> Doors {
        Doors {
            engines: vec![engine("east", "token-e", &["sales"]), engine("west", "token-w", &["sales", "care"])],
            units: ["sales", "care"].iter().map(|it| UnitName::new(it).unwrap()).collect(),
            credits: 256,
            max_frame_bytes: 256 * 1024,
        }
    }

    fn presented(value: &str) -> Result<Credential, Problem> {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", value.parse().unwrap());
        Credential::presented(&metadata)
    }

    fn admit(token: &str, engine: &str, unit: &str) -> Result<(), ProblemKind> {
        let credential = presented(&format!("Bearer {token}")).unwrap();
        let (engine, unit) = (EngineId::new(engine).unwrap(), UnitName::new(unit).unwrap());
        doors().admit(&credential, &engine, &unit).map_err(|it| it.kind)
    }

    #[test]
    fn the_right_token_opens_its_own_units_only() {
        assert_eq!(admit("token-e", "east", "sales"), Ok(()));
        assert_eq!(admit("token-w", "west", "care"), Ok(()));
        assert_eq!(admit("token-e", "east", "care"), Err(ProblemKind::Forbidden));
        assert_eq!(admit("token-w", "east", "sales"), Err(ProblemKind::Forbidden), "another engine's token");
        assert_eq!(admit("token-x", "east", "sales"), Err(ProblemKind::Unauthenticated));
    }

    #[test]
    fn the_token_before_opens_as_long_as_it_may() {
        let mut doors = doors();
        let (east, sales) = (EngineId::new("east").unwrap(), UnitName::new("sales").unwrap());
        let admitted = |doors: &Doors, token: &str| {
            doors.admit(&presented(&format!("Bearer {token}")).unwrap(), &east, &sales).is_ok()
        };
        assert!(!admitted(&doors, "token-before"));
        doors.engines[0].former_token_sha256 = Some(Sha256::digest("token-before").into());
        assert!(admitted(&doors, "token-before") && admitted(&doors, "token-e") && !admitted(&doors, "token-w"));
    }

    #[test]
    fn s5_an_unknown_business_unit_is_named() {
        assert_eq!(admit("token-e", "east", "nowhere"), Err(ProblemKind::NotFound));
        let unit = UnitName::new("nowhere").unwrap();
        assert_eq!(unknown_unit(&unit).detail, "hello.business_unit: business unit nowhere is not configured here");
    }

    #[test]
    fn malformed_credentials_are_refused() {
        for bad in ["", "token-e", "Basic token-e", "Bearer", "Bearer ", "Bearer  "] {
            assert_eq!(presented(bad).err().map(|it| it.kind), Some(ProblemKind::Unauthenticated), "{bad:?}");
        }
        assert!(Credential::presented(&MetadataMap::new()).is_err());
        assert!(presented("bearer token-e").is_ok(), "schemes are case-insensitive");
    }
}
