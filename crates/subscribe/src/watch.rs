//! The task that watches a source, as long as somebody subscribes to it.
//!
//! It asks at an interval what has happened (`questions.rs`), and with change signals it sees to it that the tables
//! that matter have their triggers, and hears what those tell (`triggers.rs`). An object's changes count as told from
//! the moment at which all of its triggers were seen to be there, and no longer once anything it is made of was seen
//! to be another. Nothing is told while nobody hears: then the source is one without change signals.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use graphloom_pg::{Heard, Pool};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::object::Object;
use crate::observe::{Event, SignalsNews};
use crate::questions::{CHECK_LIMIT, Closure, Questions};
use crate::signal::Signal;
use crate::source::{Shared, SourceOptions, Telling};
use crate::triggers::{self, Listener, Refusal};

/// How long questions wait after one was not answered.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// At least so long passes between two times that pollers are told of changes.
const TELL_PAUSE: Duration = Duration::from_millis(10);
/// How long it takes to listen again after it ended, and, doubled each time, after it failed.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);
const LISTEN_PAUSE_MAX: Duration = Duration::from_mins(1);
/// After how long a trigger is tried again: on a table that was busy, and on one that may not have it.
const BUSY_PAUSE: Duration = Duration::from_secs(2);
const DENIED_PAUSE: Duration = Duration::from_mins(1);
/// How often triggers are looked for that nobody needs, and when first.
const SWEEP_PAUSE: Duration = Duration::from_mins(10);
const SWEEP_FIRST: Duration = Duration::from_mins(1);

/// The state of the task.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    options: SourceOptions,
    questions: Questions,
    /// What was asked about the last time.
    asked: HashSet<Object>,
    /// What they are made of, while changes are told.
    closures: HashMap<Object, Closure>,
    changes: HashMap<Object, u64>,
    number: u64,
    listening: Listening,
    /// What goes on beside the questions.
    work: JoinSet<Done>,
    is_arming: bool,
    /// When tables that have no trigger are tried again, and what was said of them.
    refused: HashMap<Box<str>, (Instant, Refusal)>,
    sweep: Instant,
}

/// Whether changes are heard of.
enum Listening {
    /// Nobody wants it.
    Off,
    /// Not before this time.
    From(Instant),
    /// It is under way.
    Starting,
    On(Box<Listener>),
}

/// What has come of work beside the questions.
enum Done {
    Listening(Result<Box<Listener>, String>),
    Armed(Vec<(Box<str>, Result<(), Refusal>)>),
    Swept,
}

/// What there is to do next.
enum Next {
    /// Ask what has happened.
    Look,
    /// Changes were told; ask no sooner than planned.
    Told,
}

impl Watch {
    pub(crate) fn new(shared: Arc<Shared>, options: SourceOptions) -> Self {
        let listening = match options.telling {
            Telling::Off => Listening::Off,
            Telling::On => Listening::From(Instant::now()),
        };
        Self {
            shared,
            options,
            questions: Questions::new(),
            asked: HashSet::new(),
            closures: HashMap::new(),
            changes: HashMap::new(),
            number: 0,
            listening,
            work: JoinSet::new(),
            is_arming: false,
            refused: HashMap::new(),
            sweep: Instant::now() + SWEEP_FIRST,
        }
    }

    /// Publishes a new signal whenever something happened, until it is aborted.
    pub(crate) async fn run(mut self) {
        let mut listen_pause = LISTEN_PAUSE;
        let mut reason = None;
        loop {
            self.start_listening();
            self.look().await;
            let pause = match self.shared.signals.borrow().text {
                Some(_) => self.options.interval,
                None => self.options.interval.max(CHECK_PAUSE),
            };
            let due = Instant::now() + pause;
            let mut hear_from = Instant::now();
            loop {
                match self
                    .next(due, hear_from, &mut listen_pause, &mut reason)
                    .await
                {
                    Next::Look => break,
                    Next::Told => hear_from = Instant::now() + TELL_PAUSE,
                }
            }
        }
    }

