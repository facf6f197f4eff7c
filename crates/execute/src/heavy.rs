//! Work that keeps a thread busy, kept from holding up everybody else.
//!
//! The server has few threads that all requests share; what takes one of them for more than a millisecond or so
//! gives the others' tasks to another thread first. That costs some microseconds, so it is for what is known to be
//! large. Where the runtime has one thread only (tests, small commands), or much such work is being done already, the
//! work is simply done: the runtime's threads are counted, and with none left nobody would read from sockets any more.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Texts of so many bytes are worth it: parsing, binding and planning them takes a millisecond.
pub const TEXT_BYTES: usize = 4 << 10;
/// JSON of so many bytes is worth it: reading, checking, writing or compressing it takes as long.
pub const JSON_BYTES: usize = 64 << 10;

/// Most work at once that has a thread of its own: far below the 512 threads that a runtime has for it.
const AT_ONCE_MAX: usize = 16;

/// How much has, in the whole process.
static AT_ONCE: AtomicUsize = AtomicUsize::new(0);

/// Does heavy work now, in this task.
pub fn run<T>(work: impl FnOnce() -> T) -> T {
    match Turn::take() {
        Some(_turn) => block_in_place(work),
        None => work(),
    }
}

/// The same if `is_heavy`.
pub fn run_if<T>(is_heavy: bool, work: impl FnOnce() -> T) -> T {
    if is_heavy { run(work) } else { work() }
}

/// Waits for something that does heavy work between its own waits. Unless much is being done already, it is not given
/// up half-way: whoever drops the returned future, the work goes on to its end.
pub async fn wait<T>(work: impl Future<Output = T>) -> T {
    match Turn::take() {
        Some(turn) => block_in_place(|| turn.0.block_on(work)),
        None => work.await,
    }
}

/// Work that may have a thread of its own, until it is dropped.
struct Turn(Handle);

impl Turn {
    fn take() -> Option<Self> {
        let runtime = shared_threads()?;
        let more = |count| (count < AT_ONCE_MAX).then_some(count + 1);
        let taken = AT_ONCE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Self(runtime))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        AT_ONCE.fetch_sub(1, Ordering::Relaxed);
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

    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use tokio::sync::Semaphore;

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

    /// One after the other: how much is done at once is counted for the whole process.
    #[test]
    fn heavy_work_holds_nobody_up() {
        other_tasks_go_on_while_heavy_work_is_done();
        other_tasks_go_on_while_heavy_work_is_waited_for();
        threads_do_not_run_out();
        other_tasks_go_on_while_heavy_work_is_done();
    }

    fn other_tasks_go_on_while_heavy_work_is_done() {
        blocked_until_another_runs(run);
        blocked_until_another_runs(|work| run_if(true, work));
    }

    fn other_tasks_go_on_while_heavy_work_is_waited_for() {
        let runtime = one_thread();
        let (ran, has_run) = mpsc::channel();
        let task = runtime.spawn(async move {
            tokio::spawn(async move { ran.send(()).unwrap() });
            wait(async move { has_run.recv_timeout(BOUND).is_ok() }).await
        });
        assert!(runtime.block_on(task).unwrap());
    }

    /// All of them wait for something that comes later, and more of them than the runtime has threads.
    fn threads_do_not_run_out() {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .max_blocking_threads(AT_ONCE_MAX + 1);
        let runtime = builder.enable_all().build().unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let waiting: Vec<_> = (0..10 * AT_ONCE_MAX)
            .map(|_| {
                let gate = gate.clone();
                runtime.spawn(wait(async move { gate.acquire().await.is_err() }))
            })
            .collect();
        let opened = runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            gate.close();
        });
        let all = async {
            opened.await.unwrap();
            for waiting in waiting {
                assert!(waiting.await.unwrap());
            }
        };
        runtime
            .block_on(async { tokio::time::timeout(BOUND, all).await })
            .unwrap();
    }

    #[tokio::test]
    async fn a_single_thread_does_it_itself() {
        assert_eq!((run(|| 1), wait(async { 2 }).await), (1, 2));
    }
}
