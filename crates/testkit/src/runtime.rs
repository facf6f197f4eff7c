//! The one async runtime of the test process, on threads of its own.
//!
//! A test may run inside a runtime or outside one, and a runtime cannot be entered from within another;
//! so futures are sent to this one and their results waited for.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder
            .worker_threads(2)
            .thread_name("testkit")
            .enable_all()
            .build();
        runtime.expect("a process that can run tests can start two threads")
    })
}

/// Runs `future` to its end and returns what it gives. Blocks the calling thread.
pub(crate) fn block<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime().spawn(async move {
        // Nobody waits any more when the test's thread is gone.
        drop(sender.send(future.await));
    });
    receiver.recv().expect("the future ended without a panic")
}

/// Starts `future` and lets it run.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(runtime().spawn(future));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_runs_from_a_plain_thread() {
        assert_eq!(block(async { 1 + 1 }), 2);
    }

    #[tokio::test]
    async fn a_future_runs_from_inside_another_runtime() {
        assert_eq!(block(async { 1 + 1 }), 2);
    }
}
