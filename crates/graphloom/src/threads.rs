//! The threads that requests are worked on.
//!
//! One for every two processors: Postgres, the kernel's network stack and clients want the others, and tasks that
//! follow each other on one thread wake nobody. Measured in docs/performance.md. What keeps a thread busy for long
//! hands its tasks to another one first (`heavy` of the execute crate), so that few threads hold nobody up.

use std::thread::available_parallelism;

use graphloom_server::options::Values;
use tokio::runtime::{Builder, Runtime};

/// Stack of each thread that works on requests: an operation that nests as deep as it may is bound, planned and
/// printed by functions that call themselves. Only what is used takes memory.
pub(crate) const STACK_BYTES: usize = 8 << 20;

/// The runtime of a server. Without values, which is what options that do not resolve give, it has the usual threads.
pub(crate) fn runtime(values: Option<&Values>) -> Result<Runtime, String> {
    let given = values.filter(|values| values.is_given("worker-threads"));
    let threads = given.map_or_else(usual, |values| values.size("worker-threads"));
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .thread_name("graphloom")
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))
}

/// Half of the processors that this process may use, as its control group says, too.
fn usual() -> usize {
    let processors = available_parallelism().map_or(1, usize::from);
    processors.div_ceil(2)
}
