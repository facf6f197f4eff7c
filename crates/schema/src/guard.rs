//! What metadata forbids beside permissions: operations off the allow list, introspection, and operations
//! that are too deep, too wide, too many or too slow. None of it is for the admin role.
//!
//! Pure: what is read here is held against requests by `execute`. A section that cannot be read shuts
//! everybody but admins out, since served without it the project would be wider than it says.

use std::collections::{HashMap, HashSet};

use graphloom_graphql::{Document, Limits, Selection, parse, print};
use graphloom_metadata::{Metadata, support};
use graphloom_vocab::{Json, JsonObject, RoleName, SessionVariableName};

use crate::{Inconsistency, Reason};

/// Everything metadata forbids beside permissions.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// Which operations are allowed, where the server asks for it.
    pub allow_list: AllowList,
    /// How much an operation may be.
    pub limits: ApiLimits,
    no_introspection: HashSet<RoleName>,
    unreadable: Option<&'static str>,
}

impl Guards {
    /// Reads the sections of a document; what cannot be read is told.
    pub(crate) fn of_document(metadata: &Metadata, found: &mut Vec<Inconsistency>) -> Self {
        let mut guards = Self::default();
        let section = |key: &str| metadata.sections.get(key).filter(|value| !value.is_null());
        let mut refuse = |key: &'static str, reason: String| {
            let definition = section(key).cloned().unwrap_or_default();
            found.push(Inconsistency::new(
                key,
                key,
                Reason::from(reason),
                definition,
            ));
            guards.unreadable = Some(key);
        };
        match section("api_limits").map_or(Ok(ApiLimits::default()), ApiLimits::parse) {
            Ok(limits) => guards.limits = limits,
            Err(reason) => refuse("api_limits", reason),
        }
        match section("graphql_schema_introspection").map_or(Ok(Vec::new()), no_introspection) {
            Ok(roles) => guards.no_introspection = roles.into_iter().collect(),
            Err(reason) => refuse("graphql_schema_introspection", reason),
        }
        let collections = Collections::read(section("query_collections"), found);
        match AllowList::parse(section("allowlist"), &collections) {
            Ok(allow_list) => guards.allow_list = allow_list,
            Err(reason) => {
                let definition = section("allowlist").cloned().unwrap_or_default();
                let reason = Reason::from(reason);
                found.push(Inconsistency::new(
                    "allowlist",
                    "allowlist",
                    reason,
                    definition,
                ));
                guards.unreadable = Some("allowlist");
            }
        }
        guards
    }

    /// Whether a role may ask for the schema.
    pub fn shows_schema(&self, role: &RoleName) -> bool {
        role.is_admin() || !self.no_introspection.contains(role)
    }

    /// The section that cannot be read, for which nobody but admins is served.
    pub fn unreadable(&self) -> Option<&'static str> {
        self.unreadable
    }
}

/// Reads `{"disabled_for_roles": […]}`. The error says what is wrong.
fn no_introspection(json: &Json) -> Result<Vec<RoleName>, String> {
    let object = known_keys(
        json,
        "graphql_schema_introspection",
        &["disabled_for_roles"],
    )?;
    match object.get("disabled_for_roles") {
        None => Ok(Vec::new()),
        Some(roles) => role_list(roles),
    }
}

fn role_list(json: &Json) -> Result<Vec<RoleName>, String> {
    let roles = json.as_array().ok_or("expecting a list of role names")?;
    let names = roles.iter().map(|role| match role.as_str() {
        Some(name) if !name.is_empty() => Ok(RoleName::new(name)),
        _ => Err("expecting a list of role names".to_owned()),
    });
    names.collect()
}

fn known_keys<'a>(json: &'a Json, what: &str, keys: &[&str]) -> Result<&'a JsonObject, String> {
    let object = json
        .as_object()
        .ok_or_else(|| format!("{what}: expecting an object"))?;
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(unknown) => Err(format!("{what}: the key {unknown:?} is not understood")),
        None => Ok(object),
    }
}

/// The normalised queries of each collection.
struct Collections(HashMap<String, Vec<String>>);

