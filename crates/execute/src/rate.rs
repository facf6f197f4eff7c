//! How many operations a minute: counted per role, and per address or session variables where metadata
//! says so, in this process.
//!
//! The last minute is the current one and as much of the one before as still counts. The table of callers
//! is bounded; beyond it those of a role share one count, so that many names cannot fill the memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use graphloom_schema::{RateLimit, ToldApartBy};
use graphloom_vocab::{Result, Session};

use crate::guard::exceeded;

const MINUTE: Duration = Duration::from_mins(1);
/// Most callers that are told apart.
const CALLERS_MAX: usize = 100_000;

/// Counts operations.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<Caller, Count>>);

/// Who shares a count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Caller {
    Role(String),
    Address(String, Option<IpAddr>),
    Variables(String, Vec<Option<String>>),
    /// The rest of a role.
    Others(String),
}

#[derive(Debug)]
struct Count {
    since: Instant,
    current: u64,
    before: u64,
}

impl Rates {
    /// Counts operations, or refuses them with `rate-limit-exceeded`; refused ones do not count.
    pub(crate) fn take(
        &self,
        limit: &RateLimit,
        session: &Session,
        address: Option<IpAddr>,
        operations: u64,
    ) -> Result<()> {
        self.take_at(
            limit,
            caller(limit, session, address),
            operations,
            Instant::now(),
        )
    }

    fn take_at(
        &self,
        limit: &RateLimit,
        caller: Caller,
        operations: u64,
        now: Instant,
    ) -> Result<()> {
        let mut counts = self.0.lock().expect("no panic while this lock is held");
        if counts.len() >= CALLERS_MAX && !counts.contains_key(&caller) {
            counts.retain(|_, count| now.duration_since(count.since) < 2 * MINUTE);
        }
        let caller = match caller {
            caller if counts.len() < CALLERS_MAX || counts.contains_key(&caller) => caller,
            Caller::Role(role)
            | Caller::Address(role, _)
            | Caller::Variables(role, _)
            | Caller::Others(role) => Caller::Others(role),
        };
        let count = counts.entry(caller).or_insert(Count {
            since: now,
            current: 0,
            before: 0,
        });
        count.advance(now);
        let most = limit.operations_per_minute;
        if count.last_minute(now).saturating_add(operations) > most {
            let message = format!("more than {most} operations in a minute");
            return Err(exceeded("rate-limit-exceeded", message));
        }
        count.current += operations;
        Ok(())
    }
}

fn caller(limit: &RateLimit, session: &Session, address: Option<IpAddr>) -> Caller {
    let role = session.role.as_str().to_owned();
    match &limit.told_apart_by {
        ToldApartBy::Role => Caller::Role(role),
        ToldApartBy::Ip => Caller::Address(role, address),
        ToldApartBy::Variables(names) => {
            let values = names
                .iter()
                .map(|name| session.variable(name).map(str::to_owned));
            Caller::Variables(role, values.collect())
        }
    }
}

impl Count {
    fn advance(&mut self, now: Instant) {
        let age = now.duration_since(self.since);
        if age < MINUTE {
            return;
        }
        self.before = if age < 2 * MINUTE { self.current } else { 0 };
        self.current = 0;
        let minutes = age.as_secs() / MINUTE.as_secs();
        self.since += Duration::from_secs(minutes * MINUTE.as_secs());
    }

    fn last_minute(&self, now: Instant) -> u64 {
        let left = MINUTE.saturating_sub(now.duration_since(self.since));
        let share = self
            .before
            .saturating_mul(u64::try_from(left.as_millis()).unwrap_or(0));
        self.current + share / 60_000
    }
}

#[cfg(test)]
mod tests {
    use graphloom_vocab::{RoleName, Session, SessionVariableName};

    use super::*;

    fn limit(told_apart_by: ToldApartBy) -> RateLimit {
        RateLimit {
            operations_per_minute: 6,
            told_apart_by,
        }
    }

    #[test]
    fn a_minute_slides() {
        let (rates, start) = (Rates::default(), Instant::now());
        let take = |operations: u64, after_s: u64| {
            let now = start + Duration::from_secs(after_s);
            let limit = limit(ToldApartBy::Role);
            rates
                .take_at(&limit, Caller::Role("user".to_owned()), operations, now)
                .is_ok()
        };
        assert!(take(4, 0) && take(2, 10));
        assert!(!take(1, 20), "six in this minute");
        // Half of the six still counts, and what was refused never did.
        assert!(take(3, 90) && !take(1, 90));
        assert!(take(6, 300) && !take(7, 600));
    }

    #[test]
    fn callers_are_told_apart_as_metadata_says() {
        let session = |role: &str, id: &str| {
            let name = SessionVariableName::parse("x-hasura-user-id").expect("has the prefix");
            Session::new(RoleName::new(role), [(name, id.to_owned())].into())
        };
        let address = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        let name = SessionVariableName::parse("x-hasura-user-id").expect("has the prefix");
        for (told_apart_by, by_id, by_address) in [
            (ToldApartBy::Role, false, false),
            (ToldApartBy::Ip, false, true),
            (ToldApartBy::Variables(vec![name]), true, false),
        ] {
            let (rates, limit) = (Rates::default(), limit(told_apart_by));
            let take = |role: &str, id: &str, last: u8| {
                rates
                    .take(&limit, &session(role, id), address(last), 6)
                    .is_ok()
            };
            assert!(take("user", "1", 1) && !take("user", "1", 1));
            assert_eq!(take("user", "2", 1), by_id);
            assert_eq!(take("user", "1", 2), by_address);
            assert!(take("editor", "1", 1));
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let (rates, now) = (Rates::default(), Instant::now());
        let limit = limit(ToldApartBy::Role);
        let mut refused = 0;
        for number in 0..CALLERS_MAX + 20 {
            let caller = Caller::Variables("user".to_owned(), vec![Some(number.to_string())]);
            refused += usize::from(rates.take_at(&limit, caller, 1, now).is_err());
        }
        assert_eq!(refused, 14, "the rest shares six");
        assert_eq!(rates.0.lock().expect("not poisoned").len(), CALLERS_MAX + 1);
    }
}