    async fn next(
        &mut self,
        due: Instant,
        hear_from: Instant,
        listen_pause: &mut Duration,
        reason: &mut Option<String>,
    ) -> Next {
        let heard = async {
            match &mut self.listening {
                Listening::On(listener) => {
                    sleep_until(hear_from).await;
                    listener.heard().await
                }
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep_until(due) => Next::Look,
            () = self.shared.news.notified() => Next::Look,
            heard = heard => {
                match heard {
                    Ok(heard) => self.tell(&heard),
                    Err(error) => self.stop_listening(&error.to_string()),
                }
                Next::Told
            }
            Some(done) = self.work.join_next() => {
                match done {
                    Ok(Done::Listening(opened)) => self.opened(opened, listen_pause, reason),
                    Ok(Done::Armed(outcomes)) => self.armed(outcomes),
                    Ok(Done::Swept) => {}
                    // A task of ours that panics is tried again like one that fails.
                    Err(_) => {
                        self.is_arming = false;
                        if matches!(self.listening, Listening::Starting) {
                            self.listening = Listening::From(Instant::now() + LISTEN_PAUSE_MAX);
                        }
                    }
                }
                Next::Look
            }
        }
    }

    /// Asks what has happened, and what that means for what is watched.
    async fn look(&mut self) {
        let text = self.text().await;
        let objects = self.shared.objects();
        let same = self.shared.signals.borrow().text == text;
        if !same || objects.iter().any(|object| !self.asked.contains(object)) {
            let steady = match text {
                Some(_) => self.take_stock(&objects).await,
                None => HashSet::new(),
            };
            self.asked = objects.into_iter().collect();
            self.shared.publish(Signal {
                text,
                steady: Arc::new(steady),
                changes: self.changes.clone(),
                number: self.number,
            });
        }
        self.arm().await;
        self.sweep().await;
    }

    /// What has happened so far. Whoever listens asks on the same session: it shows whether that is still there.
    async fn text(&mut self) -> Option<Arc<str>> {
        if let Listening::On(listener) = &mut self.listening {
            let asked = self.questions.signal(listener.connection());
            match timeout(CHECK_LIMIT, asked).await {
                Ok(Ok(text)) => return text,
                Ok(Err(error)) => self.stop_listening(&error.to_string()),
                Err(_) => self.stop_listening("the database does not answer"),
            }
        }
        let pool = &self.shared.pool;
        let asked = timeout(CHECK_LIMIT, async {
            let mut connection = pool.get().await?;
            self.questions.signal(&mut connection).await
        });
        asked.await.ok().and_then(Result::ok).flatten()
    }

    /// Which of these are steady. Those that have become others count as changed.
    async fn take_stock(&mut self, objects: &[Object]) -> HashSet<Object> {
        let pool = self.shared.pool.clone();
        let mut same = HashSet::new();
        if matches!(self.listening, Listening::On(_)) {
            let tables: Vec<_> = objects.iter().filter(|object| object.is_table()).collect();
            let closures = self.questions.closures(&pool, &tables).await;
            let closures = closures.unwrap_or_default();
            let before = Arc::clone(&self.shared.signals.borrow().steady);
            self.changes.retain(|object, _| {
                let is_same = closures.get(object).is_some_and(Closure::is_told)
                    && closures.get(object) == self.closures.get(object)
                    && before.contains(object);
                if is_same {
                    same.insert(object.clone());
                }
                is_same
            });
            self.closures = closures;
        }
        let others = objects.iter().filter(|object| !same.contains(*object));
        let others: Vec<_> = others.collect();
        let mut steady = match others.is_empty() {
            true => HashSet::new(),
            false => self.questions.steady(&pool, &others).await,
        };
        for object in &steady {
            if self.closures.get(object).is_some_and(Closure::is_told) {
                self.number += 1;
                self.changes.insert(object.clone(), self.number);
            }
        }
        steady.extend(same);
        steady
    }

    /// Takes note of what was heard.
    fn tell(&mut self, heard: &Heard) {
        let number = self.number + 1;
        let mut is_news = false;
        for (object, last) in &mut self.changes {
            let Some(closure) = self.closures.get(object) else {
                continue;
            };
            if !heard.is_complete || !closure.tables.is_disjoint(&heard.payloads) {
                *last = number;
                is_news = true;
            }
        }
        if is_news {
            self.number = number;
            self.publish_changes();
        }
    }

    /// The same signal with the changes as they are now.
    fn publish_changes(&self) {
        let current = Arc::clone(&self.shared.signals.borrow());
        self.shared.publish(Signal {
            text: current.text.clone(),
            steady: Arc::clone(&current.steady),
            changes: self.changes.clone(),
            number: self.number,
        });
    }

    fn start_listening(&mut self) {
        let Listening::From(time) = self.listening else {
            return;
        };
        if time <= Instant::now() {
            self.listening = Listening::Starting;
            let pool = self.shared.pool.clone();
            self.work
                .spawn(async move { Done::Listening(Listener::open(&pool).await.map(Box::new)) });
        }
    }

    fn opened(
        &mut self,
        opened: Result<Box<Listener>, String>,
        pause: &mut Duration,
        reason: &mut Option<String>,
    ) {
        match opened {
            Ok(listener) => {
                *pause = LISTEN_PAUSE;
                *reason = None;
                self.listening = Listening::On(listener);
                // Nobody has asked yet what these are made of.
                self.asked.clear();
                self.report(SignalsNews::Heard);
            }
            Err(why) => {
                self.listening = Listening::From(Instant::now() + *pause);
                *pause = (*pause * 2).min(LISTEN_PAUSE_MAX);
                if reason.as_ref() != Some(&why) {
                    self.report(SignalsNews::Unheard { reason: &why });
                    *reason = Some(why);
                }
            }
        }
    }

    /// From now on nothing is told: all is as without change signals.
    fn stop_listening(&mut self, reason: &str) {
        self.listening = Listening::From(Instant::now() + LISTEN_PAUSE);
        self.closures.clear();
        self.changes.clear();
        self.publish_changes();
        self.report(SignalsNews::Unheard { reason });
    }

    /// Begins to give triggers to tables that lack them, once what they belong to is steady.
    async fn arm(&mut self) {
        let Listening::On(listener) = &mut self.listening else {
            return;
        };
        if self.is_arming {
            return;
        }
        let steady = Arc::clone(&self.shared.signals.borrow().steady);
        let useful = self
            .closures
            .iter()
            .filter(|(object, closure)| closure.obstacle.is_none() && steady.contains(*object));
        let useful: Vec<_> = useful.map(|(_, closure)| closure).collect();
        let tables = useful.iter().flat_map(|closure| &closure.tables);
        let new = tables.clone().any(|table| !listener.keeps(table));
        if new {
            let tables = tables.chain(listener.kept()).cloned().collect();
            if let Err(reason) = listener.keep(tables).await {
                self.stop_listening(&reason);
                return;
            }
        }
        let now = Instant::now();
        let missing: HashSet<_> = useful.iter().flat_map(|closure| &closure.missing).collect();
        let missing = missing.into_iter().filter(|table| {
            let refused = self.refused.get(*table);
            refused.is_none_or(|(until, _)| *until <= now)
        });
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() {
            self.is_arming = true;
            let pool = self.shared.pool.clone();
            self.work.spawn(give_triggers(pool, missing));
        }
    }

    fn armed(&mut self, outcomes: Vec<(Box<str>, Result<(), Refusal>)>) {
        self.is_arming = false;
        for (table, outcome) in outcomes {
            let Err(refusal) = outcome else {
                self.refused.remove(&table);
                continue;
            };
            let pause = match refusal {
                Refusal::Busy => BUSY_PAUSE,
                Refusal::Denied(_) => DENIED_PAUSE,
            };
            let before = self.refused.get(&table);
            let is_news = before.is_none_or(|(_, before)| *before != refusal);
            if let (true, Refusal::Denied(reason)) = (is_news, &refusal) {
                self.report(SignalsNews::Untold { reason });
            }
            self.refused
                .insert(table, (Instant::now() + pause, refusal));
        }
    }

    /// Takes triggers away that nobody needs, when it is time.
    async fn sweep(&mut self) {
        let Listening::On(listener) = &mut self.listening else {
            return;
        };
        if self.sweep > Instant::now() || self.is_arming {
            return;
        }
        self.sweep = Instant::now() + SWEEP_PAUSE;
        let tables = self.closures.values().flat_map(|closure| &closure.tables);
        if let Err(reason) = listener.keep(tables.cloned().collect()).await {
            self.stop_listening(&reason);
            return;
        }
        self.refused.retain(|table, _| listener.keeps(table));
        let pool = self.shared.pool.clone();
        self.work.spawn(async move {
            // What cannot be taken away now is the next time.
            triggers::sweep(&pool).await.ok();
            Done::Swept
        });
    }

    fn report(&self, news: SignalsNews<'_>) {
        if let Some(observer) = &self.options.observer {
            observer(&Event::Signals {
                source: &self.options.name,
                news,
            });
        }
    }
}

/// Gives these tables their triggers, each in a transaction of its own: a table is locked for a moment only.
async fn give_triggers(pool: Pool, tables: Vec<Box<str>>) -> Done {
    let mut outcomes = Vec::with_capacity(tables.len());
    for table in tables {
        let outcome = triggers::watch(&pool, &table).await;
        outcomes.push((table, outcome));
    }
    Done::Armed(outcomes)
}
