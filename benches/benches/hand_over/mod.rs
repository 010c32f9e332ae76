//! Every harness is the tool `stampede`, which holds the compiled matrix. Replacing this process by
//! it saves linking and optimising the whole program once more for each of them.

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Continues as the tool's harness for `kind`, with the arguments of this process.
pub(crate) fn to_tool(kind: &str) -> ExitCode {
    let tool = env!("CARGO_BIN_EXE_stampede");
    let error = Command::new(tool).args(["__bench", kind]).args(env::args_os().skip(1)).exec();
    // When standard error is full, the code has to do.
    let _ = writeln!(io::stderr(), "error: cannot start {tool}: {error}");
    ExitCode::from(2)
}
