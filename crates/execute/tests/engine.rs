//! The whole request path on a real Postgres, without any transport: text in, JSON out.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use graphloom_execute::{Engine, GraphqlRequest, Snapshot};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect, introspect_enum_rows};
use graphloom_schema::{Settings, build};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{RoleName, Session, SessionVariableName, SourceName};
use serde_json::{Value, json};

/// A database, its metadata and an engine over both.
struct World {
    engine: Engine,
    pool: Pool,
    metadata: Metadata,
    _database: Database,
}

impl World {
    async fn new(sql: &str, tables: Value) -> Self {
        Self::with_functions(sql, tables, json!([])).await
    }

    async fn with_functions(sql: &str, tables: Value, functions: Value) -> Self {
        let database = Database::create().unwrap();
        database.run(sql).unwrap();
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let document = json!({"version": 3, "sources": [{
            "name": "default", "kind": "postgres", "tables": tables, "functions": functions,
            "configuration": {"connection_info": {"database_url": "unused"}},
        }]});
        let metadata = Metadata::from_json(&document).unwrap();
        let world = Self {
            engine: Engine::default(),
            pool,
            metadata,
            _database: database,
        };
        world.refresh(1).await;
        world
    }

    async fn refresh(&self, generation: u64) {
        let source = SourceName::new("default");
        let mut connection = self.pool.get().await.unwrap();
        let mut catalog = introspect(&mut connection).await.unwrap();
        let tables = &self.metadata.sources[&source].tables;
        for table in tables.values().filter(|table| table.is_enum) {
            let facts = catalog.tables[&table.table].clone();
            let rows = introspect_enum_rows(&mut connection, &facts).await.unwrap();
            catalog
                .enum_rows
                .insert(table.table.clone(), rows.map(Into::into));
        }
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let schema = build(&self.metadata, &catalogs, Settings::default());
        assert!(schema.is_consistent(), "{:?}", schema.inconsistencies);
        let pools = HashMap::from([(source, self.pool.clone())]);
        self.engine.replace(Arc::new(Snapshot {
            routes: HashMap::new(),
            generation,
            schema: schema.into(),
            pools,
        }));
    }

    async fn ask(&self, session: &Session, query: &str, variables: Value) -> Value {
        let body = json!({"query": query, "variables": variables});
        let request = GraphqlRequest::from_json(body).unwrap();
        match self.engine.graphql(session, &request).await {
            Ok(executed) => serde_json::from_slice(&executed.data).unwrap(),
            Err(error) => json!({
                "code": error.code().as_str(),
                "path": error.path().to_string(),
                "message": error.message(),
            }),
        }
    }
}

fn user(id: &str) -> Session {
    let name = SessionVariableName::parse("x-hasura-user-id").unwrap();
    Session::new(
        RoleName::new("user"),
        BTreeMap::from([(name, id.to_owned())]),
    )
}

