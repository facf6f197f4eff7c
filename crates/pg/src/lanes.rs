//! Lanes: sessions that several reads, or several writes, use at once, their statements following each other down
//! the connection.
//!
//! Postgres answers them in order, so a statement waits for those before it. What this file decides is who
//! may be made to wait: nobody behind a statement that is slow or was never run, and nobody for longer than
//! [`QUEUE_MAX_US`] by what is known of the others. A lane exists only while statements are under way on it;
//! then its session is idle again, and anybody's. No clock, no tasks: `shared.rs` has those.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::session::Session;

/// The longest queue that a statement may join, in microseconds of usual time: a multiple of what joining
/// saves (a wake-up of Postgres and one of ours), and less than anybody notices.
pub(crate) const QUEUE_MAX_US: u64 = 1_000;
/// The most statements on one lane.
const STATEMENTS_MAX: u32 = 16;
/// The same where the pool has no connection left: the alternative is to wait for one.
const STATEMENTS_MAX_FULL: u32 = 64;
/// The longest queue that a write may join, in microseconds of usual time: where a commit has to reach a disk, many
/// connections commit together, and one after the other they would not.
const WRITES_QUEUE_MAX_US: u64 = 500;
/// The most writes on one lane.
const WRITES_MAX: u32 = 8;
/// So many lanes are opened, where sessions are idle, before statements queue up: Postgres has more than one core.
const LANES_MIN: usize = 2;
/// What a statement counts that nobody should wait behind.
const SLOW_US: u64 = u32::MAX as u64;

/// A session in shared use.
struct Lane {
    traffic: Traffic,
    session: Arc<Session>,
    permit: OwnedSemaphorePermit,
    /// Statements somebody waits for.
    awaited: u32,
    /// Statements nobody waits for any more that may still run.
    abandoned: u32,
    /// What all of them cost.
    queue_us: u64,
    /// Statements that ever joined.
    joined: u64,
    /// Those of them that have ended.
    ended: u64,
    state: State,
}

/// A statement's place on a lane.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) session: Arc<Session>,
    pub(crate) cost: u64,
    /// How many joined before it.
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Takes no more statements.
    Leaving,
    /// The same, and the session will not be used again.
    Broken,
    /// The same: what runs is asked to make room for those behind it.
    MakingRoom,
    /// Nobody waits for anything on it: what still runs is being cancelled.
    Retiring,
}

/// All lanes of a pool.
#[derive(Default)]
pub(crate) struct Lanes(Vec<Lane>);

/// Where a statement wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// The pool can have more connections.
    More,
    /// It cannot.
    Full,
}

/// What a lane is for. Reads can go elsewhere if they wait too long, writes cannot: neither waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    Reads,
    Writes,
}

/// A lane that nothing runs on any more.
pub(crate) struct Left {
    pub(crate) session: Arc<Session>,
    pub(crate) permit: OwnedSemaphorePermit,
    /// Whether the session can be used again.
    pub(crate) is_usable: bool,
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// With a result, or an error that is its own affair.
    Well,
    /// So that the session is of no more use.
    Broken,
}

/// What is to be done about an abandoned statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// Somebody still waits for another one on this lane, who must not be disturbed.
    Wait,
    /// Cancel whatever runs, and end the session: the caller's task now.
    Retire,
    /// Somebody else does so.
    Settled,
}

/// What a statement counts in a queue.
pub(crate) fn cost(cost_us: Option<u32>) -> u64 {
    cost_us.map_or(SLOW_US, u64::from)
}

impl Lanes {
    /// Whether there may be more lanes before statements queue up.
    pub(crate) fn is_few(&self, traffic: Traffic) -> bool {
        let lanes = self.0.iter().filter(|lane| lane.traffic == traffic);
        lanes.count() < LANES_MIN
    }

    /// Puts a statement on the best lane, if there is one it may join.
    pub(crate) fn join(
        &mut self,
        (traffic, cost): (Traffic, u64),
        room: Room,
        is_usable: impl Fn(&Session) -> bool,
    ) -> Option<Ticket> {
        if cost == SLOW_US {
            return None;
        }
        let (queue_max, statements_max) = match (traffic, room) {
            (Traffic::Reads, Room::More) => (QUEUE_MAX_US, STATEMENTS_MAX),
            (Traffic::Reads, Room::Full) => (SLOW_US - 1, STATEMENTS_MAX_FULL),
            (Traffic::Writes, _) => (WRITES_QUEUE_MAX_US, WRITES_MAX),
        };
        let lanes = self.0.iter_mut().filter(|lane| {
            lane.state == State::Open
                && lane.traffic == traffic
                && lane.queue_us + cost <= queue_max
                && lane.awaited + lane.abandoned < statements_max
                && is_usable(&lane.session)
        });
        let lane = lanes.min_by_key(|lane| (lane.queue_us, lane.awaited))?;
        let ticket = Ticket {
            session: Arc::clone(&lane.session),
            cost,
            number: lane.joined,
        };
        lane.awaited += 1;
        lane.joined += 1;
        lane.queue_us += cost;
        Some(ticket)
    }

