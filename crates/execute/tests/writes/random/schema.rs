//! The tables of random inserts, their metadata, and what a reference has to know of them.

use serde_json::{Value, json};

use crate::world::{array, object, table};

/// The tables.
pub(crate) const TABLES: &str = "
    CREATE TABLE team (id serial PRIMARY KEY, name text UNIQUE NOT NULL, slogan text DEFAULT 'none');
    CREATE TABLE author (
        id serial PRIMARY KEY, name text UNIQUE NOT NULL, team_id int REFERENCES team (id),
        boss_id int REFERENCES author (id), score int DEFAULT 5 CHECK (score < 90));
    CREATE TABLE article (
        id serial PRIMARY KEY, title text NOT NULL, words int, author_id int REFERENCES author (id),
        reviewer_id int REFERENCES author (id), CONSTRAINT article_key UNIQUE (author_id, title));
    CREATE TABLE passport (
        id serial PRIMARY KEY, owner_id int UNIQUE REFERENCES author (id), number text UNIQUE NOT NULL);
    CREATE TABLE comment (
        id serial PRIMARY KEY, article_id int REFERENCES article (id), body text NOT NULL DEFAULT 'hm');";

/// What the tables hold before each insert; the same keys are given again each time.
pub(crate) const ROWS: &str = "
    TRUNCATE team, author, article, passport, comment RESTART IDENTITY;
    INSERT INTO team (name, slogan) VALUES ('a', 'go'), ('kept', 'stay'), ('c', DEFAULT);
    INSERT INTO author (name, team_id, boss_id, score) VALUES
        ('a', 1, NULL, 1), ('b', 3, 1, 2), ('mute', 2, 1, 3), ('bad', NULL, NULL, 4);
    INSERT INTO article (title, words, author_id) VALUES ('a', 10, 1), ('b', 60, 1), ('a', 20, 2);
    INSERT INTO passport (owner_id, number) VALUES (2, 'a');";

/// The tables' names, as they are compared.
pub(crate) const NAMES: [&str; 5] = ["team", "author", "article", "passport", "comment"];

/// A relationship along which rows are inserted.
pub(crate) struct Relation {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    /// The column that the key is in: ours for one that comes before, else theirs.
    pub(crate) column: &'static str,
    pub(crate) kind: Kind,
}

/// Which row comes first, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Before,
    AfterMany,
    AfterOne,
}

/// Relationships in the order in which their rows are written.
pub(crate) fn relations(table: &str) -> &'static [Relation] {
    const fn of(
        name: &'static str,
        target: &'static str,
        column: &'static str,
        kind: Kind,
    ) -> Relation {
        Relation {
            name,
            target,
            column,
            kind,
        }
    }
    const TEAM: &[Relation] = &[of("members", "author", "team_id", Kind::AfterMany)];
    const AUTHOR: &[Relation] = &[
        of("boss", "author", "boss_id", Kind::Before),
        of("team", "team", "team_id", Kind::Before),
        of("articles", "article", "author_id", Kind::AfterMany),
        of("reviews", "article", "reviewer_id", Kind::AfterMany),
        of("staff", "author", "boss_id", Kind::AfterMany),
        of("passport", "passport", "owner_id", Kind::AfterOne),
    ];
    const ARTICLE: &[Relation] = &[
        of("author", "author", "author_id", Kind::Before),
        of("reviewer", "author", "reviewer_id", Kind::Before),
        of("comments", "comment", "article_id", Kind::AfterMany),
    ];
    const PASSPORT: &[Relation] = &[of("owner", "author", "owner_id", Kind::Before)];
    const COMMENT: &[Relation] = &[of("article", "article", "article_id", Kind::Before)];
    match table {
        "team" => TEAM,
        "author" => AUTHOR,
        "article" => ARTICLE,
        "passport" => PASSPORT,
        _ => COMMENT,
    }
}

/// What a role may do to a table, in plain SQL over the row `r`.
pub(crate) struct Rights {
    /// Columns it may give.
    pub(crate) columns: &'static [&'static str],
    /// Columns that are set on insert.
    pub(crate) presets: &'static [(&'static str, &'static str)],
    pub(crate) check: &'static str,
    /// What it may do to a row that is there.
    pub(crate) update: Option<UpdateRights>,
}

/// What a role may do to a row that is there.
pub(crate) struct UpdateRights {
    pub(crate) columns: &'static [&'static str],
    pub(crate) presets: &'static [(&'static str, &'static str)],
    pub(crate) filter: &'static str,
    pub(crate) check: Option<&'static str>,
}