const LIBRARY: &str = "
    CREATE TABLE authors (id serial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE passport_info (
        id serial PRIMARY KEY, passport_number text NOT NULL,
        owner_id int NOT NULL UNIQUE REFERENCES authors (id));
    CREATE TABLE articles (
        id serial PRIMARY KEY, title text NOT NULL, rating numeric, tags text[], extra jsonb,
        author_id int NOT NULL REFERENCES authors (id));
    INSERT INTO authors (name) VALUES ('Ada'), ('Bob'), ('Cyd');
    INSERT INTO passport_info (passport_number, owner_id) VALUES ('P-1', 1), ('P-2', 2);
    INSERT INTO articles (title, rating, tags, extra, author_id) VALUES
        ('One', 4.50, '{a,b}', '{\"k\": {\"x\": [1, 2]}}', 1),
        ('Two', NULL, NULL, NULL, 1), ('Three', 2, '{}', '[]', 2);
";

fn library() -> Value {
    let permission = |columns: Value, filter: Value| json!([{"role": "user", "permission": {"columns": columns, "filter": filter}}]);
    json!([
        {
            "table": {"schema": "public", "name": "authors"},
            "object_relationships": [
                {"name": "passport_info", "using": {"foreign_key_constraint_on":
                    {"table": {"schema": "public", "name": "passport_info"}, "column": "owner_id"}}},
                {"name": "passport_manual", "using": {"manual_configuration": {
                    "remote_table": {"schema": "public", "name": "passport_info"},
                    "insertion_order": "after_parent", "column_mapping": {"id": "owner_id"}}}},
            ],
            "array_relationships": [{"name": "articles", "using": {"foreign_key_constraint_on":
                {"table": {"schema": "public", "name": "articles"}, "column": "author_id"}}}],
            "select_permissions": permission(json!(["id", "name"]), json!({"id": "X-Hasura-User-Id"})),
        },
        {
            "table": {"schema": "public", "name": "passport_info"},
            "object_relationships": [
                {"name": "owner", "using": {"foreign_key_constraint_on": "owner_id"}}],
        },
        {
            "table": {"schema": "public", "name": "articles"},
            "object_relationships": [
                {"name": "author", "using": {"foreign_key_constraint_on": "author_id"}}],
            "select_permissions": permission(json!(["id", "title"]), json!({})),
        },
    ])
}

#[tokio::test]
async fn one_to_one_both_ways_and_null_where_there_is_none() {
    let world = World::new(LIBRARY, library()).await;
    let admin = Session::admin();
    let query = "{ authors(order_by: {id: asc}) { name passport_info { passport_number }
        passport_manual { n: passport_number owner { name __typename } } } }";
    let expected = json!({"authors": [
        {"name": "Ada", "passport_info": {"passport_number": "P-1"},
         "passport_manual": {"n": "P-1", "owner": {"name": "Ada", "__typename": "authors"}}},
        {"name": "Bob", "passport_info": {"passport_number": "P-2"},
         "passport_manual": {"n": "P-2", "owner": {"name": "Bob", "__typename": "authors"}}},
        {"name": "Cyd", "passport_info": null, "passport_manual": null},
    ]});
    assert_eq!(world.ask(&admin, query, json!({})).await, expected);
}

#[tokio::test]
async fn the_same_document_with_other_variables_and_shapes() {
    let world = World::new(LIBRARY, library()).await;
    let admin = Session::admin();
    let query = "query ($w: articles_bool_exp = {}, $n: Int, $o: [articles_order_by!], $b: Boolean! = true) {
        articles(where: $w, limit: $n, order_by: $o) { id title @include(if: $b) } }";
    let ask = |variables| world.ask(&admin, query, variables);
    let by_id = json!([{"id": "desc"}]);
    assert_eq!(
        ask(json!({"w": {"id": {"_gt": 1}}, "o": by_id})).await,
        json!({"articles": [{"id": 3, "title": "Three"}, {"id": 2, "title": "Two"}]})
    );
    assert_eq!(
        ask(json!({"w": {"id": {"_gt": 2}}, "o": by_id})).await,
        json!({"articles": [{"id": 3, "title": "Three"}]})
    );
    assert_eq!(
        ask(json!({"w": {"id": {"_lt": 2}}, "o": by_id, "b": false})).await,
        json!({"articles": [{"id": 1}]})
    );
    assert_eq!(
        ask(json!({"w": {"author": {"name": {"_in": ["Bob"]}}}, "n": 1, "b": false})).await,
        json!({"articles": [{"id": 3}]})
    );
    assert_eq!(ask(json!({"n": 0})).await, json!({"articles": []}));
    assert_eq!(
        ask(json!({"n": -1})).await,
        json!({"code": "validation-failed", "path": "$.selectionSet.articles.args.limit",
            "message": "expected a non-negative 32-bit integer for type 'Int', but found an integer"})
    );
    assert_eq!(
        ask(json!({"w": {"id": {"_gt": null}}})).await["message"],
        json!("unexpected null value for type 'Int'")
    );
}