    /// Makes a lane of a session, for a first statement.
    pub(crate) fn open(
        &mut self,
        session: Arc<Session>,
        permit: OwnedSemaphorePermit,
        (traffic, cost): (Traffic, u64),
    ) -> Ticket {
        self.0.push(Lane {
            traffic,
            session: Arc::clone(&session),
            permit,
            awaited: 1,
            abandoned: 0,
            queue_us: cost,
            joined: 1,
            ended: 0,
            state: State::Open,
        });
        Ticket {
            session,
            cost,
            number: 0,
        }
    }

    /// Whether everything before a statement has ended, so that it is the one that runs. Statements that were
    /// abandoned count until that is known of them.
    pub(crate) fn is_next(&self, ticket: &Ticket) -> bool {
        let index = self.index(ticket);
        index.is_none_or(|index| self.0[index].ended >= ticket.number)
    }

    /// A statement's result is here, or its error.
    pub(crate) fn done(&mut self, ticket: &Ticket, how: Done) -> Option<Left> {
        let index = self.index(ticket)?;
        let lane = &mut self.0[index];
        lane.awaited -= 1;
        lane.ended += 1;
        lane.queue_us -= ticket.cost;
        if how == Done::Broken && !matches!(lane.state, State::Retiring | State::MakingRoom) {
            lane.state = State::Broken;
        }
        self.leave(index)
    }

    /// Nobody waits for a statement any more; it counts until [`Self::settled`].
    pub(crate) fn abandon(&mut self, ticket: &Ticket) {
        if let Some(index) = self.index(ticket) {
            self.0[index].awaited -= 1;
            self.0[index].abandoned += 1;
        }
    }

    /// An abandoned statement has ended by itself.
    pub(crate) fn settled(&mut self, ticket: &Ticket) -> Option<Left> {
        let index = self.index(ticket)?;
        let lane = &mut self.0[index];
        lane.abandoned -= 1;
        lane.ended += 1;
        lane.queue_us -= ticket.cost;
        self.leave(index)
    }

    /// An abandoned statement goes on and on: the lane takes no more, and once nobody waits for anything on
    /// it, it is retired.
    pub(crate) fn lingers(&mut self, ticket: &Ticket) -> Abandoned {
        let Some(index) = self.index(ticket) else {
            return Abandoned::Settled;
        };
        let lane = &mut self.0[index];
        match lane.state {
            State::Retiring => Abandoned::Settled,
            _ if lane.awaited == 0 => {
                lane.state = State::Retiring;
                Abandoned::Retire
            }
            State::Broken | State::MakingRoom | State::Leaving => Abandoned::Wait,
            State::Open => {
                lane.state = State::Leaving;
                Abandoned::Wait
            }
        }
    }

    /// A retired lane's session has ended: its permit.
    pub(crate) fn retired(&mut self, ticket: &Ticket) -> Option<OwnedSemaphorePermit> {
        let index = self.index(ticket)?;
        Some(self.0.swap_remove(index).permit)
    }

    /// What runs on a statement's lane is going to be cancelled for those behind it.
    pub(crate) fn make_room(&mut self, ticket: &Ticket) {
        if let Some(index) = self.index(ticket)
            && self.0[index].state != State::Retiring
        {
            self.0[index].state = State::MakingRoom;
        }
    }

    /// Whether a statement may have been cancelled for those behind it.
    pub(crate) fn makes_room(&self, ticket: &Ticket) -> bool {
        let index = self.index(ticket);
        index.is_some_and(|index| self.0[index].state == State::MakingRoom)
    }

    fn leave(&mut self, index: usize) -> Option<Left> {
        let lane = &self.0[index];
        if lane.awaited + lane.abandoned > 0 || lane.state == State::Retiring {
            return None;
        }
        let lane = self.0.swap_remove(index);
        Some(Left {
            session: lane.session,
            permit: lane.permit,
            is_usable: !matches!(lane.state, State::Broken | State::MakingRoom),
        })
    }

    fn index(&self, ticket: &Ticket) -> Option<usize> {
        let mut lanes = self.0.iter();
        lanes.position(|lane| Arc::ptr_eq(&lane.session, &ticket.session))
    }
}
