//! Writes of one statement, which is a transaction of its own: which those are, and what a check of theirs refuses.

use std::time::Duration;

use graphloom_pg::{AccessMode, Statement};
use serde_json::{Value, json};

use super::world::{World, table, user};

const SQL: &str = "
    CREATE TABLE team (id int PRIMARY KEY);
    CREATE TABLE member (id serial PRIMARY KEY, team int REFERENCES team (id), owner int, name varchar(5) UNIQUE);
    INSERT INTO team VALUES (1);
    INSERT INTO member (team, owner, name) VALUES (1, 7, 'Ada'), (1, 8, 'Bob');";

fn tables() -> Value {
    let own = json!({"owner": {"_eq": "X-Hasura-User-Id"}});
    let permission = |body: Value| json!([{"role": "user", "permission": body}]);
    json!([{"table": table("team")}, {"table": table("member"),
        "select_permissions": permission(json!({"columns": "*", "filter": {}})),
        "insert_permissions": permission(json!({"columns": "*", "check": own})),
        "update_permissions": permission(json!({"columns": "*", "filter": {}, "check": own}))}])
}

const REFUSED: &str = "check constraint of an insert/update permission has failed";

/// What Postgres runs that waits for a lock, as soon as there is such a thing.
async fn waiting(world: &World) -> String {
    let waiting = "SELECT query FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        if let [row] = world.rows(waiting).await.as_slice() {
            return row[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The statement that a mutation of the role runs on a row that somebody else holds on to, and its answer.
async fn held_up(world: &World, query: &str) -> (String, Value) {
    let mut holder = world.pool().begin(AccessMode::ReadWrite).await.unwrap();
    let lock = Statement::new("SELECT FROM member FOR UPDATE");
    holder.execute(&lock, &[]).await.unwrap();
    let session = user("7");
    let asked = world.ask(&session, query, json!({}));
    let free = async {
        let statement = waiting(world).await;
        holder.rollback().await.unwrap();
        statement
    };
    let (answer, statement) = tokio::join!(asked, free);
    (statement, answer)
}

#[tokio::test]
async fn a_checked_write_is_one_statement_that_refuses_by_itself() {
    let world = World::new(SQL, tables()).await;
    for (query, refuses) in [
        (
            "mutation { update_member_by_pk(pk_columns: {id: 1}, _set: {owner: 7}) { id } }",
            true,
        ),
        (
            "mutation { update_member(where: {id: {_eq: 1}}, _set: {owner: 7}) { affected_rows } }",
            true,
        ),
        (
            "mutation { insert_member(objects: [{name: \"Ada\", owner: 7}], on_conflict:
                {constraint: member_name_key, update_columns: [owner]}) { affected_rows returning { id } } }",
            true,
        ),
        // Two of them stand or fall together.
        (
            "mutation { update_member_by_pk(pk_columns: {id: 1}, _set: {owner: 7}) { id }
                b: update_member_by_pk(pk_columns: {id: 1}, _set: {owner: 7}) { id } }",
            false,
        ),
    ] {
        let (statement, answer) = held_up(&world, query).await;
        assert_eq!(statement.contains("concat("), refuses, "{statement}");
        assert!(answer["message"].is_null(), "{answer}");
    }
}

