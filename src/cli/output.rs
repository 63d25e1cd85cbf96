//! What every command says.

use std::io::Write as _;

use base::exit::Exit;
use base::redact;
use record::report::ReportError;

/// Writes to stderr. Where nobody listens there, there is nobody to tell.
pub fn complain(message: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "error: {}", redact::text(message));
}

/// What is wrong with a report or its templates, and what to do.
pub fn with_help(error: &ReportError) -> String {
    format!("{error}; {}", error.help())
}

/// Writes the result to stdout; `Err` holds the exit code of a result that could not be delivered.
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