impl Collections {
    /// A query that is none is told, and allows nothing.
    fn read(section: Option<&Json>, found: &mut Vec<Inconsistency>) -> Self {
        let mut collections = HashMap::new();
        for collection in section.and_then(Json::as_array).into_iter().flatten() {
            let text = |json: &Json, key: &str| {
                json.get(key)
                    .and_then(Json::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let name = text(collection, "name");
            // A key that is not known may say who may use the collection.
            let fields = collection.as_object();
            let misfit =
                fields.and_then(|json| support::misfit(&support::QUERY_COLLECTION, json, &[]));
            if let Some(reason) = misfit {
                let shown = format!("query collection {name}");
                let reason = Reason::unbuilt(reason);
                let definition = collection.clone();
                found.push(Inconsistency::new(
                    "query_collections",
                    shown,
                    reason,
                    definition,
                ));
                continue;
            }
            let queries = collection
                .pointer("/definition/queries")
                .and_then(Json::as_array);
            let mut normalised = Vec::new();
            for query in queries.into_iter().flatten() {
                match parse(&text(query, "query"), Limits::default()) {
                    Ok(document) => normalised.push(normalise(&document)),
                    Err(error) => {
                        let shown =
                            format!("query {} in query collection {name}", text(query, "name"));
                        let reason =
                            Reason::from(format!("not a valid graphql query: {}", error.message));
                        let one =
                            Inconsistency::new("query_collections", shown, reason, query.clone());
                        found.push(one);
                    }
                }
            }
            collections.insert(name, normalised);
        }
        Self(collections)
    }
}

/// Which operations are allowed, for everybody and by role.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    global: HashSet<String>,
    per_role: HashMap<RoleName, HashSet<String>>,
}

impl AllowList {
    fn parse(section: Option<&Json>, collections: &Collections) -> Result<Self, String> {
        let mut list = Self::default();
        let entries = match section {
            None => return Ok(list),
            Some(section) => section
                .as_array()
                .ok_or("expecting a list of collections")?,
        };
        for entry in entries {
            let entry = AllowListEntry::parse(entry)?;
            let queries = collections.0.get(&entry.collection).into_iter().flatten();
            match entry.roles {
                None => list.global.extend(queries.cloned()),
                Some(roles) => {
                    for role in roles {
                        let own = list.per_role.entry(role).or_default();
                        own.extend(queries.clone().cloned());
                    }
                }
            }
        }
        Ok(list)
    }

    /// Whether the document is in a collection for everybody or for this role. Only what is written
    /// counts: not blanks and comments, and not `__typename`.
    pub fn allows(&self, role: &RoleName, document: &Document) -> bool {
        let query = normalise(document);
        self.global.contains(&query)
            || self
                .per_role
                .get(role)
                .is_some_and(|own| own.contains(&query))
    }
}

/// An entry of the allow list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowListEntry {
    /// The collection's name.
    collection: String,
    /// For whom; `None` for everybody.
    roles: Option<Vec<RoleName>>,
}

impl AllowListEntry {
    /// Reads `{"collection": …, "scope"?: {"global": true} | {"global": false, "roles": […]}}`.
    fn parse(json: &Json) -> Result<Self, String> {
        let object = known_keys(json, "allowlist", &["collection", "scope"])?;
        let collection = object.get("collection").and_then(Json::as_str);
        let collection = collection.ok_or("key \"collection\" not found")?.to_owned();
        let roles = match object.get("scope").filter(|scope| !scope.is_null()) {
            None => None,
            Some(scope) => {
                let scope = known_keys(scope, "scope", &["global", "roles"])?;
                match (
                    scope.get("global").and_then(Json::as_bool),
                    scope.get("roles"),
                ) {
                    (Some(true), None) => None,
                    (Some(true), Some(_)) => {
                        return Err("roles are for global: false only".to_owned());
                    }
                    (Some(false), Some(roles)) => match role_list(roles)? {
                        roles if roles.is_empty() => return Err("roles are empty".to_owned()),
                        roles => Some(roles),
                    },
                    (Some(false), None) => return Err("key \"roles\" not found".to_owned()),
                    (None, _) => return Err("key \"global\" not found".to_owned()),
                }
            }
        };
        Ok(Self { collection, roles })
    }
}

fn normalise(document: &Document) -> String {
    let mut document = document.clone();
    for operation in &mut document.operations {
        without_type_names(&mut operation.selection_set);
    }
    for fragment in &mut document.fragments {
        without_type_names(&mut fragment.selection_set);
    }
    print(&document)
}

