//! A page as PDF, printed by a Chromium of this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::private;
use base::process::{self, Environment};

use super::wire;

/// The names of Chromium and its relatives.
const BROWSERS: [&str; 6] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome-headless-shell",
    "microsoft-edge",
];

/// The variable that names another browser.
const VARIABLE: &str = "CHROME";

/// How long the browser may take. A report of 10,000 steps takes seconds.
const LIMIT: Duration = Duration::from_mins(2);

/// No window, no network, nothing kept.
const OPTIONS: [&str; 11] = [
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",
];

/// Prints a page as PDF.
///
/// # Errors
/// There is no browser, or it printed nothing: as a text for the user.
pub fn print(html: &str) -> Result<Vec<u8>, String> {
    let browser = browser()?;
    let failed = |error: std::io::Error| format!("the PDF cannot be made: {error}");
    let folder = tempfile::tempdir().map_err(failed)?;
    let (page, pdf) = (folder.path().join("report.html"), folder.path().join("report.pdf"));
    private::write_whole(&page, html, None).map_err(failed)?;
    let mut arguments: Vec<String> = OPTIONS.map(str::to_owned).into();
    arguments.push(format!("--user-data-dir={}", folder.path().join("profile").display()));
    arguments.push(format!("--print-to-pdf={}", pdf.display()));
    // The sandbox of Chromium does not work for root. The page is ours, and has no scripts.
    if rustix::process::geteuid().is_root() {
        arguments.push("--no-sandbox".to_owned());
    }
    arguments.push(format!("file://{}", page.display()));
    let environment =
        Environment::without_credentials(|name| std::env::var_os(name), &BTreeMap::new()).map_err(failed)?;
    let run = process::run(&browser, &arguments, folder.path(), environment, 0);
    let ended = wire::runtime()?
        .block_on(async { tokio::time::timeout(LIMIT, run).await })
        .map_err(|_| format!("`{browser}` printed no PDF within {} s", LIMIT.as_secs()))?
        .map_err(|error| error.to_string())?;
    // It also ends with 0 when it wrote nothing.
    let printed = std::fs::read(&pdf).unwrap_or_default();
    if printed.starts_with(b"%PDF-") {
        return Ok(printed);
    }
    let said = ended.stderr.text();
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("`{browser}` printed no PDF ({}): {last}", ended.status))
}

fn browser() -> Result<String, String> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(named.to_string_lossy().into_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = BROWSERS.iter().find_map(|name| {
        folders.iter().map(|folder| folder.join(name)).find(|file: &PathBuf| is_program(file))
    });
    found.map(|file| file.display().to_string()).ok_or_else(|| {
        format!(
            "a PDF is printed by Chromium, and none was found in PATH ({}): install one, or name it in the variable \
             {VARIABLE}; or render `--format html`, and print that with your browser",
            BROWSERS.join(", ")
        )
    })
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
