//! What a server has come to by one command after the other is what another one makes of the stored document.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_admin::{Admin, AdminOptions, DefaultSource};
use graphloom_execute::{Engine, GraphqlRequest};
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions};
use graphloom_schema::TableInfo;
use graphloom_store::{InstanceId, Store, Upgrade};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{Json, Session};
use serde_json::json;

const TABLES: [&str; 5] = ["author", "article", "comment", "color", "recent"];
const ROLES: [&str; 3] = ["user", "guest", "staff"];

const WORLD: &str = "
    create table color (value text primary key, comment text);
    insert into color values ('red', 'warm'), ('blue', null);
    create table author (id int primary key, name text not null, color text references color, boss int references author);
    create table article (id int primary key, title text, author_id int not null references author, rank int);
    create table comment (id int primary key, body text, article_id int references article);
    create view recent as select id, title, author_id from article;
    create function author_title(someone author) returns text language sql stable as $$ select someone.name || '!' $$;
    create function best_articles() returns setof article language sql stable as $$ select * from article $$;
";

struct Instance {
    admin: Arc<Admin>,
    engine: Arc<Engine>,
}

impl Instance {
    async fn start(metadata: &Database, source: &Database) -> Self {
        let environment = (DefaultSource::VARIABLE.to_owned(), source.url().to_owned());
        let options = AdminOptions {
            environment: HashMap::from([environment]),
            default_source: Some(DefaultSource::from_environment()),
            sync_interval: None,
            ..AdminOptions::default()
        };
        let engine = Arc::new(Engine::default());
        let admin = Admin::start(options, store(metadata).await, engine.clone()).await;
        Self {
            admin: admin.unwrap(),
            engine,
        }
    }

    /// Whether the command was taken.
    async fn command(&self, command: Json) -> bool {
        let session = Session::admin();
        let is_sql = command["type"] == "run_sql";
        let answer = match is_sql {
            true => self.admin.query_v2(&session, command).await,
            false => self.admin.metadata(&session, command).await,
        };
        answer.is_ok()
    }

    async fn export(&self) -> Json {
        let command = json!({"type": "export_metadata", "args": {}});
        let answer = self.admin.metadata(&Session::admin(), command).await;
        answer.unwrap()
    }

    /// The schema of one role, as it sees it.
    async fn schema(&self, role: &str) -> String {
        let session = Session {
            role: graphloom_vocab::RoleName::new(role),
            ..Session::admin()
        };
        let query = "{ __schema { types { name kind description
            fields { name description type { ...R } args { name type { ...R } } }
            inputFields { name type { ...R } } enumValues { name description } } } }
            fragment R on __Type { kind name ofType { kind name ofType { kind name } } }";
        let request = GraphqlRequest::from_json(json!({"query": query})).unwrap();
        let answer = self.engine.graphql(&session, &request).await;
        format!("{:?}", answer.map(|executed| executed.data))
    }
}

