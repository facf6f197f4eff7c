//! Rows that belong to each other: a statement per table where nobody can tell the difference, row by row where
//! somebody could.

use graphloom_vocab::Session;
use serde_json::{Value, json};

use super::world::{World, array, object, table, user};

const LIBRARY: &str = "
    CREATE TABLE author (id serial PRIMARY KEY, name text UNIQUE, owner text, born int DEFAULT 1900);
    CREATE TABLE article (
        id serial PRIMARY KEY, title text NOT NULL, rank int DEFAULT 7, author_id int REFERENCES author (id),
        reviewer_id int REFERENCES author (id));
";

fn library() -> Value {
    let insert = |columns: Value, check: Value| json!([{"role": "user", "permission": {"columns": columns, "check": check}}]);
    let select = json!([{"role": "user", "permission": {"columns": ["id"], "filter": {}}}]);
    json!([
        {"table": table("author"), "array_relationships": [
            array("articles", "article", "author_id"), array("reviews", "article", "reviewer_id")],
         "insert_permissions": insert(json!(["name", "owner"]), json!({"owner": "x-hasura-user-id"})),
         "select_permissions": select},
        {"table": table("article"), "object_relationships": [
            object("author", "author_id"), object("reviewer", "reviewer_id")],
         "insert_permissions": insert(json!(["title"]), json!({"author": {"owner": "x-hasura-user-id"}})),
         "select_permissions": select},
    ])
}

const INSERT: &str = "mutation ($rows: [author_insert_input!]!) {
    insert_author(objects: $rows) { affected_rows returning { id articles(order_by: {id: asc}) { id } } } }";

fn authors(count: usize, articles: usize) -> Value {
    let articles: Vec<_> = (0..articles)
        .map(|n| json!({"title": n.to_string()}))
        .collect();
    let author =
        |n: usize| json!({"name": n.to_string(), "owner": "me", "articles": {"data": &articles}});
    (0..count).map(author).collect()
}

#[tokio::test]
async fn a_thousand_authors_with_ten_articles_each_take_a_statement_per_table() {
    let world = World::new(LIBRARY, library()).await;
    for (round, session) in [Session::admin(), user("me")].iter().enumerate() {
        let mut rows = authors(1_000, 10);
        for row in rows.as_array_mut().unwrap() {
            row["name"] = json!(format!("{}-{round}", row["name"]));
        }
        let answer = world.ask(session, INSERT, json!({"rows": rows})).await;
        let answer = &answer["insert_author"];
        assert_eq!(answer["affected_rows"], 11_000);
        // Numbered as row by row would number them.
        let first = round * 1_000;
        let articles = |n: usize| (10 * n + 1..=10 * n + 10).map(|id| json!({"id": id}));
        let expected = (first..first + 1_000)
            .map(|n| json!({"id": n + 1, "articles": articles(n).collect::<Vec<_>>()}));
        assert_eq!(answer["returning"], expected.collect::<Value>());
        assert_eq!(
            world.written("author").await,
            (1_000 * (round + 1), round + 1)
        );
        assert_eq!(
            world.written("article").await,
            (10_000 * (round + 1), round + 1)
        );
    }
}

#[tokio::test]
async fn a_refused_row_is_found_row_by_row_and_nothing_stays() {
    let world = World::new(LIBRARY, library()).await;
    let mut rows = authors(3, 2);
    rows[1]["articles"]["data"][1]["title"] = Value::Null;
    let answer = world.admin(INSERT, json!({"rows": rows})).await;
    assert_eq!(
        answer,
        json!({"code": "constraint-violation",
            "path": "$.selectionSet.insert_author.args.objects[1].articles.data",
            "message": "Not-NULL violation. null value in column \"title\" of relation \"article\" \
                violates not-null constraint"})
    );
    rows = authors(3, 2);
    rows[2]["owner"] = json!("you");
    let answer = world.ask(&user("me"), INSERT, json!({"rows": rows})).await;
    assert_eq!(
        answer,
        json!({"code": "permission-error",
            "path": "$.selectionSet.insert_author.args.objects[2]",
            "message": "check constraint of an insert/update permission has failed"})
    );
    assert_eq!(world.written("author").await, (0, 0));
    assert_eq!(world.written("article").await, (0, 0));
}

