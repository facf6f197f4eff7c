//! What writes do beyond v2's, where the feature is on; and that off nothing of it is there.

use graphloom_vocab::Session;
use serde_json::{Value, json};

use super::world::{World, array, object, table, user};

const BLOG: &str = "
    CREATE TABLE author (id serial PRIMARY KEY, name text NOT NULL, owner text, karma int NOT NULL DEFAULT 0);
    CREATE TABLE post (
        id serial PRIMARY KEY, author_id int NOT NULL REFERENCES author (id), title text NOT NULL,
        likes int NOT NULL DEFAULT 0);
    CREATE TABLE tag (id serial PRIMARY KEY, name text UNIQUE, secret bool NOT NULL DEFAULT false);
    CREATE TABLE post_tag (
        post_id int REFERENCES post (id), tag_id int REFERENCES tag (id), PRIMARY KEY (post_id, tag_id));
    INSERT INTO author (name, owner) VALUES ('Ada', 'u1'), ('Bob', 'u2'), ('Cyd', 'u1');
    INSERT INTO post (author_id, title, likes) VALUES (1, 'a1', 1), (1, 'a2', 2), (2, 'b1', 3), (3, 'c1', 4);
    INSERT INTO tag (name, secret) VALUES ('x', false), ('y', false), ('z', true);
    INSERT INTO post_tag VALUES (1, 1), (2, 1), (3, 2);
";

fn blog() -> Value {
    let permission = |body: Value| json!([{"role": "user", "permission": body}]);
    let own = json!({"owner": "x-hasura-user-id"});
    let of_own = json!({"author": own});
    let select = |filter: Value| {
        permission(json!({"columns": "*", "filter": filter, "allow_aggregations": true}))
    };
    json!([
        {"table": table("author"), "array_relationships": [array("posts", "post", "author_id")],
         "select_permissions": select(json!({})),
         "update_permissions": permission(json!({"columns": ["name"], "filter": own, "check": {"name": {"_neq": "root"}}}))},
        {"table": table("post"), "object_relationships": [object("author", "author_id")],
         "array_relationships": [array("post_tags", "post_tag", "post_id")],
         "select_permissions": select(json!({})),
         "insert_permissions": permission(json!({"columns": ["title"], "check": of_own})),
         "update_permissions": permission(json!({
             "columns": ["title"], "filter": of_own, "check": {"title": {"_neq": "bad"}}})),
         "delete_permissions": permission(json!({"filter": {"likes": {"_lt": 2}}}))},
        {"table": table("tag"), "select_permissions": select(json!({"secret": false}))},
        {"table": table("post_tag"),
         "object_relationships": [object("post", "post_id"), object("tag", "tag_id")],
         "select_permissions": select(json!({})),
         "insert_permissions": permission(json!({"columns": "*", "check": {}})),
         "delete_permissions": permission(json!({"filter": {}}))},
    ])
}

async fn posts(world: &World) -> Vec<String> {
    let rows = world
        .rows("SELECT author_id || ' ' || title || ' ' || likes FROM post ORDER BY id")
        .await;
    rows.into_iter().flatten().collect()
}