#[tokio::test]
async fn what_a_check_refuses_is_not_there() {
    let world = World::new(SQL, tables()).await;
    let one = "mutation ($team: Int, $owner: Int, $name: String) {
        insert_member_one(object: {team: $team, owner: $owner, name: $name}) { team owner name } }";
    let ask = async |values: Value| world.ask(&user("7"), one, values).await;
    let path = "$.selectionSet.insert_member_one.args.object";
    let refused =
        |code: &str, message: &str| json!({"code": code, "path": path, "message": message});

    let values = json!({"team": 1, "owner": 7, "name": "Eve"});
    assert_eq!(
        ask(values.clone()).await,
        json!({"insert_member_one": values})
    );
    let others = ask(json!({"team": 1, "owner": 8, "name": "Joe"})).await;
    assert_eq!(others, refused("permission-error", REFUSED));
    let nobodys = ask(json!({"team": 1, "owner": null, "name": "Joe"})).await;
    assert_eq!(nobodys, refused("permission-error", REFUSED));
    // What else is wrong comes first, as in v2.
    let nowhere = ask(json!({"team": 2, "owner": 8, "name": "Joe"})).await;
    let message = "Foreign key violation. insert or update on table \"member\" violates foreign key \
         constraint \"member_team_fkey\"";
    assert_eq!(nowhere, refused("constraint-violation", message));
    let twice = ask(json!({"team": 1, "owner": 8, "name": "Ada"})).await;
    let message =
        "Uniqueness violation. duplicate key value violates unique constraint \"member_name_key\"";
    assert_eq!(twice, refused("constraint-violation", message));
    // A cast would cut it off.
    let long = ask(json!({"team": 1, "owner": 7, "name": "Eleonore"})).await;
    assert_eq!(
        long["message"],
        "value too long for type character varying(5)"
    );

    let all =
        "mutation { update_member(where: {}, _set: {team: 1}) { affected_rows returning { id } } }";
    let refused = world.ask(&user("7"), all, json!({})).await;
    assert_eq!(refused["code"], "permission-error", "{refused}");
    let left = world
        .rows("SELECT string_agg(name || owner, ' ' ORDER BY name) FROM member")
        .await;
    assert_eq!(left, [["Ada7 Bob8 Eve7"]]);
}

#[tokio::test]
async fn a_function_of_a_users_sees_who_writes() {
    let sql = "CREATE TABLE note (id int PRIMARY KEY, owner text); INSERT INTO note VALUES (1, '7'), (2, '8');
        CREATE FUNCTION mine(n note) RETURNS boolean LANGUAGE sql STABLE AS
            $$ SELECT n.owner = current_setting('hasura.user')::json ->> 'x-hasura-user-id' $$";
    let permission = |body: Value| json!([{"role": "user", "permission": body}]);
    let tables = json!([{"table": table("note"),
        "computed_fields": [{"name": "mine", "definition": {"function": {"schema": "public", "name": "mine"}}}],
        "select_permissions": permission(json!({"columns": "*", "filter": {}})),
        "update_permissions": permission(json!({"columns": "*", "filter": {"mine": {"_eq": true}}}))}]);
    let world = World::new(sql, tables).await;
    let query = "mutation { update_note(where: {}, _set: {owner: \"9\"}) { returning { id } } }";
    let answer = world.ask(&user("7"), query, json!({})).await;
    assert_eq!(answer, json!({"update_note": {"returning": [{"id": 1}]}}));
}

const TREE: &str = "
    CREATE TABLE parent (id int PRIMARY KEY, owner int);
    INSERT INTO parent VALUES (1, 7), (2, 8), (3, 7), (4, 7);
    CREATE TABLE child (id int PRIMARY KEY, parent int, note text);
    INSERT INTO child VALUES (10, 1, 'a');
    CREATE TABLE grandchild (id int PRIMARY KEY, child int REFERENCES child (id));";

fn tree() -> Value {
    let own = json!({"owner": {"_eq": "X-Hasura-User-Id"}});
    let permission = |body: Value| json!([{"role": "user", "permission": body}]);
    let children = json!({"manual_configuration": {
        "remote_table": table("child"), "column_mapping": {"id": "parent"}}});
    json!([{"table": table("grandchild")}, {"table": table("child")}, {"table": table("parent"),
        "array_relationships": [{"name": "children", "using": children}],
        "select_permissions": permission(json!({"columns": "*", "filter": {}})),
        "delete_permissions": permission(json!({"filter": own}))}])
}

/// Whether a mutation has begun a transaction so far, on the one connection that all of this uses.
async fn has_begun(world: &World) -> bool {
    let marked = "SELECT count(*)::text FROM pg_prepared_statements
        WHERE statement LIKE '%hasura.' || 'tracecontext%'";
    world.rows(marked).await != [["0"]]
}