#[tokio::test]
async fn rows_with_other_columns_stay_in_order() {
    let world = World::new(LIBRARY, library()).await;
    let articles = |titles: &[(&str, Option<i32>)]| {
        let one = |(title, rank): &(&str, Option<i32>)| match rank {
            Some(rank) => json!({"title": title, "rank": rank}),
            None => json!({"title": title}),
        };
        json!({"data": titles.iter().map(one).collect::<Vec<_>>()})
    };
    let rows = json!([
        {"name": "a", "articles": articles(&[("a1", None), ("a2", None), ("a3", Some(1))])},
        {"name": "b", "born": 1950, "articles": articles(&[("b1", Some(2))])},
        {"name": "c", "articles": {"data": []}},
        {"articles": articles(&[("d1", None)])},
    ]);
    let answer = world.admin(INSERT, json!({"rows": rows})).await;
    assert_eq!(answer["insert_author"]["affected_rows"], 9);
    let found = world
        .rows("SELECT id::text, name, born::text FROM author ORDER BY id")
        .await;
    assert_eq!(
        found,
        [
            ["1", "a", "1900"],
            ["2", "b", "1950"],
            ["3", "c", "1900"],
            ["4", "", "1900"]
        ]
    );
    let found = world
        .rows("SELECT id::text, title, rank::text, author_id::text FROM article ORDER BY id")
        .await;
    assert_eq!(
        found,
        [
            ["1", "a1", "7", "1"],
            ["2", "a2", "7", "1"],
            ["3", "a3", "1", "1"],
            ["4", "b1", "2", "2"],
            ["5", "d1", "7", "4"]
        ]
    );
    assert_eq!(world.written("article").await, (5, 3));
}

#[tokio::test]
async fn parents_of_nothing_but_defaults_are_one_each() {
    let world = World::new(LIBRARY, library()).await;
    let row = json!({"articles": {"data": [{"title": "t"}]}});
    let rows = json!([row, row, row]);
    let answer = world.admin(INSERT, json!({"rows": rows})).await;
    assert_eq!(answer["insert_author"]["affected_rows"], 6);
    assert_eq!(world.written("author").await, (3, 3));
    assert_eq!(world.written("article").await, (3, 3));
}