fn without_type_names(selections: &mut Vec<Selection>) {
    selections.retain(|selection| {
        !matches!(selection, Selection::Field(field) if field.name.as_str() == "__typename")
    });
    for selection in selections {
        match selection {
            Selection::Field(field) => without_type_names(&mut field.selection_set),
            Selection::InlineFragment(fragment) => without_type_names(&mut fragment.selection_set),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// How much an operation may be. Absent limits do not limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApiLimits {
    /// Most fields with a selection set inside of each other.
    pub depth: Option<Limit<u64>>,
    /// Most fields with a selection set.
    pub nodes: Option<Limit<u64>>,
    /// Most seconds an operation may take.
    pub time_s: Option<Limit<f64>>,
    /// Most operations in one request.
    pub batch: Option<Limit<u64>>,
    /// Most operations in a minute.
    pub rate: Option<Limit<RateLimit>>,
}

/// A limit for everybody, and other ones for some roles.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit<T> {
    global: T,
    per_role: HashMap<RoleName, T>,
}

impl<T> Limit<T> {
    /// A role's.
    pub fn of(&self, role: &RoleName) -> &T {
        self.per_role.get(role).unwrap_or(&self.global)
    }
}

/// Most operations in a minute, and who shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Of those who are the same.
    pub operations_per_minute: u64,
    /// By what they are told apart, beside the role.
    pub told_apart_by: ToldApartBy,
}

/// By what callers of a role are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToldApartBy {
    /// Nothing.
    Role,
    /// Their address.
    Ip,
    /// The values of these variables.
    Variables(Vec<SessionVariableName>),
}

impl ApiLimits {
    /// Reads the section. The error says what is wrong.
    pub fn parse(json: &Json) -> Result<Self, String> {
        let keys = [
            "disabled",
            "depth_limit",
            "node_limit",
            "time_limit",
            "batch_limit",
            "rate_limit",
        ];
        let object = known_keys(json, "api_limits", &keys)?;
        if let Some(reason) = support::misfit(&support::API_LIMITS, object, &[]) {
            return Err(format!("api_limits: {reason}"));
        }
        let limits = Self {
            depth: limit(object, "depth_limit", count)?,
            nodes: limit(object, "node_limit", count)?,
            time_s: limit(object, "time_limit", seconds)?,
            batch: limit(object, "batch_limit", count)?,
            rate: limit(object, "rate_limit", rate)?,
        };
        match object.get("disabled") {
            None | Some(Json::Null | Json::Bool(false)) => Ok(limits),
            Some(Json::Bool(true)) => Ok(Self::default()),
            Some(_) => Err("disabled: expecting a boolean".to_owned()),
        }
    }
}

fn limit<T>(
    object: &JsonObject,
    key: &str,
    read: fn(&Json) -> Option<T>,
) -> Result<Option<Limit<T>>, String> {
    let Some(json) = object.get(key).filter(|json| !json.is_null()) else {
        return Ok(None);
    };
    let wrong = |place: &str| format!("{key}.{place}: not a limit of this kind");
    let json = known_keys(json, key, &["global", "per_role"])?;
    let global = json
        .get("global")
        .ok_or_else(|| format!("{key}: key \"global\" not found"))?;
    let global = read(global).ok_or_else(|| wrong("global"))?;
    let mut per_role = HashMap::new();
    if let Some(roles) = json.get("per_role").filter(|roles| !roles.is_null()) {
        for (role, value) in roles.as_object().ok_or_else(|| wrong("per_role"))? {
            let value = read(value).ok_or_else(|| wrong(role))?;
            per_role.insert(RoleName::new(role.as_str()), value);
        }
    }
    Ok(Some(Limit { global, per_role }))
}

fn count(json: &Json) -> Option<u64> {
    json.as_u64()
}

fn seconds(json: &Json) -> Option<f64> {
    json.as_f64()
        .filter(|seconds| (0.0..=1e9).contains(seconds))
}