/// What is done to the tables, and whether a delete needs a transaction then.
fn deletes() -> Vec<(String, bool)> {
    let triggered = |table: &str| {
        format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM current_setting('hasura.user')::json; RETURN OLD; END $$;
            CREATE TRIGGER t BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION f()"
        )
    };
    let key =
        |and: &str| format!("ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES parent {and}");
    let deleting = |and: &str| key(&format!("ON DELETE CASCADE; {and}"));
    vec![
        (String::new(), false),
        (key(""), false),
        (key("ON DELETE RESTRICT"), false),
        (key("ON DELETE CASCADE ON UPDATE CASCADE"), false),
        (key("ON DELETE SET NULL"), false),
        (key("ON DELETE SET DEFAULT"), true),
        (key("DEFERRABLE"), true),
        (triggered("parent"), true),
        (triggered("child"), false),
        (deleting(&triggered("child")), true),
        (
            deleting("ALTER TABLE child ENABLE ROW LEVEL SECURITY"),
            true,
        ),
        (
            deleting("CREATE RULE r AS ON UPDATE TO child DO ALSO NOTHING"),
            true,
        ),
        (deleting("CREATE TABLE heir () INHERITS (child)"), true),
        (deleting("ALTER TABLE child ADD CHECK (parent > 0)"), false),
        (
            key("ON DELETE SET NULL; ALTER TABLE child ADD CHECK (parent > 0)"),
            true,
        ),
        (
            deleting(
                "ALTER TABLE grandchild ADD FOREIGN KEY (child) REFERENCES child ON DELETE CASCADE",
            ),
            true,
        ),
        (
            "ALTER TABLE parent ENABLE ROW LEVEL SECURITY".to_owned(),
            true,
        ),
        ("CREATE TABLE heir () INHERITS (parent)".to_owned(), true),
    ]
}

#[tokio::test]
async fn a_delete_whose_keys_nobody_could_see_at_work_is_one_statement() {
    for (sql, begins) in deletes() {
        let world = World::new(&format!("{TREE}; {sql}"), tree()).await;
        let one = "mutation { delete_parent_by_pk(id: 4) { id owner } }";
        let answer = world.ask(&user("7"), one, json!({})).await;
        let expected = json!({"delete_parent_by_pk": {"id": 4, "owner": 7}});
        assert_eq!(answer, expected, "{sql}");
        assert_eq!(has_begun(&world).await, begins, "{sql}");
    }
}

#[tokio::test]
async fn a_delete_of_one_statement_keeps_to_its_permission_and_to_keys() {
    let sql = format!("{TREE} ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES parent;");
    let world = World::new(&sql, tree()).await;
    let ask = async |query: &str| world.ask(&user("7"), query, json!({})).await;
    let anothers = ask("mutation { delete_parent_by_pk(id: 2) { id } }").await;
    assert_eq!(anothers, json!({"delete_parent_by_pk": null}));
    let used = ask("mutation { delete_parent_by_pk(id: 1) { id } }").await;
    let message = "Foreign key violation. update or delete on table \"parent\" violates foreign key \
        constraint \"child_parent_fkey\" on table \"child\"";
    let expected = json!({"code": "constraint-violation", "path": "$", "message": message});
    assert_eq!(used, expected);
    let some = "mutation { delete_parent(where: {id: {_gt: 1}}) { __typename affected_rows } }";
    let expected = json!({"__typename": "parent_mutation_response", "affected_rows": 2});
    assert_eq!(ask(some).await, json!({"delete_parent": expected}));
    assert!(!has_begun(&world).await);
    let left = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM parent";
    assert_eq!(world.rows(left).await, [["1 2"]]);

    // What is related is read when the rows are gone.
    let query = "mutation { delete_parent(where: {id: {_gt: 1}}) {
        affected_rows returning { id children { id } } } }";
    let answer = world.admin(query, json!({})).await;
    let expected = json!({"affected_rows": 1, "returning": [{"id": 2, "children": []}]});
    assert_eq!(answer, json!({"delete_parent": expected}));
    assert!(has_begun(&world).await);
}

