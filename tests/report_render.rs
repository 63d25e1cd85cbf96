//! The report in every format.

#[path = "support/report_fixtures.rs"]
#[allow(dead_code)]
mod report_fixtures;

use drillmaster::report::{Format, Report, Templates, render};

#[test]
fn renders_everything() {
    let templates = Templates::built_in().unwrap();
    for (name, report) in [
        ("region-loss", report_fixtures::region_loss()),
        ("passed", report_fixtures::passed()),
        ("unpleasant", report_fixtures::unpleasant()),
        ("error-before-t0", report_fixtures::error_before_t0()),
        ("many", report_fixtures::many_steps(10_000)),
        ("nearly-200", report_fixtures::many_steps(190)),
    ] {
        let report: Report = report;
        let dir = std::path::Path::new("/tmp/reports").join(name);
        drillmaster::report::write_all(&report, &dir, &templates).unwrap();
        let _ = render(&report, Format::Html, &templates);
    }
}
