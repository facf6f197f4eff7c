//! Work that keeps a thread busy, kept from holding up everybody else.
//!
//! The server has few threads that all requests share; what takes one of them for more than a millisecond or so
//! gives the others' tasks to another thread first. That costs some microseconds, so it is for what is known to be
//! large. Where the runtime has one thread only (tests, small commands), the work is simply done.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Texts of so many bytes are worth it: parsing, binding and planning them takes a millisecond.
pub const TEXT_BYTES: usize = 4 << 10;
/// JSON of so many bytes is worth it: reading, checking, writing or compressing it takes as long.
pub const JSON_BYTES: usize = 64 << 10;

/// Does heavy work now, in this task.
pub fn run<T>(work: impl FnOnce() -> T) -> T {
    match shared_threads() {
        Some(_) => block_in_place(work),
        None => work(),
    }
}

/// The same if `is_heavy`.
pub fn run_if<T>(is_heavy: bool, work: impl FnOnce() -> T) -> T {
    if is_heavy { run(work) } else { work() }
}

/// Waits for something that does heavy work between its own waits. It is not given up half-way: whoever drops the
/// returned future, the work goes on to its end.
pub async fn wait<T>(work: impl Future<Output = T>) -> T {
    match shared_threads() {
        Some(runtime) => block_in_place(|| runtime.block_on(work)),
        None => work.await,
    }
}

/// The runtime, if it has threads that tasks can move between.
fn shared_threads() -> Option<Handle> {
    let runtime = Handle::try_current().ok()?;
    (runtime.runtime_flavor() == RuntimeFlavor::MultiThread).then_some(runtime)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const BOUND: Duration = Duration::from_mins(1);

    fn one_thread() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    }

    /// Blocks its thread until another task, of the same single worker, has run.
    fn blocked_until_another_runs(
        heavy: impl FnOnce(Box<dyn FnOnce() -> bool + Send>) -> bool + Send + 'static,
    ) {
        let runtime = one_thread();
        let (ran, has_run) = mpsc::channel();
        let work = move || has_run.recv_timeout(BOUND).is_ok();
        let task = runtime.spawn(async move {
            tokio::spawn(async move { ran.send(()).unwrap() });
            heavy(Box::new(work))
        });
        assert!(runtime.block_on(task).unwrap());
    }

    #[test]
    fn other_tasks_go_on_while_heavy_work_is_done() {
        blocked_until_another_runs(run);
        blocked_until_another_runs(|work| run_if(true, work));
    }

    #[test]
    fn other_tasks_go_on_while_heavy_work_is_waited_for() {
        let runtime = one_thread();
        let (ran, has_run) = mpsc::channel();
        let task = runtime.spawn(async move {
            tokio::spawn(async move { ran.send(()).unwrap() });
            wait(async move { has_run.recv_timeout(BOUND).is_ok() }).await
        });
        assert!(runtime.block_on(task).unwrap());
    }

    #[tokio::test]
    async fn a_single_thread_does_it_itself() {
        assert_eq!((run(|| 1), wait(async { 2 }).await), (1, 2));
    }
}