#[tokio::test]
async fn rows_are_counted_without_being_told() {
    let world = World::new(SQL, tables()).await;
    let query = "mutation {
        insert_team(objects: [{id: 1}, {id: 2}, {id: 3}],
            on_conflict: {constraint: team_pkey, update_columns: []}) { affected_rows }
        update_member(where: {owner: {_gt: 7}}, _set: {owner: 9}) { n: affected_rows }
        none: update_member(where: {owner: {_gt: 9}}, _set: {owner: 9}) { __typename affected_rows }
        delete_member(where: {}) { affected_rows } }";
    let answer = world.admin(query, json!({})).await;
    let none = json!({"__typename": "member_mutation_response", "affected_rows": 0});
    assert_eq!(
        answer,
        json!({"insert_team": {"affected_rows": 2}, "update_member": {"n": 1}, "none": none,
            "delete_member": {"affected_rows": 2}})
    );
    assert_eq!(
        world.rows("SELECT owner FROM member").await,
        Vec::<Vec<String>>::new()
    );
}

/// A view, or a policy, looks at whatever it likes: what a condition finds there may depend on who writes.
#[tokio::test]
async fn a_view_that_a_condition_asks_sees_who_writes() {
    let sql = "CREATE TABLE doc (id int PRIMARY KEY, owner text, n int);
        INSERT INTO doc VALUES (1, '7', 0), (2, '8', 0), (3, '7', 0);
        CREATE VIEW mine AS SELECT id FROM doc
            WHERE owner = current_setting('hasura.user')::json ->> 'x-hasura-user-id'";
    let permission = |body: Value| json!([{"role": "user", "permission": body}]);
    let mine = json!({"mine": {"id": {"_is_null": false}}});
    let any = json!({"_exists": {"_table": {"schema": "public", "name": "mine"}, "_where": {"id": {"_eq": 1}}}});
    let tables = json!([
        {"table": table("mine")},
        {"table": table("doc"),
        "object_relationships": [{"name": "mine", "using": {"manual_configuration":
            {"remote_table": {"schema": "public", "name": "mine"}, "column_mapping": {"id": "id"}}}}],
        "select_permissions": permission(json!({"columns": "*", "filter": {}})),
        "update_permissions": permission(json!({"columns": ["n"], "filter": mine, "check": any})),
        "delete_permissions": permission(json!({"filter": mine}))}]);
    let world = World::new(sql, tables).await;
    for (user_id, query, expected) in [
        (
            "7",
            "mutation { update_doc(where: {}, _set: {n: 1}) { affected_rows } }",
            json!({"update_doc": {"affected_rows": 2}}),
        ),
        (
            "8",
            "mutation { delete_doc(where: {}) { affected_rows } }",
            json!({"delete_doc": {"affected_rows": 1}}),
        ),
        (
            "7",
            "mutation { delete_doc_by_pk(id: 3) { id } }",
            json!({"delete_doc_by_pk": {"id": 3}}),
        ),
    ] {
        let answer = world.ask(&user(user_id), query, json!({})).await;
        assert_eq!(answer, expected, "{query}");
    }
}

/// What it does instead is not counted, so that the answer would be wrong: Postgres says so where rows are asked for.
#[tokio::test]
async fn a_rule_that_does_something_else_is_refused() {
    let sql = "CREATE TABLE doc (id int PRIMARY KEY, gone bool); INSERT INTO doc VALUES (1, false);
        CREATE RULE keep AS ON DELETE TO doc DO INSTEAD UPDATE doc SET gone = true WHERE id = old.id";
    let permission = json!([{"role": "user", "permission": {"filter": {}}}]);
    let tables = json!([{"table": table("doc"), "delete_permissions": permission,
        "select_permissions": [{"role": "user", "permission": {"columns": "*", "filter": {}}}]}]);
    let world = World::new(sql, tables).await;
    let delete = "mutation { delete_doc(where: {}) { affected_rows } }";
    let answer = world.ask(&user("7"), delete, json!({})).await;
    assert_eq!(answer["message"], "database query error", "{answer}");
    assert_eq!(world.rows("SELECT gone::text FROM doc").await, [["false"]]);
}