#[tokio::test]
async fn a_role_sees_its_rows_and_columns_only() {
    let world = World::new(LIBRARY, library()).await;
    let query = "{ authors { id name articles(order_by: {id: asc}) { title author { name } } } }";
    let expected = json!({"authors": [{"id": 2, "name": "Bob", "articles": [
        {"title": "Three", "author": {"name": "Bob"}}]}]});
    assert_eq!(world.ask(&user("2"), query, json!({})).await, expected);
    // The filter of a related table holds inside conditions too.
    let through =
        "{ articles(where: {author: {}}, order_by: {id: asc}) { title author { name } } }";
    let expected = json!({"articles": [{"title": "Three", "author": {"name": "Bob"}}]});
    assert_eq!(world.ask(&user("2"), through, json!({})).await, expected);
    for (query, field, ty) in [
        ("{ articles { rating } }", "rating", "articles"),
        ("{ passport_info { id } }", "passport_info", "query_root"),
        (
            "{ articles_aggregate { nodes { id } } }",
            "articles_aggregate",
            "query_root",
        ),
        (
            "{ authors { passport_info { id } } }",
            "passport_info",
            "authors",
        ),
    ] {
        let answer = world.ask(&user("2"), query, json!({})).await;
        assert_eq!(
            answer["message"],
            json!(format!("field '{field}' not found in type: '{ty}'"))
        );
    }
    let nobody = Session::new(RoleName::new("user"), BTreeMap::new());
    assert_eq!(
        world.ask(&nobody, "{ authors { id } }", json!({})).await,
        json!({"code": "not-found", "path": "$",
            "message": "missing session variable: \"x-hasura-user-id\""})
    );
    let stranger = Session::new(RoleName::new("stranger"), BTreeMap::new());
    let answer = world
        .ask(&stranger, "{ no_queries_available }", json!({}))
        .await;
    assert!(
        answer["no_queries_available"]
            .as_str()
            .unwrap()
            .starts_with("There are no queries")
    );
}

