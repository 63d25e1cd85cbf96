//! Output helpers of all commands.

use std::io::Write as _;

use base::exit::Exit;
use base::redact;
use record::report::ReportError;

/// Writes an error to stderr.
pub fn complain(message: &str) {
    write_stderr(&format!("error: {}\n", redact::text(message)));
}

/// Writes to stderr. Ignores an error: if stderr is closed, there is no other place to report it.
pub fn write_stderr(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Returns the error with its help, for an error of a report or its templates.
pub fn with_help(error: &ReportError) -> String {
    format!("{error}; {}", error.help())
}

/// Writes the result to stdout. `Err` holds the exit code for a result that could not be written.
pub fn print(text: &str) -> Result<(), Exit> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) => {
            complain(&format!("the result cannot be written to stdout: {error}"));
            Err(Exit::Error)
        }
    }
}
