//! Every world and every case file is a test: documents in, SQL and errors out, as snapshots.
//!
//! There is nothing to add here: a new case is a new file. See `cases/README.md`.

mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::run::run()
}