#[tokio::test]
async fn aggregates_json_paths_and_arrays() {
    let world = World::new(LIBRARY, library()).await;
    let admin = Session::admin();
    let query = "{ articles_aggregate(where: {id: {_lte: 3}}) {
            aggregate { count all: count(columns: [rating]) max { title } avg { rating } }
            nodes { id } }
        articles(where: {tags: {_contains: [\"a\"]}}) { tags extra(path: \"$.k.x[1]\") rating }
        articles_by_pk(id: 9) { id } }";
    let answer = world.ask(&admin, query, json!({})).await;
    assert_eq!(answer["articles_aggregate"]["aggregate"]["count"], json!(3));
    assert_eq!(answer["articles_aggregate"]["aggregate"]["all"], json!(2));
    assert_eq!(
        answer["articles_aggregate"]["aggregate"]["max"],
        json!({"title": "Two"})
    );
    assert_eq!(
        answer["articles_aggregate"]["nodes"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        answer["articles"].to_string(),
        r#"[{"tags":["a","b"],"extra":2,"rating":4.50}]"#
    );
    assert_eq!(answer["articles_by_pk"], Value::Null);
}

#[tokio::test]
async fn conditions_on_aggregates() {
    let world = World::new(LIBRARY, library()).await;
    let admin = Session::admin();
    let query = "query ($p: Int_comparison_exp!, $f: articles_bool_exp = {}) {
        authors(where: {articles_aggregate: {count: {predicate: $p, filter: $f, arguments: [title],
            distinct: true}}}, order_by: {id: asc}) { name } }";
    let ask = |variables| world.ask(&admin, query, variables);
    assert_eq!(
        ask(json!({"p": {"_gte": 1}})).await,
        json!({"authors": [{"name": "Ada"}, {"name": "Bob"}]})
    );
    assert_eq!(
        ask(json!({"p": {"_eq": 0}})).await,
        json!({"authors": [{"name": "Cyd"}]})
    );
    let rated = json!({"rating": {"_is_null": false}});
    assert_eq!(
        ask(json!({"p": {"_gt": 0, "_lt": 2}, "f": rated})).await,
        json!({"authors": [{"name": "Ada"}, {"name": "Bob"}]})
    );
    let none = "{ authors(where: {articles_aggregate: {}}) { name } }";
    let answer = world.ask(&admin, none, json!({})).await;
    assert_eq!(
        answer["message"],
        json!("exactly one predicate should be specified")
    );
    let hidden =
        "{ authors(where: {articles_aggregate: {count: {predicate: {_gt: 0}}}}) { name } }";
    let answer = world.ask(&user("1"), hidden, json!({})).await;
    let message = "field 'articles_aggregate' not found in type: 'authors_bool_exp'";
    assert_eq!(answer["message"], json!(message));
}

#[tokio::test]
async fn plans_do_not_outlive_their_schema() {
    let world = World::new(LIBRARY, library()).await;
    let admin = Session::admin();
    let query = "{ articles(where: {id: {_eq: 3}}) { rating } }";
    assert_eq!(
        world.ask(&admin, query, json!({})).await,
        json!({"articles": [{"rating": 2}]})
    );
    let rename = "ALTER TABLE articles RENAME COLUMN rating TO stars";
    world
        .pool
        .get()
        .await
        .unwrap()
        .simple(rename)
        .await
        .unwrap();
    world.refresh(2).await;
    assert_eq!(
        world.ask(&admin, query, json!({})).await["message"],
        json!("field 'rating' not found in type: 'articles'")
    );
}

#[tokio::test]
async fn introspection_is_what_clients_load() {
    let world = World::new(LIBRARY, library()).await;
    let query = "{ __schema { queryType { name } mutationType { name } types { name kind } }
        __type(name: \"authors\") { fields { name type { kind ofType { name } } } } }";
    let answer = world.ask(&user("1"), query, json!({})).await;
    assert_eq!(
        answer["__schema"]["queryType"],
        json!({"name": "query_root"})
    );
    assert_eq!(answer["__schema"]["mutationType"], Value::Null);
    let fields: Vec<_> = answer["__type"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["articles", "id", "name"]);
}

const WORKSHOP: &str = "
    CREATE TABLE moods (value text PRIMARY KEY, comment text);
    INSERT INTO moods VALUES ('glad', 'smiling'), ('sad', NULL);
    CREATE TABLE people (
        id serial PRIMARY KEY, first text NOT NULL, last text, mood text REFERENCES moods (value));
    CREATE TABLE tools (id serial PRIMARY KEY, name text NOT NULL, owner_id int);
    INSERT INTO people (first, last, mood) VALUES ('Ann', 'A', 'glad'), ('Ben', 'B', 'sad');
    INSERT INTO tools (name, owner_id) VALUES ('saw', 1), ('axe', 1), ('awl', 2);
    CREATE FUNCTION full_name(p people, sep text DEFAULT ' ') RETURNS text STABLE LANGUAGE sql
        AS $$ SELECT p.first || sep || p.last $$;
    CREATE FUNCTION initials(p people) RETURNS text STABLE LANGUAGE sql
        AS $$ SELECT left(p.first, 1) || left(p.last, 1) $$;
    CREATE FUNCTION own_tools(p people) RETURNS SETOF tools STABLE LANGUAGE sql
        AS $$ SELECT * FROM tools WHERE owner_id = p.id $$;
    CREATE FUNCTION whoami(p people, hasura_session json) RETURNS text STABLE LANGUAGE sql
        AS $$ SELECT hasura_session ->> 'x-hasura-role' $$;
    CREATE FUNCTION search_tools(term text, skip int DEFAULT 0) RETURNS SETOF tools STABLE
        LANGUAGE sql AS $$ SELECT * FROM tools WHERE name LIKE term ORDER BY id OFFSET skip $$;
    CREATE FUNCTION one_tool(wanted int) RETURNS tools STABLE LANGUAGE sql
        AS $$ SELECT * FROM tools WHERE id = wanted $$;
";

async fn workshop() -> World {
    let name = |name: &str| json!({"schema": "public", "name": name});
    let computed = |field: &str, more: Value| {
        let mut definition = json!({"function": name(field)});
        definition
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"name": field, "definition": definition})
    };
    let tables = json!([
        {"table": name("moods"), "is_enum": true},
        {
            "table": name("people"),
            "computed_fields": [
                computed("full_name", json!({})), computed("initials", json!({})),
                computed("own_tools", json!({})),
                computed("whoami", json!({"session_argument": "hasura_session"})),
            ],
            "select_permissions": [{"role": "user", "permission": {
                "columns": ["id"], "computed_fields": ["initials"],
                "filter": {"initials": {"_eq": "AA"}}}}],
        },
        {
            "table": name("tools"),
            "select_permissions": [{"role": "user", "permission": {
                "columns": ["name"], "filter": {"id": {"_lt": 3}}, "allow_aggregations": true}}],
        },
    ]);
    let functions = json!([{"function": name("search_tools")}, {"function": name("one_tool")}]);
    World::with_functions(WORKSHOP, tables, functions).await
}

#[tokio::test]
async fn enum_tables_are_types() {
    let world = workshop().await;
    let admin = Session::admin();
    let query = "query ($m: moods_enum!) { people(where: {mood: {_eq: $m}}) { first mood } }";
    assert_eq!(
        world.ask(&admin, query, json!({"m": "sad"})).await,
        json!({"people": [{"first": "Ben", "mood": "sad"}]})
    );
    let wrong = "expected one of the values ['glad', 'sad'] for type 'moods_enum', but found 'mad'";
    assert_eq!(
        world.ask(&admin, query, json!({"m": "mad"})).await["message"],
        json!(wrong)
    );
    let literal = "{ people(where: {mood: {_in: [glad]}}) { first } }";
    assert_eq!(
        world.ask(&admin, literal, json!({})).await,
        json!({"people": [{"first": "Ann"}]})
    );
    let text = "{ people(where: {mood: {_eq: \"glad\"}}) { first } }";
    assert_eq!(
        world.ask(&admin, text, json!({})).await["message"],
        json!("expected an enum value for type 'moods_enum', but found a string")
    );
}

#[tokio::test]
async fn computed_fields_in_every_place() {
    let world = workshop().await;
    let admin = Session::admin();
    let query = "{ people(order_by: {initials: desc}, where: {own_tools: {name: {_neq: \"x\"}}}) {
            full_name comma: full_name(args: {sep: \", \"}) whoami
            own_tools(order_by: {name: asc}, limit: 1) { name } }
        offset: people(order_by: {own_tools_aggregate: {count: desc}}, offset: 1) { initials full_name } }";
    let expected = json!({
        "people": [
            {"full_name": "Ben B", "comma": "Ben, B", "whoami": "admin", "own_tools": [{"name": "awl"}]},
            {"full_name": "Ann A", "comma": "Ann, A", "whoami": "admin", "own_tools": [{"name": "axe"}]},
        ],
        "offset": [{"initials": "BB", "full_name": "Ben B"}],
    });
    assert_eq!(world.ask(&admin, query, json!({})).await, expected);
    let seen = "{ people { id initials own_tools { name } } }";
    assert_eq!(
        world.ask(&user("1"), seen, json!({})).await,
        json!({"people": [{"id": 1, "initials": "AA", "own_tools": [{"name": "saw"}, {"name": "axe"}]}]})
    );
    let hidden = world
        .ask(&user("1"), "{ people { full_name } }", json!({}))
        .await;
    assert_eq!(
        hidden["message"],
        json!("field 'full_name' not found in type: 'people'")
    );
}

#[tokio::test]
async fn functions_as_root_fields() {
    let world = workshop().await;
    let admin = Session::admin();
    let query =
        "query ($t: String) { search_tools(args: {term: $t}, where: {id: {_gt: 1}}) { name }
        skip: search_tools(args: {skip: 1, term: \"%\"}) { id }
        search_tools_aggregate(args: {term: \"a%\"}) { aggregate { count } }
        one_tool(args: {wanted: 3}) { name } none: one_tool(args: {wanted: 9}) { name } }";
    let expected = json!({
        "search_tools": [{"name": "axe"}, {"name": "awl"}],
        "skip": [{"id": 2}, {"id": 3}],
        "search_tools_aggregate": {"aggregate": {"count": 2}},
        "one_tool": {"name": "awl"},
        "none": {"name": null},
    });
    // A function that returns a null row has one row of nulls in `FROM`; so it is in v2.
    assert_eq!(world.ask(&admin, query, json!({"t": "a%"})).await, expected);
    let filtered = "{ search_tools(args: {term: \"%\"}) { name } }";
    assert_eq!(
        world.ask(&user("1"), filtered, json!({})).await,
        json!({"search_tools": [{"name": "saw"}, {"name": "axe"}]})
    );
    let missing = world
        .ask(&admin, "{ search_tools(args: {}) { id } }", json!({}))
        .await;
    assert_eq!(
        missing["message"],
        json!("Non default arguments cannot be omitted")
    );
    assert_eq!(
        missing["path"],
        json!("$.selectionSet.search_tools.args.args")
    );
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

#[tokio::test]
async fn a_subscription_is_explained_as_what_it_shares_and_what_it_does_not() {
    let world = World::new(LIBRARY, library()).await;
    let query =
        "subscription ($t: String) { authors { articles(where: {title: {_eq: $t}}) { id } } }";
    let body = json!({"query": query, "variables": {"t": "One"}});
    let request = GraphqlRequest::from_json(body).unwrap();
    let explained = world.engine.explain(&user("2"), &request).await.unwrap();
    let keys: Vec<_> = explained.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["sql", "plan", "variables"]);
    assert_eq!(
        explained["variables"],
        json!({"session": {"x-hasura-user-id": "2"}, "synthetic": ["One"]})
    );
    let sql = explained["sql"].as_str().unwrap();
    assert!(
        sql.contains("unnest($1::text[]") && !sql.contains("One"),
        "{sql}"
    );
    let plan = texts(&explained["plan"]);
    assert!(plan[0].starts_with("Nested Loop Left Join"), "{plan:?}");

    let refused = world.ask(&user("2"), query, json!({"t": "One"})).await;
    assert_eq!(refused["code"], "unexpected-payload");
}

#[tokio::test]
async fn a_query_is_explained_with_the_values_of_its_user() {
    let world = World::new(LIBRARY, library()).await;
    let query =
        "query ($t: String) { __typename authors { articles(where: {title: {_eq: $t}}) { id } } }";
    let body = json!({"query": query, "variables": {"t": "it's"}});
    let request = GraphqlRequest::from_json(body).unwrap();
    let explained = world.engine.explain(&user("2"), &request).await.unwrap();
    assert_eq!(
        explained[0],
        json!({"field": "__typename", "sql": null, "plan": null})
    );
    assert_eq!(explained[1]["field"], "authors");

    let sql = explained[1]["sql"].as_str().unwrap();
    assert!(
        sql.contains("'it''s'::text") && sql.contains("'2'::int4"),
        "{sql}"
    );
    let plan = texts(&explained[1]["plan"]);
    assert!(plan[0].contains("  (cost="), "{plan:?}");
    // The values are those that the plan is for, and what is shown can be run as it stands.
    assert!(
        plan.iter().any(|line| line.contains("(id = 2)")),
        "{plan:?}"
    );
    let mut connection = world.pool.get().await.unwrap();
    connection.simple(sql).await.unwrap();

    let body = json!({"query": "mutation { delete_authors(where: {}) { affected_rows } }"});
    let request = GraphqlRequest::from_json(body).unwrap();
    let refused = world.engine.explain(&Session::admin(), &request).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code().as_str(), "invalid-params");
    assert_eq!(refused.message(), "only queries can be explained");
}

/// Who wrote, as triggers can tell, and whether a transaction was begun for it.
const WATCHED: &str = "
    CREATE TABLE quiet (id serial PRIMARY KEY, n int NOT NULL DEFAULT 0, at timestamptz DEFAULT now());
    CREATE TABLE watched (id serial PRIMARY KEY, n int NOT NULL DEFAULT 0, who text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.who := current_setting('hasura.user', true)::json->>'x-hasura-role'; RETURN NEW; END $$;
    CREATE TRIGGER note BEFORE INSERT OR UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION note();
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$;
";

#[tokio::test(flavor = "multi_thread")]
async fn a_single_write_needs_a_transaction_only_where_somebody_could_tell() {
    let table = |name: &str| json!({"table": {"schema": "public", "name": name}});
    let world = World::new(WATCHED, json!([table("quiet"), table("watched")])).await;
    let admin = Session::admin();
    // The session reads only unless a transaction says otherwise: a statement of its own fails, and is run in one.
    for (mutation, expected) in [
        (
            "mutation { insert_quiet_one(object: {}) { id n } }",
            json!({"insert_quiet_one": {"id": 1, "n": 0}}),
        ),
        (
            "mutation { update_quiet(where: {}, _inc: {n: 1}) { affected_rows returning { n } } }",
            json!({"update_quiet": {"affected_rows": 1, "returning": [{"n": 1}]}}),
        ),
        (
            "mutation { insert_watched_one(object: {}) { who } }",
            json!({"insert_watched_one": {"who": "admin"}}),
        ),
    ] {
        assert_eq!(world.ask(&admin, mutation, json!({})).await, expected);
    }
}
