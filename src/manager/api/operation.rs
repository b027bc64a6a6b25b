//! One thing that the API does. Router, role, reading, answer and document of it are made from this alone, and what is read and
//! answered from the handler's own types: none of them can say what another does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::MethodFilter,
};
use futures::future::BoxFuture;
use schemars::{
    JsonSchema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value};

use super::{
    asked::{Asked, Incoming},
    door::{self, Caller},
    problem::{Kind, Problem},
    told::Told,
};
use crate::manager::{Manager, people::Role};

/// A request that was let in.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) manager: Manager,
    pub(super) caller: Caller,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::manager) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub(in crate::manager) const fn label(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// What an operation reads and answers, as it is found out from its types.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: BTreeMap<u16, Value>,
    pub(super) refuses: BTreeSet<Kind>,
}

/// The shapes of what is read and answered.
#[derive(Debug)]
pub(super) struct Schemas {
    asked: SchemaGenerator,
    told: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let of = |contract: Contract| {
            let settings = SchemaSettings::draft2020_12().with(|it| {
                it.definitions_path = "/components/schemas".into();
                it.contract = contract;
            });
            settings.into_generator()
        };
        Self { asked: of(Contract::Deserialize), told: of(Contract::Serialize) }
    }

    pub(super) fn asked<T: JsonSchema>(&mut self) -> Value {
        self.asked.subschema_for::<T>().to_value()
    }

    /// The members of what is read from a path or a query: name, shape, and whether it has to be there.
    pub(super) fn members<T: JsonSchema>(&mut self) -> Vec<(String, Value, bool)> {
        let schema = T::json_schema(&mut self.asked).to_value();
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        members.map(|(name, it)| (name.clone(), it.clone(), required.contains(&name.as_str()))).collect()
    }

    pub(super) fn told<T: JsonSchema>(&mut self) -> Value {
        self.told.subschema_for::<T>().to_value()
    }

    /// Those that are read, and those that are told.
    #[cfg(test)]
    pub(super) fn both(mut self) -> (Map<String, Value>, Map<String, Value>) {
        (self.asked.take_definitions(true), self.told.take_definitions(true))
    }

    /// All that have a name.
    pub(super) fn named(mut self) -> Map<String, Value> {
        let mut all = self.asked.take_definitions(true);
        all.extend(self.told.take_definitions(true));
        all
    }
}

type Run = Arc<dyn Fn(Manager, Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// Whole.
#[derive(Clone)]
pub(super) struct Operation {
    pub(super) draft: Draft,
    pub(super) describe: fn(&mut Described, &mut Schemas),
    pub(super) run: Run,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operation").field("draft", &self.draft).finish_non_exhaustive()
    }
}

/// All of it but what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    /// Whom it is open to; `None`: everybody.
    pub(super) role: Option<Role>,
    /// How programs call it.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// Beyond what follows from its types.
    pub(super) refuses: &'static [Kind],
}

impl Draft {
    const fn new(verb: Verb, path: &'static str, role: Option<Role>, id: &'static str) -> Self {
        Self { verb, path, role, id, title: "", text: "", refuses: &[] }
    }

    pub(super) const fn open(path: &'static str, id: &'static str) -> Self {
        Self::new(Verb::Get, path, None, id)
    }

    pub(super) const fn get(path: &'static str, role: Role, id: &'static str) -> Self {
        Self::new(Verb::Get, path, Some(role), id)
    }

    pub(super) const fn post(path: &'static str, role: Role, id: &'static str) -> Self {
        Self::new(Verb::Post, path, Some(role), id)
    }

    pub(super) const fn put(path: &'static str, role: Role, id: &'static str) -> Self {
        Self::new(Verb::Put, path, Some(role), id)
    }

    pub(super) const fn delete(path: &'static str, role: Role, id: &'static str) -> Self {
        Self::new(Verb::Delete, path, Some(role), id)
    }

    pub(super) const fn says(mut self, title: &'static str, text: &'static str) -> Self {
        (self.title, self.text) = (title, text);
        self
    }

    pub(super) const fn refuses(mut self, kinds: &'static [Kind]) -> Self {
        self.refuses = kinds;
        self
    }

    /// What it does.
    pub(super) fn by<In, Out, F, Fut>(self, handler: F) -> Operation
    where
        In: Asked,
        Out: Told,
        F: Fn(Call, In) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Out, Problem>> + Send + 'static,
    {
        let describe: fn(&mut Described, &mut Schemas) = |described, schemas| {
            In::tell(described, schemas);
            Out::tell(described, schemas);
        };
        let mut described = Described::default();
        describe(&mut described, &mut Schemas::new());
        let refuses = self.kinds(&described);
        let run: Run = Arc::new(move |manager, request| {
            let (handler, refuses) = (handler.clone(), refuses.clone());
            Box::pin(async move {
                let (parts, body) = request.into_parts();
                let mut incoming = Incoming::new(manager.clone(), parts, body);
                match carried_out(self.role, &mut incoming, handler).await {
                    Ok(out) => out.answer(&incoming.parts),
                    Err(problem) => {
                        // Whoever tests this operation hears of a problem that its document keeps silent about.
                        debug_assert!(refuses.contains(&problem.kind), "{} does not tell of {problem:?}", self.id);
                        problem.into_response()
                    }
                }
            })
        });
        Operation { draft: self, describe, run }
    }

    /// All the ways in which it may refuse.
    pub(super) fn kinds(&self, described: &Described) -> BTreeSet<Kind> {
        let mut all = described.refuses.clone();
        all.extend(self.refuses);
        if self.role.is_some() {
            all.extend([Kind::Unauthorized, Kind::Forbidden, Kind::TooMany, Kind::Unavailable, Kind::NoSpace]);
        }
        all
    }
}

async fn carried_out<In, Out, Fut>(
    role: Option<Role>,
    incoming: &mut Incoming,
    handler: impl Fn(Call, In) -> Fut,
) -> Result<Out, Problem>
where
    In: Asked,
    Fut: Future<Output = Result<Out, Problem>>,
{
    let caller = door::admit(&incoming.manager, &incoming.parts, role).await?;
    let input = In::take(incoming).await?;
    handler(Call { manager: incoming.manager.clone(), caller }, input).await
}
