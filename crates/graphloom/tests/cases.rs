//! Every file under `cases/` as a test of the real program, over HTTP and WebSocket.
//!
//! There is nothing to add here: a new case is a new file. See `cases/README.md`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases");
    graphloom_testkit::cases::run_all(&folder, env!("CARGO_BIN_EXE_graphloom"))
}
