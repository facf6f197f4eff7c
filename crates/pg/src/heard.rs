//! What a session hears from others: the payloads of notifications, until somebody asks for them.
//!
//! Knows no channels: a session listens to as many as it likes, and says what was said on any of them.
//! Read next: `connection.rs`.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Different payloads that are kept for somebody who asks late.
const PAYLOADS_MAX: usize = 1024;
/// Longer ones are nobody's we know.
const PAYLOAD_BYTES_MAX: usize = 128;

/// What was said since the last time somebody asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The different payloads.
    pub payloads: HashSet<Box<str>>,
    /// Whether there was nothing else: more than 1024 different ones are not kept, nor any of more than 128 bytes.
    pub is_complete: bool,
}

impl Default for Heard {
    /// Nothing.
    fn default() -> Self {
        Self {
            payloads: HashSet::new(),
            is_complete: true,
        }
    }
}

/// Where the task that reads a connection leaves what was said.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    heard: Mutex<Heard>,
    /// Woken by each notification, and when the session ends.
    woken: Notify,
}

impl Ear {
    /// Takes note of a notification.
    pub(crate) fn hear(&self, payload: &str) {
        let mut heard = self.heard();
        let is_kept = heard.payloads.len() < PAYLOADS_MAX && payload.len() <= PAYLOAD_BYTES_MAX;
        if is_kept {
            heard.payloads.insert(payload.into());
        } else if !heard.payloads.contains(payload) {
            heard.is_complete = false;
        }
        drop(heard);
        self.wake();
    }

    /// Wakes whoever waits, though nothing was said.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Waits until something was said, or the session has ended.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// What was said since the last time.
    pub(crate) fn take(&self) -> Heard {
        std::mem::take(&mut *self.heard())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_told() {
        let ear = Ear::default();
        ear.hear("1");
        ear.hear("1");
        let heard = ear.take();
        assert_eq!((heard.payloads.len(), heard.is_complete), (1, true));
        assert_eq!(ear.take(), Heard::default());
        for number in 0..=PAYLOADS_MAX {
            ear.hear(&number.to_string());
        }
        ear.hear("7");
        let heard = ear.take();
        assert_eq!(
            (heard.payloads.len(), heard.is_complete),
            (PAYLOADS_MAX, false)
        );
        ear.hear(&"x".repeat(PAYLOAD_BYTES_MAX + 1));
        let heard = ear.take();
        assert_eq!((heard.payloads.len(), heard.is_complete), (0, false));
    }
}