/// The unique keys that `on_conflict` may name.
pub(crate) fn keys(table: &str) -> &'static [&'static str] {
    match table {
        "team" => &["team_name_key", "team_pkey"],
        "author" => &["author_name_key"],
        "article" => &["article_key"],
        "passport" => &["passport_number_key", "passport_owner_id_key"],
        _ => &[],
    }
}

/// The admin's rights.
pub(crate) fn of_admin(table: &str) -> Rights {
    let columns: &[&str] = match table {
        "team" => &["name", "slogan"],
        "author" => &["name", "team_id", "boss_id", "score"],
        "article" => &["title", "words", "author_id", "reviewer_id"],
        "passport" => &["number", "owner_id"],
        _ => &["body", "article_id"],
    };
    Rights {
        columns,
        presets: &[],
        check: "true",
        update: Some(UpdateRights {
            columns,
            presets: &[],
            filter: "true",
            check: None,
        }),
    }
}

/// The rights of the role `user`; `metadata` says the same.
pub(crate) fn of_user(table: &str) -> Rights {
    let rights = |columns, presets, check, update| Rights {
        columns,
        presets,
        check,
        update,
    };
    match table {
        "team" => rights(
            &["name", "slogan"],
            &[],
            "r.slogan <> 'no'",
            Some(UpdateRights {
                columns: &["slogan"],
                presets: &[],
                filter: "r.name <> 'kept'",
                check: None,
            }),
        ),
        "author" => rights(
            &["name", "team_id", "boss_id"],
            &[("score", "6")],
            "r.name <> 'bad'",
            Some(UpdateRights {
                columns: &["name", "team_id"],
                presets: &[("score", "77")],
                filter: "true",
                check: Some(
                    "exists (select from team t where t.id = r.team_id and t.slogan <> 'none')",
                ),
            }),
        ),
        "article" => rights(
            &["title", "words", "author_id"],
            &[("words", "1")][..0],
            "exists (select from author a where a.id = r.author_id and a.name <> 'mute')",
            Some(UpdateRights {
                columns: &["words"],
                presets: &[],
                filter: "r.words < 50",
                check: Some("true"),
            }),
        ),
        "passport" => rights(&["number"], &[("owner_id", "1")], "true", None),
        _ => rights(&["body"], &[], "true", None),
    }
}

/// What both say, as metadata has it.
pub(crate) fn metadata() -> Value {
    let role = |permission: Value| json!([{"role": "user", "permission": permission}]);
    let select = role(json!({"columns": "*", "filter": {}}));
    let passport = json!({"name": "passport", "using": {"foreign_key_constraint_on":
        {"table": table("passport"), "column": "owner_id"}}});
    json!([
        {"table": table("team"), "select_permissions": select,
         "array_relationships": [array("members", "author", "team_id")],
         "insert_permissions": role(json!({"columns": ["name", "slogan"], "check": {"slogan": {"_neq": "no"}}})),
         "update_permissions": role(json!({"columns": ["slogan"], "filter": {"name": {"_neq": "kept"}}}))},
        {"table": table("author"), "select_permissions": select,
         "object_relationships": [object("team", "team_id"), object("boss", "boss_id"), passport],
         "array_relationships": [array("articles", "article", "author_id"),
            array("reviews", "article", "reviewer_id"), array("staff", "author", "boss_id")],
         "insert_permissions": role(json!({"columns": ["name", "team_id", "boss_id"],
            "set": {"score": "x-hasura-score"}, "check": {"name": {"_neq": "bad"}}})),
         "update_permissions": role(json!({"columns": ["name", "team_id"], "set": {"score": 77}, "filter": {},
            "check": {"team": {"slogan": {"_neq": "none"}}}}))},
        {"table": table("article"), "select_permissions": select,
         "object_relationships": [object("author", "author_id"), object("reviewer", "reviewer_id")],
         "array_relationships": [array("comments", "comment", "article_id")],
         "insert_permissions": role(json!({"columns": ["title", "words", "author_id"],
            "check": {"author": {"name": {"_neq": "mute"}}}})),
         "update_permissions": role(json!({"columns": ["words"], "filter": {"words": {"_lt": 50}}, "check": {}}))},
        {"table": table("passport"), "select_permissions": select,
         "object_relationships": [object("owner", "owner_id")],
         "insert_permissions": role(json!({"columns": ["number"], "set": {"owner_id": 1}, "check": {}}))},
        {"table": table("comment"), "select_permissions": select,
         "object_relationships": [object("article", "article_id")],
         "insert_permissions": role(json!({"columns": ["body"], "check": {}}))},
    ])
}