fn rate(json: &Json) -> Option<RateLimit> {
    let object = known_keys(json, "rate", &["max_reqs_per_min", "unique_params"]).ok()?;
    let told_apart_by = match object.get("unique_params") {
        None | Some(Json::Null) => ToldApartBy::Role,
        Some(Json::String(word)) if word.eq_ignore_ascii_case("ip") => ToldApartBy::Ip,
        Some(Json::Array(names)) => {
            let names = names
                .iter()
                .map(|name| SessionVariableName::parse(name.as_str()?));
            ToldApartBy::Variables(names.collect::<Option<_>>()?)
        }
        Some(_) => return None,
    };
    Some(RateLimit {
        operations_per_minute: object.get("max_reqs_per_min")?.as_u64()?,
        told_apart_by,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use serde_json::json;

    use super::*;

    fn guards(sections: Json) -> (Guards, Vec<String>) {
        let Json::Object(sections) = sections else {
            unreachable!()
        };
        let metadata = Metadata {
            sections,
            ..Metadata::default()
        };
        let mut found = Vec::new();
        let guards = Guards::of_document(&metadata, &mut found);
        (guards, found.into_iter().map(|one| one.reason).collect())
    }

    #[test]
    fn the_allow_list_compares_what_is_written() {
        let (guards, found) = guards(json!({
            "query_collections": [
                { "name": "all", "definition": { "queries": [
                    { "name": "a", "query": "query Q($x: Int = 1) { a(x: $x) { b __typename } } # comment" },
                    { "name": "f", "query": "{ ...F } fragment F on query_root { c }" },
                    { "name": "bad", "query": "query {" },
                ] } },
                { "name": "some", "definition": { "queries": [{ "name": "d", "query": "{ d }" }] } },
            ],
            "allowlist": [
                { "collection": "all" },
                { "collection": "some", "scope": { "global": false, "roles": ["editor"] } },
                { "collection": "not there" },
            ],
        }));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("not a valid graphql query"),
            "{}",
            found[0]
        );
        let allows = |role: &str, text: &str| {
            let document = parse(text, Limits::default()).unwrap();
            guards.allow_list.allows(&RoleName::new(role), &document)
        };
        for text in [
            "query Q($x:Int=1){a(x:$x){b}}",
            "query Q($x: Int = 1) { __typename a(x: $x) { __typename, b } }",
            "{ ...F __typename } fragment F on query_root { c __typename }",
        ] {
            assert!(allows("user", text), "{text}");
        }
        for text in [
            "query R($x: Int = 1) { a(x: $x) { b } }",
            "query Q($x: Int = 2) { a(x: $x) { b } }",
            "query Q($x: Int = 1) { a(x: $x) { b c } }",
            "query Q($x: Int = 1) { alias: a(x: $x) { b } }",
            "query Q($x: Int = 1) { a(x: $x) { b @skip(if: true) } }",
            "{ c }",
            "{ d }",
        ] {
            assert!(!allows("user", text), "{text}");
        }
        assert!(allows("editor", "{ d }"));
    }

    #[test]
    fn limits_are_a_roles_or_everybodys() {
        let (guards, found) = guards(json!({ "api_limits": {
            "depth_limit": { "global": 5, "per_role": { "user": 7 } },
            "time_limit": { "global": 1.5 },
            "rate_limit": {
                "global": { "max_reqs_per_min": 10, "unique_params": "IP" },
                "per_role": { "user": { "max_reqs_per_min": 2, "unique_params": ["X-Hasura-User-Id"] } },
            },
        } }));
        assert!(found.is_empty(), "{found:?}");
        let depth = guards.limits.depth.as_ref().unwrap();
        assert_eq!(
            (
                depth.of(&RoleName::new("user")),
                depth.of(&RoleName::new("x"))
            ),
            (&7, &5)
        );
        let rate = guards
            .limits
            .rate
            .as_ref()
            .unwrap()
            .of(&RoleName::new("user"));
        assert!(
            matches!(&rate.told_apart_by, ToldApartBy::Variables(names) if names[0].as_str() == "x-hasura-user-id")
        );
        assert!(guards.limits.nodes.is_none() && guards.limits.batch.is_none());
        let off = json!({ "disabled": true, "depth_limit": { "global": 5 } });
        assert_eq!(ApiLimits::parse(&off), Ok(ApiLimits::default()));
    }

    #[test]
    fn what_cannot_be_read_shuts_everybody_out() {
        for (section, value) in [
            ("api_limits", json!({ "depth_limit": 5 })),
            ("api_limits", json!({ "depth_limit": { "global": -1 } })),
            ("api_limits", json!({ "depht_limit": { "global": 1 } })),
            (
                "api_limits",
                json!({ "rate_limit": { "global": { "max_reqs_per_min": 1, "unique_params": "user" } } }),
            ),
            (
                "graphql_schema_introspection",
                json!({ "disabled_for_roles": "user" }),
            ),
            (
                "allowlist",
                json!([{ "collection": "c", "scope": { "global": false } }]),
            ),
            (
                "allowlist",
                json!([{ "collection": "c", "scope": { "global": false, "roles": [] } }]),
            ),
            ("allowlist", json!({ "collection": "c" })),
        ] {
            let (guards, found) = guards(json!({ section: value }));
            assert_eq!(guards.unreadable(), Some(section));
            assert_eq!(found.len(), 1);
        }
        let (guards, _) =
            guards(json!({ "graphql_schema_introspection": { "disabled_for_roles": ["user"] } }));
        assert!(!guards.shows_schema(&RoleName::new("user")));
        assert!(
            guards.shows_schema(&RoleName::new("editor"))
                && guards.shows_schema(&RoleName::admin())
        );
    }
}
