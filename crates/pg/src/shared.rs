//! Statements that share connections: single ones of different requests, several on one connection at
//! once, so that Postgres and we are woken once for many of them.
//!
//! `lanes.rs` decides who may be made to wait for whom. Here is what happens if that turns out wrong: a
//! statement that waits too long behind another is sent again elsewhere, which only what has no effect may
//! be (what writes do instead is in `shared/writes.rs`); and one that nobody waits for any more is cancelled
//! only where the cancel request, which Postgres applies to whatever runs when it arrives, can hit nobody else's.

mod writes;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::cache::Statement;
use crate::connection::{Prepared, with_context};
use crate::error::{PgError, PgErrorKind, ends_session};
use crate::lanes::{self, Abandoned, Done, Lanes, Room, Ticket, Traffic};
use crate::pool::{Idle, Pool, Shared};
use crate::rows::RawRow;
use crate::session::{Retry, Session};
use crate::values;
use writes::{MadeRoom, Outcome};

/// How long a statement waits behind others before it is sent again on a connection of its own.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long an abandoned statement may still run before it counts as slow.
const GRACE: Duration = Duration::from_millis(20);

impl Pool {
    /// The same as [`crate::Connection::query_json`], on a connection that others may be using too.
    ///
    /// For single statements without effects: one may be sent a second time while the first is under way,
    /// and settings that it changed would be others'. Sources without prepared statements give each a
    /// connection of its own, as poolers between us and Postgres need it.
    pub async fn read_json(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Option<Bytes>, PgError> {
        values::only_column(self.read(statement, parameters).await?)
    }

    /// The same as [`crate::Connection::query_json_rows`]; see [`Self::read_json`].
    pub async fn read_json_rows(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Option<Bytes>>, PgError> {
        let rows = self.read(statement, parameters).await?;
        rows.into_iter().map(values::first_column).collect()
    }

    /// All rows, as Postgres sent them; see [`Self::read_json`].
    pub async fn read_rows(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<RawRow>, PgError> {
        let rows = self.read(statement, parameters).await?;
        Ok(rows.into_iter().map(RawRow).collect())
    }

    async fn read(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Row>, PgError> {
        let mut pool = self.present();
        loop {
            match pool.read_own(statement, parameters).await {
                Ok(rows) => return Ok(rows),
                Err(error) => pool = self.after(pool, &error).ok_or(error)?,
            }
        }
    }

    async fn read_own(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Row>, PgError> {
        if !self.may_share() || statement.is_once() {
            return Box::pin(self.rows_alone(statement, parameters)).await;
        }
        let ride = self.board(statement, Traffic::Reads).await?;
        match ride.place {
            Place::First => ride.rows(statement, parameters).await,
            Place::Behind => self.rows_behind(ride, statement, parameters).await,
        }
    }

    async fn rows_alone(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Row>, PgError> {
        self.get_own().await?.rows(statement, parameters).await
    }

    /// Rows of a statement that others are before. One that waits too long for them is sent again.
    async fn rows_behind(
        &self,
        ride: Ride,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Row>, PgError> {
        let ticket = ride.ticket.clone();
        let mut waiting = pin!(ride.rows(statement, parameters));
        if let Ok(done) = timeout(PATIENCE, &mut waiting).await {
            return done;
        }
        // What takes so long may be this statement itself.
        if self.0.sessions().lanes.is_next(&ticket) {
            return waiting.await;
        }
        let elsewhere = async {
            let _turn = self.0.impatient.acquire().await;
            self.rows_alone(statement, parameters).await
        };
        tokio::select! {
            biased;
            done = &mut waiting => done,
            done = Box::pin(elsewhere) => match done {
                // That there is no other connection says nothing about the statement.
                Err(error) if error.database().is_none() => waiting.await,
                done => done,
            },
        }
    }

    /// A place for a statement: on a lane if it may join one, else on a connection of its own.
    async fn board(&self, statement: &Statement, traffic: Traffic) -> Result<Ride, PgError> {
        let cost = (traffic, lanes::cost(statement.pace().cost_us()));
        let permit = match self.0.board(cost) {
            Boarding::Done(ride) => return Ok(ride),
            Boarding::Opens(permit) => permit,
            Boarding::Waits => self.wait().await?,
        };
        let idle = self.0.sessions().take_idle(&self.0);
        let session = match idle {
            Some(session) => session,
            None => Box::pin(self.open()).await?,
        };
        session.moved();
        let ticket = self.0.sessions().lanes.open(session, permit, cost);
        Ok(Ride::of(&self.0, ticket, Place::First))
    }
}

/// What became of looking for a place.
enum Boarding {
    Done(Ride),
    /// There is room for one more connection, to be opened.
    Opens(OwnedSemaphorePermit),
    Waits,
}

impl Shared {
    fn board(self: &Arc<Self>, (traffic, cost): (Traffic, u64)) -> Boarding {
        let cost = (traffic, cost);
        let is_usable = |session: &Session| {
            !session.is_closed()
                && !self.is_too_old(session)
                && (traffic == Traffic::Reads || writes::may_follow(session))
        };
        let mut sessions = self.sessions();
        // Lanes would never be empty again if statements went on joining while others wait for a connection.
        let may_join = !self.has_waiting() && !self.places.is_closed();
        let spreads = sessions.lanes.is_few(traffic) && sessions.has_idle();
        if may_join
            && !spreads
            && let Some(ticket) = sessions.lanes.join(cost, Room::More, is_usable)
        {
            return Boarding::Done(Ride::of(self, ticket, Place::Behind));
        }
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            let joined = may_join.then(|| sessions.lanes.join(cost, Room::Full, is_usable));
            return match joined.flatten() {
                Some(ticket) => Boarding::Done(Ride::of(self, ticket, Place::Behind)),
                None => Boarding::Waits,
            };
        };
        let Some(session) = sessions.take_idle(self) else {
            return Boarding::Opens(permit);
        };
        session.moved();
        let ticket = sessions.lanes.open(session, permit, cost);
        Boarding::Done(Ride::of(self, ticket, Place::First))
    }

    /// Nothing runs any more on a lane: its session is idle.
    fn left(&self, left: Option<lanes::Left>) {
        let Some(left) = left else { return };
        if left.is_usable {
            self.keep(left.session);
        }
        // Only now: whoever gets it finds the session.
        drop(left.permit);
    }
}

/// A statement's place on a lane, until it is done or dropped.
struct Ride {
    pool: Arc<Shared>,
    ticket: Ticket,
    place: Place,
    state: RideState,
}

/// Whether other statements were on the lane before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Behind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RideState {
    /// Nothing was sent: dropping it leaves nothing behind.
    Waiting,
    /// A statement is under way.
    Sent,
    Done,
}

impl Ride {
    fn of(pool: &Arc<Shared>, ticket: Ticket, place: Place) -> Self {
        Self {
            pool: Arc::clone(pool),
            ticket,
            place,
            state: RideState::Waiting,
        }
    }

    async fn rows(
        self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Row>, PgError> {
        self.outcome(statement, parameters).await.0
    }

    async fn outcome(mut self, statement: &Statement, parameters: &[Option<&str>]) -> Outcome {
        self.state = RideState::Sent;
        let session = Arc::clone(&self.ticket.session);
        let result = session.rows(statement, parameters, Retry::Once).await;
        session.moved();
        let made_room = self.finish(match &result {
            Err(error) if breaks(error) => Done::Broken,
            _ => Done::Well,
        });
        let prepared = Prepared::of(&session);
        let result =
            result.map_err(|error| with_context(error, statement.text(), parameters, prepared));
        (result, made_room)
    }

    fn finish(&mut self, how: Done) -> MadeRoom {
        self.state = RideState::Done;
        let (left, made_room) = {
            let lanes = &mut self.pool.sessions().lanes;
            let made_room = match lanes.makes_room(&self.ticket) {
                true => MadeRoom::Yes,
                false => MadeRoom::No,
            };
            (lanes.done(&self.ticket, how), made_room)
        };
        self.pool.left(left);
        made_room
    }
}

/// Whether a session is of no more use after this error.
fn breaks(error: &PgError) -> bool {
    match error.kind() {
        PgErrorKind::Database(database) => ends_session(database),
        _ => true,
    }
}

impl Drop for Ride {
    fn drop(&mut self) {
        match self.state {
            RideState::Done => {}
            RideState::Waiting => drop(self.finish(Done::Well)),
            RideState::Sent => {
                let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                    self.finish(Done::Broken);
                    return;
                };
                self.pool.sessions().lanes.abandon(&self.ticket);
                runtime.spawn(settle(Arc::clone(&self.pool), self.ticket.clone()));
            }
        }
    }
}

/// Follows a statement that nobody waits for any more until it is done, or cancels it when that hits nobody else.
async fn settle(pool: Arc<Shared>, ticket: Ticket) {
    let session = Arc::clone(&ticket.session);
    {
        // Answered when everything before it is.
        let mut answered = pin!(session.client.batch_execute(""));
        loop {
            if timeout(GRACE, &mut answered).await.is_ok() {
                let left = pool.sessions().lanes.settled(&ticket);
                return pool.left(left);
            }
            let lingers = pool.sessions().lanes.lingers(&ticket);
            match lingers {
                Abandoned::Wait => {}
                Abandoned::Settled => return,
                Abandoned::Retire => break,
            }
        }
    }
    session.retire().await;
    let permit = pool.sessions().lanes.retired(&ticket);
    // The session ends before anybody may open another in its place.
    drop((ticket, session));
    drop(permit);
}

/// What the pool's lock holds.
#[derive(Default)]
pub(crate) struct Sessions {
    /// The most recently used last: it is taken first, so that the others become old.
    pub(crate) idle: Vec<Idle>,
    pub(crate) lanes: Lanes,
}

impl Sessions {
    fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// An idle session that can be used.
    pub(crate) fn take_idle(&mut self, pool: &Shared) -> Option<Arc<Session>> {
        while let Some(Idle { session, .. }) = self.idle.pop() {
            if !session.is_closed() && !pool.is_too_old(&session) {
                return Some(session);
            }
        }
        None
    }
}
