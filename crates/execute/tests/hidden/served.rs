//! A world that is served, and what one request says to a role: its data, or its error.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use graphloom_execute::{Engine, GraphqlRequest, Live, Snapshot, Started};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect, introspect_named_types};
use graphloom_plan::LiveInput;
use graphloom_schema::{Feature, SchemaKind, Settings, build};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{Error, Json, Result, RoleName, Session, SessionVariableName, SourceName};

use crate::documents::Request;
use crate::world::{Role, Type, USER_ID};

/// Without statistics, nested queries look expensive enough to be compiled; and where rows have no order, only
/// nested loops give them in one that does not depend on rows which are left out later.
const PLAIN_PLANS: &str = "DO $$ DECLARE setting text; BEGIN
   FOREACH setting IN ARRAY ARRAY['jit', 'enable_hashjoin', 'enable_mergejoin', 'enable_hashagg', 'enable_memoize'] LOOP
     EXECUTE format('ALTER DATABASE %I SET %I = off', current_database(), setting);
   END LOOP; END $$";

/// What Postgres answers where one `ON CONFLICT DO UPDATE` meets a row twice (SQLSTATE 21000).
const ROW_TWICE: &str = "command cannot affect row a second time";

pub(crate) struct Served {
    pub(crate) engine: Engine,
    pool: Pool,
    _database: Database,
}

impl Served {
    pub(crate) async fn new(sql: &str, metadata: &Json) -> Self {
        let database = Database::create().unwrap();
        database.run(PLAIN_PLANS).unwrap();
        database.run(sql).unwrap();
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let metadata = Metadata::from_json(metadata).unwrap();
        let source = SourceName::new("default");
        let mut connection = pool.get().await.unwrap();
        let mut catalog = introspect(&mut connection).await.unwrap();
        let types = Type::ALL.map(|ty| ty.sql().to_owned());
        let types = introspect_named_types(&mut connection, &types).await;
        catalog.types.extend(types.unwrap());
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let features = [
            Feature::GroupByAggregations,
            Feature::GroupByConditions,
            Feature::ExtendedMutations,
        ];
        let settings = Settings {
            features: features.into_iter().collect(),
            ..Settings::default()
        };
        let schema = build(&metadata, &catalogs, settings);
        // What parents do not agree about, an inheriting role may not write.
        let is_fault = |kind: &str| kind != "inherited role permission inconsistency";
        let mut kinds = schema.inconsistencies.iter();
        assert!(
            !kinds.any(|one| is_fault(one.kind)),
            "{:?}",
            schema.inconsistencies
        );
        let engine = Engine::default();
        engine.replace(Arc::new(Snapshot {
            generation: 1,
            schema: Arc::new(schema),
            pools: HashMap::from([(source, pool.clone())]),
            ..Snapshot::default()
        }));
        Self {
            engine,
            pool,
            _database: database,
        }
    }

    /// Runs statements past the engine.
    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = self.pool.get().await.unwrap();
        connection.simple(sql).await.unwrap();
    }

    /// What a role is told. Errors as clients see them, who are shown no internal details.
    pub(crate) async fn ask(&self, role: &Role, kind: SchemaKind, request: &Request) -> Said {
        let request = self.request(kind, request);
        match self.answer(&session(role), request.clone()).await {
            Ok(data) => Said::Data(data),
            Err(error) => {
                // Nothing here is the database's fault: it would have been asked for nonsense. But that one
                // upsert has a key twice is found by the database alone, and told as v2 tells it.
                let (query, inside) = (&request.query, format!("{:?}", error.internal()));
                let is_told = error.status() != 500 || inside.contains(ROW_TWICE);
                assert!(is_told, "{query}: {error}, {inside}");
                Said::Error(error.to_string())
            }
        }
    }

    /// How a query of a role's would be run: the statements. How Postgres would run those depends on how much
    /// there is in the tables, and only admins can ask.
    pub(crate) async fn explain(&self, role: &Role, kind: SchemaKind, request: &Request) -> String {
        let request = self.request(kind, request);
        match self.engine.explain(&session(role), &request).await {
            Ok(explained) => {
                let all = [explained];
                let all = all[0].as_array().map_or(&all[..], Vec::as_slice);
                let sql: Vec<_> = all.iter().map(|one| one["sql"].to_string()).collect();
                sql.join("\n")
            }
            Err(error) => error.to_string(),
        }
    }

    fn request(&self, kind: SchemaKind, request: &Request) -> GraphqlRequest {
        let body = serde_json::json!({"query": request.query, "variables": request.variables});
        let request = GraphqlRequest::from_json(body).unwrap();
        request.over_socket().of_schema(kind)
    }

    async fn answer(&self, session: &Session, request: GraphqlRequest) -> Result<String> {
        match self.engine.start(session, &request).await? {
            Started::Answer(executed) => Ok(String::from_utf8(executed.data.to_vec()).unwrap()),
            Started::Live(live) => first_answer(&live).await,
        }
    }
}

/// What was said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Data(String),
    Error(String),
}

fn session(role: &Role) -> Session {
    let name = SessionVariableName::parse("x-hasura-user-id").unwrap();
    let variables = BTreeMap::from([(name, USER_ID.to_string())]);
    Session::new(RoleName::new(role.name.as_str()), variables)
}

/// What a subscriber gets first, and where a stream goes on after it.
async fn first_answer(live: &Live) -> Result<String> {
    let plan = &live.plan;
    let inputs = plan.inputs.iter().map(|input| match input {
        LiveInput::Seed => "1".to_owned(),
        LiveInput::Hashes => "{NULL}".to_owned(),
        LiveInput::Value(index) => {
            graphloom_execute::text_array(std::iter::once(live.values[*index].as_deref()))
        }
    });
    let inputs: Vec<_> = inputs.collect();
    let inputs: Vec<_> = inputs.iter().map(|text| Some(text.as_str())).collect();
    let told = |error: graphloom_pg::PgError| -> Error {
        error.to_error(graphloom_pg::Purpose::Operation)
    };
    let mut connection = live.pool.get().await.map_err(told)?;
    let rows = connection
        .query_text_rows(&plan.statement, &inputs)
        .await
        .map_err(told)?;
    let [row] = rows.as_slice() else {
        panic!("one subscriber, {} rows", rows.len());
    };
    // Number, root, hash, signal, cursor: the signal counts transactions.
    let (root, cursor) = (row[1].as_deref(), row.get(4).and_then(Option::as_deref));
    Ok(format!(
        "{} up to {}",
        root.unwrap_or("nothing"),
        cursor.unwrap_or("the end")
    ))
}