async fn store(database: &Database) -> Store {
    let connection = ConnectionOptions::parse(database.url()).unwrap();
    let pool = Pool::new(connection, PoolOptions::default());
    let initial = json!({"version": 3, "sources": []});
    let upgrade = Upgrade::Allowed {
        default_source: None,
    };
    let opened = Store::open(pool, InstanceId::random(), &initial, &upgrade).await;
    opened.unwrap().store
}

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn command(&mut self) -> Json {
        let (table, role) = (self.of(&TABLES), self.of(&ROLES));
        let kind = self.of(&["select", "insert", "update", "delete"]);
        match self.below(20) {
            0..=3 => json!({"type": "pg_track_table", "args": {"table": table}}),
            4 => {
                json!({"type": "pg_untrack_table", "args": {"table": table, "cascade": self.below(2) == 0}})
            }
            5..=7 => json!({"type": format!("pg_create_{kind}_permission"), "args": {
                "table": table, "role": role, "permission": self.permission(kind, table)}}),
            8 => {
                json!({"type": format!("pg_drop_{kind}_permission"), "args": {"table": table, "role": role}})
            }
            9 | 10 => self.relationship(),
            11 => json!({"type": "pg_drop_relationship", "args": {
                "table": table, "relationship": self.of(&["author", "articles", "boss", "comments"]), "cascade": self.below(2) == 0}}),
            12 => json!({"type": "pg_rename_relationship", "args": {
                "table": "article", "name": self.of(&["author", "writer"]), "new_name": self.of(&["author", "writer"])}}),
            13 => {
                json!({"type": "pg_set_table_customization", "args": {"table": table, "configuration": self.configuration()}})
            }
            14 => {
                json!({"type": "pg_set_table_is_enum", "args": {"table": "color", "is_enum": self.below(2) == 0}})
            }
            15 => match self.below(4) {
                0 => json!({"type": "pg_add_computed_field", "args": {
                    "table": "author", "name": "title", "definition": {"function": "author_title"}}}),
                1 => {
                    json!({"type": "pg_drop_computed_field", "args": {"table": "author", "name": "title"}})
                }
                2 => json!({"type": "pg_track_function", "args": {"function": "best_articles"}}),
                _ => json!({"type": "pg_untrack_function", "args": {"function": "best_articles"}}),
            },
            16 => match self.below(2) {
                0 => {
                    json!({"type": "add_inherited_role", "args": {"role_name": "staff", "role_set": ["user", "guest"]}})
                }
                _ => json!({"type": "drop_inherited_role", "args": {"role_name": "staff"}}),
            },
            _ => {
                json!({"type": "run_sql", "args": {"sql": self.migration(), "cascade": self.below(2) == 0}})
            }
        }
    }

    fn configuration(&mut self) -> Json {
        match self.below(5) {
            0 => json!({"custom_name": "thing"}),
            1 => json!({"custom_name": "article"}),
            2 => json!({"custom_root_fields": {"select": "all_of_it"}}),
            3 => json!({"column_config": {"id": {"custom_name": "key"}}}),
            _ => json!({}),
        }
    }

    fn permission(&mut self, kind: &str, table: &str) -> Json {
        let rule = match (table, self.below(3)) {
            ("article", 0) => json!({"author": {"name": {"_eq": "X-Hasura-Name"}}}),
            ("comment", 0) => json!({"article": {"author": {"boss": {"id": {"_gt": 3}}}}}),
            ("author", 0) => json!({"articles": {"title": {"_is_null": false}}}),
            (_, 1) => {
                json!({"_exists": {"_table": {"schema": "public", "name": "author"}, "_where": {"name": {"_eq": "x"}}}})
            }
            _ => json!({"id": {"_gt": 0}}),
        };
        let columns = match self.below(2) {
            0 => json!("*"),
            _ => json!(["id"]),
        };
        match kind {
            "insert" => json!({"check": rule, "columns": columns}),
            "delete" => json!({"filter": rule}),
            _ => json!({"filter": rule, "columns": columns}),
        }
    }

    fn relationship(&mut self) -> Json {
        let (kind, table, name, using) = match self.below(5) {
            0 => ("object", "article", "author", json!("author_id")),
            1 => (
                "array",
                "author",
                "articles",
                json!({"table": "article", "column": "author_id"}),
            ),
            2 => ("object", "author", "boss", json!("boss")),
            3 => ("object", "comment", "article", json!("article_id")),
            _ => (
                "array",
                "article",
                "comments",
                json!({"table": "comment", "column": "article_id"}),
            ),
        };
        json!({"type": format!("pg_create_{kind}_relationship"), "args": {
            "table": table, "name": name, "using": {"foreign_key_constraint_on": using}}})
    }

    fn migration(&mut self) -> String {
        let table = self.of(&["author", "article", "comment"]);
        match self.below(15) {
            0 => format!("alter table {table} add column if not exists more int"),
            1 => format!("alter table {table} drop column if exists more cascade"),
            2 => format!("comment on table {table} is 'said {}'", self.below(100)),
            3 => "alter table article rename column rank to place".to_owned(),
            4 => "alter table article rename column place to rank".to_owned(),
            5 => "alter table comment rename to remark".to_owned(),
            6 => "alter table remark rename to comment".to_owned(),
            7 => "alter table article alter column rank type bigint".to_owned(),
            8 => "alter table article drop constraint if exists article_author_id_fkey".to_owned(),
            9 => "alter table article add constraint article_author_id_fkey foreign key (author_id) references author".to_owned(),
            10 => format!("drop index if exists an_index; create index an_index on {table} (id)"),
            11 => "drop view if exists recent; create view recent as select id, author_id from article".to_owned(),
            12 => "insert into color values ('green') on conflict do nothing; comment on table color is 'more'".to_owned(),
            13 => "create or replace view recent as select distinct id, title, author_id from article".to_owned(),
            _ => "do $$ begin execute 'alter table author add column if not exists late text'; \
                  exception when others then null; end $$; comment on column author.name is 'called'"
                .to_owned(),
        }
    }
}

/// All of a table but what it was made of, whose keys may be in another order.
fn shown(table: &TableInfo) -> String {
    let text = format!("{table:?}");
    let (shown, _) = text.split_once(", made_of: ").unwrap();
    shown.to_owned()
}

async fn same(instance: &Instance, metadata: &Database, source: &Database, after: &[String]) {
    let fresh = Instance::start(metadata, source).await;
    let told = || after.join("\n");
    assert_eq!(instance.export().await, fresh.export().await, "{}", told());
    assert_eq!(
        instance.admin.inconsistencies(),
        fresh.admin.inconsistencies(),
        "{}",
        told()
    );
    let (ours, theirs) = (instance.engine.snapshot(), fresh.engine.snapshot());
    for (name, theirs) in theirs.schema.sources.iter() {
        let ours = &ours.schema.sources[name];
        for (name, theirs) in &theirs.tables {
            let ours = shown(&ours.tables[name]);
            assert_eq!(ours, shown(theirs), "{}", told());
        }
        assert_eq!(ours.tables.len(), theirs.tables.len());
        assert_eq!(
            format!("{:?}", ours.functions),
            format!("{:?}", theirs.functions)
        );
    }
    for role in ROLES.into_iter().chain(["admin"]) {
        assert_eq!(
            instance.schema(role).await,
            fresh.schema(role).await,
            "{role}: {}",
            told()
        );
    }
}

async fn walk(seed: u64) {
    let (metadata, source) = (Database::create().unwrap(), Database::create().unwrap());
    source.run(WORLD).unwrap();
    let instance = Instance::start(&metadata, &source).await;
    let mut dice = Dice(seed);
    let mut done = Vec::new();
    for step in 1..=60 {
        let command = dice.command();
        let text = command.to_string();
        if instance.command(command).await {
            done.push(text);
        }
        if step % 6 == 0 {
            same(&instance, &metadata, &source, &done).await;
        }
    }
    assert!(done.len() > 15, "too little was done: {done:#?}");
}

#[tokio::test]
async fn what_commands_lead_to_is_what_the_stored_document_says() {
    for seed in 1..=2 {
        walk(seed).await;
    }
}
