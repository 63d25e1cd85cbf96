//! The only place that writes to stdout and stderr.
//!
//! Whatever is printed passes an [`Outlet`]. It removes secrets, shows what hides or turns text
//! around, and lets no text from outside become a command of a CI's runner. A test keeps other code
//! from naming the streams.

use std::io::{self, IsTerminal as _, Write};

use base::redact;
use base::visible::{Form, printed};

/// A stream for people or programs. Writes what it has at each flush, as whole lines.
pub struct Outlet<W: Write> {
    out: W,
    form: Form,
    waiting: Vec<u8>,
}

impl<W: Write> Outlet<W> {
    pub fn new(out: W, form: Form) -> Self {
        Self { out, form, waiting: Vec::new() }
    }
}

/// stderr, for progress and mistakes.
pub fn stderr() -> Outlet<io::Stderr> {
    let colour = stderr_is_terminal();
    Outlet::new(io::stderr(), Form::Text { colour })
}

/// stdout, for the result.
pub fn stdout(form: Form) -> Outlet<io::Stdout> {
    Outlet::new(io::stdout(), form)
}

/// The form of a result for people.
pub fn text() -> Form {
    Form::Text { colour: stdout_is_terminal() }
}

pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

impl<W: Write> Write for Outlet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let text = String::from_utf8_lossy(&waiting);
        let safe = match self.form {
            Form::Text { .. } | Form::Commands => printed(&redact::text(&text), self.form).into_owned(),
            // A value in them was redacted as a value, and a mark could break their form.
            Form::Json | Form::Markup => printed(&text, self.form).into_owned(),
        };
        self.out.write_all(safe.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_parts_is_judged_as_a_whole() {
        let mut seen = Vec::new();
        let mut out = Outlet::new(&mut seen, Form::Text { colour: false });
        for part in ["::", "error::x #", "#vs", "o[y]\n"] {
            out.write_all(part.as_bytes()).unwrap();
        }
        out.flush().unwrap();
        drop(out);
        assert_eq!(String::from_utf8(seen).unwrap(), ":\\u{3a}error::x #\\u{23}vso[y]\n");
    }
}
