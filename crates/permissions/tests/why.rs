//! Why a row is refused: every kind of reason and of leaf, on a real database.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_execute::EngineOptions;
use graphloom_metadata::Metadata;
use graphloom_permissions::{Action, Judgement, Question, World, why};
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect};
use graphloom_schema::{Settings, build};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{BackendOnly, ColumnName, Json, JsonObject, QualifiedTable, SourceName};
use serde_json::json;

const TABLES: &str = "
    CREATE TABLE team (id int PRIMARY KEY, name text NOT NULL, is_open boolean);
    CREATE TABLE member (team_id int REFERENCES team, name text, level int, PRIMARY KEY (team_id, name));
    CREATE TABLE task (
        id int PRIMARY KEY, team_id int REFERENCES team, title text NOT NULL, state text, owner text, tags jsonb
    );
    CREATE TABLE flag (name text PRIMARY KEY, is_set boolean NOT NULL);
    INSERT INTO team VALUES (1, 'red', true), (2, 'blue', false), (3, 'none', NULL);
    INSERT INTO member VALUES (1, 'ann', 1), (1, 'bob', 5), (2, 'eve', 9);
    INSERT INTO task VALUES
        (1, 1, 'one', 'new', 'ann', '{\"a\": 1}'), (2, 2, 'two', NULL, 'eve', NULL), (3, NULL, 'three', 'done', NULL, NULL);
    INSERT INTO flag VALUES ('read', true);
";

struct Asked {
    world: World,
    _database: Database,
}

impl Asked {
    /// Where the role `user` has these permissions on tasks.
    async fn new(permissions: Json) -> Self {
        let database = Database::create().unwrap();
        database.run(TABLES).unwrap();
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let mut task = json!({
            "table": "task",
            "object_relationships": [{"name": "team", "using": {"foreign_key_constraint_on": "team_id"}}],
        });
        let permissions = permissions.as_object().unwrap().clone();
        task.as_object_mut().unwrap().extend(permissions);
        let members = json!({"name": "members", "using": {"foreign_key_constraint_on":
            {"table": "member", "column": "team_id"}}});
        let document = json!({
            "version": 3,
            "inherited_roles": [{"role_name": "both", "role_set": ["user", "other"]}],
            "sources": [{
                "name": "default", "kind": "postgres",
                "configuration": {"connection_info": {"database_url": "unused"}},
                "tables": [
                    task, {"table": "team", "array_relationships": [members]}, {"table": "member"}, {"table": "flag"},
                ],
            }],
        });
        let metadata = Metadata::from_json(&document).unwrap();
        let source = SourceName::new("default");
        let catalog = introspect(&mut pool.get().await.unwrap()).await.unwrap();
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let schema = build(&metadata, &catalogs, Settings::default());
        Self {
            world: World {
                metadata: Arc::new(metadata),
                schema: Arc::new(schema),
                pools: HashMap::from([(source, pool)]),
                options: EngineOptions::default(),
            },
            _database: database,
        }
    }

    /// Where the role may read tasks that a rule lets through.
    async fn reading(filter: Json) -> Self {
        Self::new(json!({"select_permissions": [select("user", filter)]})).await
    }

    async fn why(&self, role: &str, action: Action, row: Json, is_new: bool) -> Json {
        let variables = json!({"x-hasura-user": "ann", "x-hasura-level": 3});
        self.ask(role, variables, (action, row, is_new)).await
    }

    async fn ask(
        &self,
        role: &str,
        variables: Json,
        (action, row, is_new): (Action, Json, bool),
    ) -> Json {
        let variables = object(variables);
        let question = Question {
            session: Question::session(role, &variables, BackendOnly::Hidden).unwrap(),
            source: SourceName::new("default"),
            table: QualifiedTable::new("public", "task"),
            action,
            row: object(row),
            is_new,
        };
        why(&self.world, &question).await.unwrap().to_json()
    }

    /// The path and the words of the refusal of a task that is there.
    async fn refusal(&self, id: i32) -> (String, String) {
        let read = Action::Select(Vec::new());
        let found = self.why("user", read, json!({"id": id}), false).await;
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        (text("path"), text("message"))
    }
}

fn object(json: Json) -> JsonObject {
    json.as_object().unwrap().clone()
}

fn select(role: &str, filter: Json) -> Json {
    json!({"role": role, "permission": {"columns": ["id", "title"], "filter": filter}})
}

