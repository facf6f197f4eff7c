//! Writes that share connections: single statements of one row, each a transaction of its own.
//!
//! A write is never sent a second time while it is not known what became of the first. Who waits behind one that waits
//! for a lock can therefore not go elsewhere; instead the one in front is asked to make room: Postgres cancels it, says
//! that nothing of it happened, and it is sent again on a connection of its own. Only what waits for a lock is
//! cancelled. The request is heeded a little later: by then the lock may be there. What is told to be cancelled did not
//! happen all the same, and what has been committed is not cancelled any more, with one exception: the wait until other
//! servers have it ends. So nothing is shared where commits wait for those. Read next: `shared.rs`, `lanes.rs`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Row;

use super::Place;
use crate::cache::Statement;
use crate::error::PgError;
use crate::lanes::{Ticket, Traffic};
use crate::pool::Pool;
use crate::rows::RawRow;
use crate::session::Session;
use crate::sqlstate::SqlState;

/// How long a write waits behind others before what runs is asked to make room.
const PATIENCE: Duration = Duration::from_millis(25);
/// A lane on which nothing has ended for so long takes no more writes: what runs may wait for a lock.
const STALL: Duration = Duration::from_millis(5);

/// Whether writes may be made to wait for what runs on a session.
pub(super) fn may_follow(session: &Session) -> bool {
    session.process().is_some() && session.stood_still() < STALL
}

/// What a statement gave, and whether statements on its connection were asked to make room.
pub(super) type Outcome = (Result<Vec<Row>, PgError>, MadeRoom);

/// Whether a statement may have been cancelled for those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MadeRoom {
    Yes,
    No,
}

impl Pool {
    /// All rows of a statement that writes at most one row, and is a transaction of its own, on a connection that
    /// others may be using too.
    ///
    /// For statements that run nothing of a user's. What is not known to be quick has a connection of its own.
    pub async fn write_rows(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<RawRow>, PgError> {
        let rows = self.write(statement, parameters).await?;
        Ok(rows.into_iter().map(RawRow).collect())
    }

    async fn write(
        &self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Row>, PgError> {
        let shares = self.may_share() && self.1.is_none() && !statement.is_once();
        if !shares || !statement.is_quick() {
            return self.get().await?.rows(statement, parameters).await;
        }
        let ride = self.board(statement, Traffic::Writes).await?;
        let (place, ticket) = (ride.place, ride.ticket.clone());
        let sent = pin!(ride.outcome(statement, parameters));
        let (result, made_room) = match place {
            Place::First => sent.await,
            Place::Behind => self.patiently(&ticket, sent).await,
        };
        match result {
            Err(error)
                if made_room == MadeRoom::Yes
                    && error.sqlstate() == Some(SqlState::QUERY_CANCELED) =>
            {
                self.get().await?.rows(statement, parameters).await
            }
            result => result,
        }
    }

    /// Waits for a statement; as long as others are before it, has them make room now and then.
    async fn patiently(
        &self,
        ticket: &Ticket,
        mut sent: Pin<&mut impl Future<Output = Outcome>>,
    ) -> Outcome {
        loop {
            if let Ok(done) = timeout(PATIENCE, &mut sent).await {
                return done;
            }
            if self.0.sessions().lanes.is_next(ticket) {
                return sent.await;
            }
            tokio::select! {
                biased;
                done = &mut sent => return done,
                () = self.make_room(ticket) => {}
            }
        }
    }

    /// Cancels what runs on a lane if it waits for a lock. Where there is no connection to ask for that, whoever waits
    /// would have had to wait for one, too.
    async fn make_room(&self, ticket: &Ticket) {
        let Some(process) = ticket.session.process() else {
            return;
        };
        let _turn = self.0.impatient.acquire().await;
        let Ok(mut connection) = self.get_own().await else {
            return;
        };
        // From here on nobody joins, and the session is used by nobody else afterwards.
        self.0.sessions().lanes.make_room(ticket);
        let cancel = Statement::new(include_str!("../sql/cancel_blocked.sql"));
        let process = process.to_string();
        // If that fails, it is tried again.
        drop(connection.rows(&cancel, &[Some(&process)]).await);
    }
}
