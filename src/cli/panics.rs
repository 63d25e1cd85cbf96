//! Reports a panic like any other error, without the secrets that its message may hold. A panic is
//! a defect of Drillmaster.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

/// Installs a panic hook that writes to stderr without secrets.
pub fn tell_without_secrets() {
    std::panic::set_hook(Box::new(|panic| {
        super::output::write_stderr(&text_of(panic, &Backtrace::capture()));
    }));
}

fn text_of(panic: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let thread = std::thread::current();
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let mut text =
        format!("\nthread '{}' panicked at {place}:\n{message}\n", thread.name().unwrap_or("unnamed"));
    if backtrace.status() == BacktraceStatus::Captured {
        text = format!("{text}stack backtrace:\n{backtrace}\n");
    }
    format!("{text}This is a defect of Drillmaster: please report it.\n")
}
