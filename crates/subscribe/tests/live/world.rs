//! A database, its metadata, an engine over both and a hub of subscriptions.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use graphloom_execute::{Engine, GraphqlRequest, Snapshot, Started};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect};
use graphloom_schema::{Settings, build};
use graphloom_subscribe::{
    ChangeSignals, Event, Freshness, Hub, Options, Polling, SignalsNews, Subscription, Update,
};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{Result, RoleName, Session, SessionVariableName, SourceName};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// How long an update may take to come. Not a measure of speed: only what hangs takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// One world at a time: what happens in one database is a sign of change in all others of its server.
static TURN: Mutex<()> = Mutex::const_new(());

pub(crate) struct World {
    pub(crate) database: Arc<Database>,
    pub(crate) engine: Engine,
    pub(crate) hub: Hub,
    /// How often each was polled, by the response key of its first root field.
    polls: Arc<StdMutex<HashMap<String, usize>>>,
    /// What became of change signals, in words.
    news: Arc<StdMutex<Vec<String>>>,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// A world without change signals that is polled ten times a second. `tables` and `functions` are the metadata of
    /// the one source.
    pub(crate) async fn new(sql: &str, tables: Value, functions: Value) -> Self {
        let interval = Duration::from_millis(100);
        let start = Start {
            interval,
            change_signals: ChangeSignals::Nowhere,
            url: None,
        };
        Self::start(sql, tables, functions, start).await
    }

    pub(crate) async fn start(sql: &str, tables: Value, functions: Value, start: Start) -> Self {
        let turn = TURN.lock().await;
        let database = Arc::new(Database::create().unwrap());
        database.run(sql).unwrap();
        let url = match start.url {
            Some(url) => url(database.url()),
            None => database.url().to_owned(),
        };
        let options = ConnectionOptions::parse(&url).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let document = json!({"version": 3, "sources": [{
            "name": "default", "kind": "postgres", "tables": tables, "functions": functions,
            "configuration": {"connection_info": {"database_url": "unused"}},
        }]});
        let metadata = Metadata::from_json(&document).unwrap();
        let source = SourceName::new("default");
        let mut connection = pool.get().await.unwrap();
        let catalog = introspect(&mut connection).await.unwrap();
        drop(connection);
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let schema = build(&metadata, &catalogs, Settings::default());
        assert!(schema.is_consistent(), "{:?}", schema.inconsistencies);
        let engine = Engine::default();
        engine.replace(Arc::new(Snapshot {
            routes: HashMap::new(),
            generation: 1,
            schema: schema.into(),
            pools: HashMap::from([(source, pool)]),
        }));
        let polling = Polling::new(start.interval, 3);
        let options = Options {
            live: polling,
            streaming: polling,
            change_signals: start.change_signals,
        };
        let (polls, news) = (Arc::default(), Arc::default());
        let hub = Hub::new(
            options,
            Some(observer(Arc::clone(&polls), Arc::clone(&news))),
        );
        Self {
            database,
            engine,
            hub,
            polls,
            news,
            _turn: turn,
        }
    }

    pub(crate) async fn subscribe(
        &self,
        session: &Session,
        query: &str,
        variables: Value,
    ) -> Result<Subscription> {
        let body = json!({"query": query, "variables": variables});
        let request = GraphqlRequest::from_json(body).unwrap();
        match self.engine.start(session, &request).await? {
            Started::Live(live) => self.hub.subscribe(live).await,
            Started::Answer(_) => panic!("no subscription: {query}"),
        }
    }

    /// The same as the admin, who may subscribe.
    pub(crate) async fn admin(&self, query: &str, variables: Value) -> Subscription {
        let session = Session::admin();
        self.subscribe(&session, query, variables).await.unwrap()
    }

    /// The pool of the one source.
    pub(crate) fn pool(&self) -> Pool {
        let snapshot = self.engine.snapshot();
        snapshot.pools[&SourceName::new("default")].clone()
    }

    /// How often the subscription with this first response key was polled.
    pub(crate) fn polls(&self, key: &str) -> usize {
        let polls = self.polls.lock().unwrap();
        polls.get(key).copied().unwrap_or_default()
    }

    /// What became of change signals, in words.
    pub(crate) fn news(&self) -> Vec<String> {
        self.news.lock().unwrap().clone()
    }

    /// Waits until the results of all pollers are read again in this way.
    pub(crate) async fn until_all_are(&self, freshness: Freshness) {
        self.wait(|| {
            let pollers = self.hub.pollers();
            pollers.iter().all(|poller| poller.freshness == freshness)
        })
        .await;
    }

    /// Waits until something is so.
    pub(crate) async fn wait(&self, mut is_so: impl FnMut() -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let news = self.news();
        assert!(waited.await.is_ok(), "waited in vain; {news:?}");
    }

    /// Waits until nothing has been asked of the database for a while, and returns how much was;
    /// `None` if it is asked on and on.
    pub(crate) async fn settled(&self) -> Option<u64> {
        let start = self.hub.statistics().batches;
        // Each may be asked a few times more before all is known of it.
        let most = 12 * self.hub.statistics().cohorts.max(1) as u64;
        let (mut quiet, mut last) = (0, start);
        while quiet < 15 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let batches = self.hub.statistics().batches;
            quiet = if batches == last { quiet + 1 } else { 0 };
            last = batches;
            if last > start + most {
                return None;
            }
        }
        Some(last)
    }
}

/// How a world is polled.
pub(crate) struct Start {
    pub(crate) interval: Duration,
    pub(crate) change_signals: ChangeSignals,
    /// What becomes of the database's URL before it is used; else it stays as it is.
    pub(crate) url: Option<fn(&str) -> String>,
}

fn observer(
    polls: Arc<StdMutex<HashMap<String, usize>>>,
    news: Arc<StdMutex<Vec<String>>>,
) -> graphloom_subscribe::Observer {
    Arc::new(move |event| match event {
        Event::Poll(report) => {
            let key = report.plan.keys[0].to_string();
            *polls.lock().unwrap().entry(key).or_default() += 1;
        }
        Event::Signals { source, news: what } => {
            let what = match what {
                SignalsNews::Heard => "heard".to_owned(),
                SignalsNews::Unheard { reason } => format!("unheard: {reason}"),
                SignalsNews::Untold { reason } => format!("untold: {reason}"),
            };
            news.lock().unwrap().push(format!("{source}: {what}"));
        }
    })
}

/// The next update: data, or `{"failed": message}`.
pub(crate) async fn next(subscription: &mut Subscription) -> Value {
    let update = tokio::time::timeout(PATIENCE, subscription.next()).await;
    match update.expect("an update") {
        Update::Data { data, .. } => serde_json::from_slice(&data).unwrap(),
        Update::Failed(error) => json!({"failed": error.message()}),
    }
}

/// Waits for an update that is this one; others may come before.
pub(crate) async fn until(subscription: &mut Subscription, expected: Value) {
    let mut last = Value::Null;
    let search = async {
        while last != expected {
            last = next(subscription).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, search).await;
    assert!(found.is_ok(), "expected {expected}, last was {last}");
}

pub(crate) fn user(id: &str) -> Session {
    let name = SessionVariableName::parse("x-hasura-user-id").unwrap();
    Session::new(
        RoleName::new("user"),
        BTreeMap::from([(name, id.to_owned())]),
    )
}

pub(crate) fn table(name: &str) -> Value {
    json!({"table": {"schema": "public", "name": name}})
}