#[tokio::test]
async fn an_update_writes_to_related_rows() {
    let world = World::extended(BLOG, blog()).await;
    let query = "mutation ($title: String!) {
        update_author_by_pk(pk_columns: {id: 1}, _inc: {karma: 5}, nested: {posts: {
            delete: {where: {title: {_eq: \"a2\"}, _not: {post_tags: {}}}}
            update: [
                {where: {title: {_eq: \"a1\"}}, _set: {title: $title}, _inc: {likes: 10}},
                {where: {likes: {_gt: 100}}, _set: {title: \"none\"}}]
            insert: {data: [{title: \"new\", post_tags: {data: [{tag_id: 2}]}}, {title: \"other\"}]}
        }}) { karma posts(order_by: {id: asc}) { title likes post_tags { tag { name } } } }
    }";
    let answer = world.admin(query, json!({"title": "A1"})).await;
    assert_eq!(
        answer["update_author_by_pk"],
        json!({"karma": 5, "posts": [
            {"title": "A1", "likes": 11, "post_tags": [{"tag": {"name": "x"}}]},
            {"title": "a2", "likes": 2, "post_tags": [{"tag": {"name": "x"}}]},
            {"title": "new", "likes": 0, "post_tags": [{"tag": {"name": "y"}}]},
            {"title": "other", "likes": 0, "post_tags": []}]})
    );
    // Other authors' posts stay as they are.
    assert_eq!(posts(&world).await[2..4], ["2 b1 3", "3 c1 4"]);
}

#[tokio::test]
async fn several_rows_each_get_theirs_and_all_are_counted() {
    let world = World::extended(BLOG, blog()).await;
    let query = "mutation ($nested: author_nested_input) {
        update_author(where: {owner: {_eq: \"u1\"}}, _set: {owner: \"u9\"}, nested: $nested) {
            affected_rows returning { id owner posts_aggregate { aggregate { count } } } } }";
    let nested = json!({"posts": {
        "update": [{"where": {}, "_inc": {"likes": 1}}], "insert": {"data": {"title": "more"}}}});
    for round in 0..2 {
        // Twice, since the second time the plan is there already.
        let answer = world.admin(query, json!({"nested": nested})).await;
        let count = 2 + 3 + 2 + 2 * round;
        assert_eq!(answer["update_author"]["affected_rows"], count, "{answer}");
        world
            .rows("UPDATE author SET owner = 'u1' WHERE owner = 'u9' RETURNING 'done'")
            .await;
    }
    // Another shape in the same variable.
    let nested =
        json!({"posts": {"insert": {"data": [{"title": "l", "likes": 9}, {"title": "m"}]}}});
    let answer = world.admin(query, json!({"nested": nested})).await;
    assert_eq!(answer["update_author"]["affected_rows"], 6, "{answer}");
    assert_eq!(
        posts(&world).await,
        [
            "1 a1 3", "1 a2 4", "2 b1 3", "3 c1 6", "1 more 1", "3 more 1", "1 more 0", "3 more 0",
            "1 l 9", "1 m 0", "3 l 9", "3 m 0"
        ]
    );
    let answer = world.admin(query, json!({"nested": null})).await;
    assert_eq!(answer["update_author"]["affected_rows"], 0, "{answer}");
}

#[tokio::test]
async fn related_rows_are_written_where_their_owners_stay_as_they_are() {
    let world = World::extended(BLOG, blog()).await;
    // Two levels, and along an object relationship.
    let query = "mutation {
        update_author(where: {id: {_lte: 2}}, nested: {posts: {update: [{
            where: {likes: {_gte: 2}}, nested: {post_tags: {delete: {where: {}}}, author: {update: [
                {where: {}, _inc: {karma: 1}}]}}}]}}) { affected_rows returning { name karma } }
    }";
    let answer = world.admin(query, json!({})).await;
    assert_eq!(
        answer["update_author"],
        json!({"affected_rows": 4, "returning": [{"name": "Ada", "karma": 0}, {"name": "Bob", "karma": 0}]})
    );
    let karma = world
        .rows("SELECT karma::text FROM author ORDER BY id")
        .await;
    assert_eq!(karma, [["1"], ["1"], ["0"]]);
    let left = world.rows("SELECT post_id::text FROM post_tag").await;
    assert_eq!(left, [["1"]]);
}

#[tokio::test]
async fn rows_are_linked_through_a_table_in_between() {
    let world = World::extended(BLOG, blog()).await;
    let query = "mutation ($names: [String!]) {
        update_post(where: {author_id: {_eq: 1}}, nested: {post_tags: {
            unlink: {where: {name: {_eq: \"x\"}}}, link: {where: {name: {_in: $names}}}}}) {
            affected_rows returning { post_tags(order_by: {tag_id: asc}) { tag_id } } } }";
    let links = |tags: &[u32]| {
        let tags: Vec<_> = tags.iter().map(|tag| json!({"tag_id": tag})).collect();
        json!({"post_tags": tags})
    };
    let answer = world.admin(query, json!({"names": ["y", "z"]})).await;
    assert_eq!(
        answer["update_post"],
        json!({"affected_rows": 6, "returning": [links(&[2, 3]), links(&[2, 3])]})
    );
    // What is there stays; and a role links to nothing that it does not see.
    world
        .rows("DELETE FROM post_tag WHERE post_id = 2 RETURNING 'done'")
        .await;
    let answer = world
        .ask(&user("u1"), query, json!({"names": ["y", "z"]}))
        .await;
    assert_eq!(
        answer["update_post"],
        json!({"affected_rows": 1, "returning": [links(&[2, 3]), links(&[2])]})
    );
}

#[tokio::test]
async fn a_role_writes_to_related_rows_under_their_own_permissions() {
    let world = World::extended(BLOG, blog()).await;
    let before = posts(&world).await;
    let ask = |nested: Value| {
        let query = "mutation ($nested: author_nested_input) {
            update_author(where: {}, _set: {name: \"n\"}, nested: $nested) { affected_rows } }";
        let world = &world;
        async move {
            world
                .ask(&user("u1"), query, json!({"nested": nested}))
                .await
        }
    };
    let refused = |path: &str| {
        json!({"code": "permission-error", "path": path,
            "message": "check constraint of an insert/update permission has failed"})
    };
    // The check after an update.
    let update = json!([{"where": {"title": {"_eq": "a1"}}, "_set": {"title": "bad"}}]);
    let answer = ask(json!({"posts": {"update": update}})).await;
    let path = "$.selectionSet.update_author.args.nested.posts.update";
    assert_eq!(answer, refused(path));
    // A column that the role may not write.
    let update = json!([{"where": {}, "_set": {"likes": 7}}]);
    let answer = ask(json!({"posts": {"update": update}})).await;
    assert_eq!(
        answer,
        json!({"code": "validation-failed",
            "path": "$.selectionSet.update_author.args.nested.posts.update[0]._set.likes",
            "message": "field 'likes' not found in type: 'post_set_input'"})
    );
    let answer = ask(json!({"posts": {"insert": {"data": {"title": "t", "likes": 1}}}})).await;
    assert_eq!(answer["code"], "validation-failed");
    assert_eq!(posts(&world).await, before);
    assert_eq!(
        world
            .rows("SELECT count(*)::text FROM author WHERE name = 'n'")
            .await,
        [["0"]]
    );
    // Row filters: of both tables.
    let answer = ask(json!({"posts": {"delete": {"where": {}}}})).await;
    assert_eq!(answer["code"], "constraint-violation", "{answer}");
    world.rows("DELETE FROM post_tag RETURNING 'done'").await;
    let answer = ask(json!({"posts": {"delete": {"where": {}}}})).await;
    assert_eq!(answer, json!({"update_author": {"affected_rows": 3}}));
    assert_eq!(posts(&world).await, before[1..]);
    // Tags are not for this role to write.
    let query = "mutation { update_post(where: {}, nested: {post_tags: {update: [
        {where: {}, _set: {tag_id: 1}}]}}) { affected_rows } }";
    let answer = world.ask(&user("u1"), query, json!({})).await;
    assert_eq!(answer["code"], "validation-failed", "{answer}");
}

#[tokio::test]
async fn as_many_rows_as_expected_or_none() {
    let world = World::extended(BLOG, blog()).await;
    let failed = |field: &str, count: u32| {
        let message = format!(
            "the mutation affects {count} rows, which is not what it expects; nothing was changed"
        );
        json!({"code": "expectation-failed", "path": format!("$.selectionSet.{field}.args.expect"), "message": message})
    };
    let update = "mutation ($expect: mutation_expectation) {
        update_post(where: {likes: {_gte: 2}}, _set: {title: \"t\"}, expect: $expect) { affected_rows } }";
    for (test, holds) in [
        (json!({"_eq": 3}), true),
        (json!({"_eq": 2}), false),
        (json!({"_gte": 3, "_lt": 4}), true),
        (json!({"_gt": 3}), false),
        (json!({"_in": [1, 3]}), true),
        (json!({"_in": []}), false),
        (json!({"_nin": [1, 2]}), true),
        (json!({"_neq": 3}), false),
        (json!({"_is_null": false}), true),
        (json!({}), true),
    ] {
        let answer = world
            .admin(update, json!({"expect": {"affected_rows": test}}))
            .await;
        let done = json!({"update_post": {"affected_rows": 3}});
        let expected = if holds {
            done
        } else {
            failed("update_post", 3)
        };
        assert_eq!(answer, expected, "{test}");
    }
    assert_eq!(
        world.admin(update, json!({})).await["update_post"]["affected_rows"],
        3
    );
    for (field, count) in [
        (
            "insert_tag(objects: [{name: \"n\"}, {name: \"m\"}], expect: {affected_rows: {_eq: 1}}) { affected_rows }",
            2,
        ),
        (
            "insert_tag(objects: [], expect: {affected_rows: {_eq: 1}}) { affected_rows }",
            0,
        ),
        (
            "insert_tag_one(object: {name: \"n\"}, expect: {affected_rows: {_eq: 0}}) { id }",
            1,
        ),
        (
            "insert_author(objects: {name: \"n\", posts: {data: {title: \"t\"}}}, expect: {affected_rows: {_lt: 2}}) { affected_rows }",
            2,
        ),
        (
            "update_tag_by_pk(pk_columns: {id: 77}, _set: {name: \"n\"}, expect: {affected_rows: {_eq: 1}}) { id }",
            0,
        ),
        (
            "update_tag(where: {}, expect: {affected_rows: {_eq: 1}}) { affected_rows }",
            0,
        ),
        (
            "update_tag_many(updates: [{where: {id: {_eq: 1}}, _set: {name: \"n\"}}, {where: {id: {_eq: 2}}, _set: {name: \"m\"}}], expect: {affected_rows: {_eq: 1}}) { affected_rows }",
            2,
        ),
        (
            "delete_post_tag(where: {}, expect: {affected_rows: {_lte: 2}}) { affected_rows }",
            3,
        ),
        (
            "delete_tag_by_pk(id: 3, expect: {affected_rows: {_eq: 0}}) { name }",
            1,
        ),
    ] {
        // Whatever came before in the request goes with it.
        let query = format!(
            "mutation {{ first: insert_tag_one(object: {{name: \"before\"}}) {{ id }} {field} }}"
        );
        let answer = world.admin(&query, json!({})).await;
        let name = field.split('(').next().unwrap();
        assert_eq!(answer, failed(name, count), "{field}");
    }
    let names = world
        .rows("SELECT string_agg(name, ',' ORDER BY id) FROM tag")
        .await;
    assert_eq!(names, [["x,y,z"]]);
}

#[tokio::test]
async fn the_first_rows_in_an_order() {
    let world = World::extended(BLOG, blog()).await;
    let query = "mutation ($n: Int) { update_post(
        where: {likes: {_gt: 1}}, order_by: [{author: {name: desc}}, {id: asc}], limit: $n, _set: {title: \"t\"}) {
        affected_rows } }";
    let answer = world.admin(query, json!({"n": 2})).await;
    assert_eq!(answer, json!({"update_post": {"affected_rows": 2}}));
    assert_eq!(posts(&world).await, ["1 a1 1", "1 a2 2", "2 t 3", "3 t 4"]);
    let answer = world.admin(query, json!({"n": 0})).await;
    assert_eq!(answer, json!({"update_post": {"affected_rows": 0}}));
    let answer = world.admin(query, json!({"n": null})).await;
    assert_eq!(answer, json!({"update_post": {"affected_rows": 3}}));
    let answer = world.admin(query, json!({"n": -1})).await;
    assert_eq!(answer["code"], "validation-failed");
    // A key of two columns, and a role's filter, which is applied before rows are counted.
    let query = "mutation { delete_post_tag(where: {}, order_by: {post_id: desc}, limit: 1) { returning { post_id } } }";
    let answer = world.admin(query, json!({})).await;
    assert_eq!(
        answer["delete_post_tag"]["returning"],
        json!([{"post_id": 3}])
    );
    let query = "mutation { update_author(where: {}, order_by: {id: desc}, limit: 2, _set: {name: \"m\"}) { returning { id } } }";
    let answer = world.ask(&user("u2"), query, json!({})).await;
    assert_eq!(answer["update_author"]["returning"], json!([{"id": 2}]));
}

#[tokio::test]
async fn workers_take_rows_that_nobody_else_has_taken() {
    let sql = "CREATE TABLE job (id serial PRIMARY KEY, taken int NOT NULL DEFAULT 0);
        INSERT INTO job SELECT n FROM generate_series(1, 40) AS n;";
    let world = World::extended(sql, json!([{"table": table("job")}])).await;
    let query = "mutation { update_job(where: {taken: {_eq: 0}}, order_by: {id: asc}, limit: 2, _inc: {taken: 1}) {
        affected_rows } }";
    let mut workers = Vec::new();
    for _ in 0..20 {
        workers.push(world.admin(query, json!({})));
    }
    for answer in futures_util::future::join_all(workers).await {
        assert!(
            answer["update_job"]["affected_rows"].is_number(),
            "{answer}"
        );
    }
    let taken = world.rows("SELECT max(taken)::text FROM job").await;
    assert_eq!(taken, [["1"]]);
}

#[tokio::test]
async fn off_nothing_of_it_is_there() {
    let types =
        "{ __schema { types { name inputFields { name } fields { name args { name } } } } }";
    let (off, on) = (
        World::new(BLOG, blog()).await,
        World::extended(BLOG, blog()).await,
    );
    for session in [Session::admin(), user("u1")] {
        let all = |answer: &Value| answer["__schema"]["types"].as_array().unwrap().clone();
        let (off, on) = (
            all(&off.ask(&session, types, json!({})).await),
            all(&on.ask(&session, types, json!({})).await),
        );
        let new = ["expect", "limit", "order_by", "nested"];
        let text = serde_json::to_string(&off).unwrap();
        for word in [
            "nested",
            "\"expect\"",
            "_related_input",
            "mutation_expectation",
        ] {
            assert!(!text.contains(word), "{word}");
        }
        // On, only new types and those arguments have come.
        for ty in &off {
            let mut with = on
                .iter()
                .find(|other| other["name"] == ty["name"])
                .unwrap()
                .clone();
            if ty["name"] == "mutation_root" {
                for field in with["fields"].as_array_mut().unwrap() {
                    let arguments = field["args"].as_array_mut().unwrap();
                    arguments.retain(|argument| !new.contains(&argument["name"].as_str().unwrap()));
                }
            }
            assert_eq!(&with, ty);
        }
        assert!(on.len() > off.len());
    }
    let query =
        "mutation { update_post(where: {}, limit: 1, _set: {title: \"t\"}) { affected_rows } }";
    assert_eq!(
        off.admin(query, json!({})).await,
        json!({"code": "validation-failed", "path": "$.selectionSet.update_post",
            "message": "'update_post' has no argument named 'limit'"})
    );
}