fn said(path: &str, message: &str) -> (String, String) {
    (path.to_owned(), message.to_owned())
}

const ALLOWED: (&str, &str) = ("", "");

#[tokio::test]
async fn the_first_leaf_that_refuses() {
    let rule = json!({"_and": [
        {"id": {"_gt": 0}},
        {"owner": {"_eq": "X-Hasura-User"}, "state": {"_in": ["new", "done"]}},
    ]});
    let asked = Asked::reading(rule).await;
    assert_eq!(asked.refusal(1).await, said(ALLOWED.0, ALLOWED.1));
    assert_eq!(
        asked.refusal(2).await,
        said(
            "$._and[1].owner._eq",
            "owner is \"eve\", and the rule wants it to be _eq x-hasura-user, which is \"ann\""
        )
    );
    let read = Action::Select(Vec::new());
    let found = asked.why("user", read, json!({"id": 2}), false).await;
    assert_eq!(
        found["session_variable"],
        json!({"name": "x-hasura-user", "value": "ann"})
    );
    assert_eq!(found["value"], "eve");
    // Null is not true: it lets nothing through, and is not the opposite either.
    let (path, words) = asked.refusal(3).await;
    assert_eq!(path, "$._and[1].owner._eq");
    assert!(words.starts_with("owner is null"), "{words}");
}

#[tokio::test]
async fn alternatives_and_negations() {
    let rule = json!({"_or": [
        {"state": "done"},
        {"_not": {"tags": {"_has_key": "a"}}},
    ]});
    let asked = Asked::reading(rule).await;
    assert_eq!(asked.refusal(3).await, said(ALLOWED.0, ALLOWED.1));
    assert_eq!(
        asked.refusal(1).await,
        said(
            "$._or[0].state",
            "state is \"new\", and the rule wants it to be _eq \"done\""
        )
    );
    let asked =
        Asked::reading(json!({"_not": {"_or": [{"id": {"_eq": 9}}, {"state": {"_eq": "new"}}]}}))
            .await;
    assert_eq!(
        asked.refusal(1).await,
        said(
            "$._not._or[1].state._eq",
            "state is \"new\", and the rule wants it not to be _eq \"new\""
        )
    );
    // `NOT (false OR NULL)` is null.
    assert_eq!(asked.refusal(2).await.0, "$._not._or[1].state._eq");
    let asked = Asked::reading(json!({"_or": []})).await;
    assert_eq!(asked.refusal(1).await, said("$._or", "[] is not true"));
}

#[tokio::test]
async fn what_relationships_lead_to() {
    let asked = Asked::reading(json!({"team": {"is_open": {"_eq": true}, "members": {
        "name": {"_eq": "X-Hasura-User"}, "level": {"_gte": "X-Hasura-Level"},
    }}}))
    .await;
    assert_eq!(
        asked.refusal(2).await,
        said(
            "$.team.is_open._eq",
            "team.is_open is [false], and the rule wants it to be _eq true"
        )
    );
    assert_eq!(asked.refusal(3).await, said("$.team", "no row is related"));
    // Ann is a member and somebody is of that level, who is not Ann.
    assert_eq!(
        asked.refusal(1).await,
        said(
            "$.team.members",
            "each part of it holds for some related row, and all together for none"
        )
    );
    let asked = Asked::reading(json!({"team": {"members": {"level": {"_gt": 6}}}})).await;
    assert_eq!(
        asked.refusal(1).await,
        said(
            "$.team.members.level._gt",
            "team.members.level is [1,5], and the rule wants it to be _gt 6"
        )
    );
}

#[tokio::test]
async fn other_tables_other_columns_and_missing_variables() {
    let rule = json!({"_exists": {"_table": {"schema": "public", "name": "flag"}, "_where": {
        "_and": [{"is_set": {"_eq": true}}, {"name": {"_eq": "write"}}],
    }}});
    let asked = Asked::reading(rule).await;
    assert_eq!(
        asked.refusal(1).await.0,
        "$._exists._where._and[1].name._eq"
    );
    let asked = Asked::reading(json!({"title": {"_ceq": "owner"}})).await;
    assert_eq!(
        asked.refusal(1).await,
        said(
            "$.title._ceq",
            "title is \"one\", and the rule wants it to be _ceq \"owner\""
        )
    );
    let rule =
        json!({"_and": [{"id": {"_eq": 1}}, {"_not": {"owner": {"_eq": "x-hasura-nobody"}}}]});
    let asked = Asked::reading(rule).await;
    let found = said(
        "$._and[1]._not.owner._eq",
        "missing session variable: \"x-hasura-nobody\"",
    );
    assert_eq!(asked.refusal(1).await, found);
}

