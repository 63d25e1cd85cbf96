//! Output helpers of all commands. The streams themselves are in `ui::out`.

use std::io::Write as _;

use base::exit::Exit;
use base::visible::Form;

use crate::ui::out;

/// Writes an error to stderr.
pub fn complain(message: &str) {
    write_stderr(&format!("error: {message}\n"));
}

/// For `map_err`: writes an error to stderr, and gives the exit code for it.
pub fn complained(code: Exit) -> impl Fn(String) -> Exit + Copy {
    move |message| {
        complain(&message);
        code
    }
}

/// Writes to stderr. Ignores an error: if stderr is closed, there is no other place to report it.
pub fn write_stderr(text: &str) {
    let mut stderr = out::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Writes a result for people to stdout. `Err` holds the exit code for a result that could not be
/// written.
pub fn print(text: &str) -> Result<(), Exit> {
    print_as(text, out::text())
}

/// Writes a result of another form to stdout.
pub fn print_as(text: &str, form: Form) -> Result<(), Exit> {
    let mut out = out::stdout(form);
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) => {
            complain(&format!("the result cannot be written to stdout: {error}"));
            Err(Exit::Error)
        }
    }
}