/// Two authors with two articles each, once what could tell the difference is there: row by row.
#[tokio::test]
async fn what_could_see_the_order_is_written_row_by_row() {
    let effects = [
        // A trigger on inserts.
        ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
          CREATE TRIGGER t BEFORE INSERT ON article FOR EACH ROW EXECUTE FUNCTION f()", true),
        // One on updates does not run.
        ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
          CREATE TRIGGER t BEFORE UPDATE ON article FOR EACH ROW EXECUTE FUNCTION f()", false),
        // An event trigger's only takes notes.
        ("CREATE SCHEMA hdb_catalog;
          CREATE FUNCTION hdb_catalog.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
          CREATE TRIGGER t AFTER INSERT ON article FOR EACH ROW EXECUTE FUNCTION hdb_catalog.f()", false),
        // Numbers out of one sequence.
        ("ALTER TABLE article ALTER COLUMN id SET DEFAULT nextval('author_id_seq')", true),
        ("CREATE SEQUENCE numbers; ALTER TABLE article ALTER COLUMN rank SET DEFAULT nextval('numbers')", true),
        ("ALTER TABLE article ADD made timestamptz DEFAULT now()", false),
        ("ALTER TABLE article ADD made timestamptz DEFAULT clock_timestamp()", true),
        // Checks by functions.
        ("CREATE FUNCTION f(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
          ALTER TABLE article ADD CHECK (f(rank))", true),
        ("CREATE FUNCTION f(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
          ALTER TABLE article ADD CHECK (f(rank))", false),
        ("ALTER TABLE article ADD CHECK (length(title) < 100)", false),
        ("ALTER TABLE article ENABLE ROW LEVEL SECURITY", true),
        ("CREATE RULE r AS ON DELETE TO article DO INSTEAD NOTHING", true),
    ];
    for (sql, is_row_by_row) in effects {
        let world = World::new(&format!("{LIBRARY}; {sql}"), library()).await;
        let answer = world.admin(INSERT, json!({"rows": authors(2, 2)})).await;
        assert_eq!(answer["insert_author"]["affected_rows"], 6, "{sql}");
        let expected = if is_row_by_row { (2, 2) } else { (2, 1) };
        assert_eq!(world.written("author").await, expected, "{sql}");
        let expected = if is_row_by_row { (4, 2) } else { (4, 1) };
        assert_eq!(world.written("article").await, expected, "{sql}");
    }
}

/// A foreign key that a row gives itself may point to a row that comes later: then it is refused.
#[tokio::test]
async fn later_rows_are_not_referred_to() {
    let world = World::new(LIBRARY, library()).await;
    let article = |reviewer: u32| json!({"data": [{"title": "t", "reviewer_id": reviewer}]});
    let rows = json!([{"id": 11, "articles": article(12)}, {"id": 12, "articles": article(11)}]);
    let answer = world.admin(INSERT, json!({"rows": rows})).await;
    assert_eq!(
        answer,
        json!({"code": "constraint-violation",
            "path": "$.selectionSet.insert_author.args.objects[0].articles.data",
            "message": "Foreign key violation. insert or update on table \"article\" violates foreign key \
                constraint \"article_reviewer_id_fkey\""})
    );
    let rows = json!([{"id": 11, "articles": article(11)}, {"id": 12, "articles": article(11)}]);
    let answer = world.admin(INSERT, json!({"rows": rows})).await;
    assert_eq!(answer["insert_author"]["affected_rows"], 4);
    assert_eq!(world.written("article").await, (2, 2));
}

/// A check that looks at the table that is written would see rows of other parents.
#[tokio::test]
async fn checks_that_look_elsewhere_in_the_tree_are_made_row_by_row() {
    let others = json!({"_table": table("author"), "_where": {"name": "late"}});
    let checks = [
        (json!({"_exists": others}), 0),
        (json!({"_not": {"_exists": others}}), 6),
        (json!({"reviewer": {"owner": "me"}}), 0),
    ];
    for (check, written) in checks {
        let mut tables = library();
        tables[1]["insert_permissions"][0]["permission"]["check"] = check.clone();
        let world = World::new(LIBRARY, tables).await;
        let mut rows = authors(2, 2);
        let name = if written == 0 { "late" } else { "other" };
        rows[1]["name"] = json!(name);
        let answer = world.ask(&user("me"), INSERT, json!({"rows": rows})).await;
        match written {
            0 => assert_eq!(
                answer["path"], "$.selectionSet.insert_author.args.objects[0].articles.data",
                "{check}"
            ),
            _ => assert_eq!(world.written("author").await, (2, 2), "{check}"),
        }
    }
}

const WITH_OWNER: &str = "mutation ($rows: [article_insert_input!]!) {
    insert_article(objects: $rows) { affected_rows returning { id author { id name born } } } }";

#[tokio::test]
async fn upserts_on_the_way_are_set_based_unless_rows_meet() {
    let world = World::new(LIBRARY, library()).await;
    world
        .rows("INSERT INTO author (name, born) VALUES ('n1', 1) RETURNING 'done'")
        .await;
    let article = |title: &str, name: &str| {
        let conflict = json!({"constraint": "author_name_key", "update_columns": ["owner"]});
        let data = json!({"name": name, "owner": "x"});
        json!({"title": title, "author": {"data": data, "on_conflict": conflict}})
    };
    let rows = json!([article("a", "n0"), article("b", "n1"), article("c", "n2")]);
    let answer = world.admin(WITH_OWNER, json!({"rows": rows})).await;
    assert_eq!(
        answer["insert_article"],
        json!({"affected_rows": 6, "returning": [
            {"id": 1, "author": {"id": 2, "name": "n0", "born": 1900}},
            {"id": 2, "author": {"id": 1, "name": "n1", "born": 1}},
            {"id": 3, "author": {"id": 4, "name": "n2", "born": 1900}}]})
    );
    assert_eq!(world.written("author").await, (3, 1));
    assert_eq!(world.written("article").await, (3, 1));
    // The same author twice: the second updates what the first has written.
    let rows = json!([article("d", "n5"), article("e", "n5")]);
    let answer = world.admin(WITH_OWNER, json!({"rows": rows})).await;
    assert_eq!(answer["insert_article"]["affected_rows"], 4);
    assert_eq!(world.written("article").await, (5, 3));
}

#[tokio::test]
async fn children_that_conflict_may_be_left_out() {
    let world = World::new(
        "CREATE TABLE post (id serial PRIMARY KEY, title text);
         CREATE TABLE mark (post_id int REFERENCES post (id), word text UNIQUE)",
        json!([
            {"table": table("post"), "array_relationships": [array("marks", "mark", "post_id")]},
            {"table": table("mark")},
        ]),
    )
    .await;
    let marks = |words: &[&str]| {
        let conflict = json!({"constraint": "mark_word_key", "update_columns": []});
        let data: Vec<_> = words.iter().map(|word| json!({"word": word})).collect();
        json!({"data": data, "on_conflict": conflict})
    };
    let rows = json!([
        {"title": "a", "marks": marks(&["x", "y"])}, {"title": "b", "marks": marks(&["y", "z"])}]);
    let query =
        "mutation ($rows: [post_insert_input!]!) { insert_post(objects: $rows) { affected_rows } }";
    let answer = world.admin(query, json!({"rows": rows})).await;
    assert_eq!(answer["insert_post"]["affected_rows"], 5);
    assert_eq!(world.written("mark").await, (3, 1));
    let found = world
        .rows("SELECT post_id::text, word FROM mark ORDER BY word")
        .await;
    assert_eq!(found, [["1", "x"], ["1", "y"], ["2", "z"]]);
}