#[tokio::test]
async fn rows_that_are_made_for_the_occasion() {
    let asked = Asked::new(json!({
        "insert_permissions": [{"role": "user", "permission": {
            "columns": ["id", "title", "team_id"], "set": {"owner": "x-hasura-user"},
            "check": {"owner": {"_eq": "ann"}, "team": {"is_open": {"_eq": true}}},
        }}],
        "update_permissions": [{"role": "user", "permission": {
            "columns": ["title", "team_id"], "filter": {"owner": {"_eq": "X-Hasura-User"}},
            "check": {"team": {"is_open": {"_eq": true}}}, "set": {"state": "seen"},
        }}],
    }))
    .await;
    let row = |team: i32| json!({"id": 9, "title": "x", "team_id": team});
    let found = asked.why("user", Action::Insert, row(1), true).await;
    assert_eq!(found, json!({"allowed": true, "note": null}));
    let found = asked.why("user", Action::Insert, row(3), true).await;
    assert_eq!(
        (&found["rule"], &found["path"]),
        (&json!("check"), &json!("$.team.is_open._eq"))
    );
    assert_eq!(found["value"], json!([null]));
    let update = |set: Json| Action::Update(object(set));
    let moved = asked.why(
        "user",
        update(json!({"team_id": 2})),
        json!({"id": 1}),
        false,
    );
    let found = moved.await;
    assert_eq!(
        (&found["rule"], &found["value"]),
        (&json!("check"), &json!([false]))
    );
    let found = asked
        .why(
            "user",
            update(json!({"title": "y"})),
            json!({"id": 2}),
            false,
        )
        .await;
    assert_eq!(
        (&found["rule"], &found["path"]),
        (&json!("filter"), &json!("$.owner._eq"))
    );
    let found = asked
        .why(
            "user",
            update(json!({"title": "y"})),
            json!({"id": 1}),
            false,
        )
        .await;
    assert_eq!(found["allowed"], true);
}

#[tokio::test]
async fn reasons_before_any_rule() {
    let asked = Asked::new(json!({
        "select_permissions": [select("user", json!({"id": 1})), select("other", json!({"id": {"_in": [2, 3]}}))],
        "delete_permissions": [{"role": "user", "permission": {"filter": {}, "backend_only": true}}],
        "update_permissions": [{"role": "user", "permission": {"columns": ["nothing"], "filter": {}}}],
    }))
    .await;
    let one = || json!({"id": 1});
    for (role, action, row, reason, message) in [
        (
            "nobody",
            Action::Select(Vec::new()),
            one(),
            "no-permission",
            "the role \"nobody\" has no select permission on the table \"task\"",
        ),
        (
            "user",
            Action::Select(vec![ColumnName::new("owner")]),
            one(),
            "column",
            "the column \"owner\" is not among the columns of the select permission of the role \"user\" on the table \
             \"task\"",
        ),
        (
            "user",
            Action::Delete,
            one(),
            "backend-only",
            "the delete permission of the role \"user\" on the table \"task\" is for backends only",
        ),
        (
            "user",
            Action::Update(JsonObject::new()),
            one(),
            "inconsistent",
            "the update permission of the role \"user\" on the table \"task\" is inconsistent and so not served",
        ),
        (
            "user",
            Action::Select(Vec::new()),
            json!({"id": 77}),
            "no-row",
            "the table \"task\" has no such row",
        ),
    ] {
        let found = asked.why(role, action, row, false).await;
        assert_eq!(
            (&found["reason"], &found["message"]),
            (&json!(reason), &json!(message))
        );
    }
    let read = || Action::Select(Vec::new());
    let found = asked.why("both", read(), json!({"id": 3}), false).await;
    assert_eq!(found["allowed"], true);
    let admin = asked.why("admin", read(), json!({"id": 3}), false).await;
    assert_eq!(admin, Judgement::Allowed { note: None }.to_json());
    let asked = Asked::new(json!({
        "select_permissions": [select("user", json!({"id": 1})), select("other", json!({"id": {"_in": [3]}}))],
    }))
    .await;
    let found = asked.why("both", read(), json!({"id": 2}), false).await;
    assert_eq!(
        (&found["role"], &found["path"]),
        (&json!("user"), &json!("$.id"))
    );
}
