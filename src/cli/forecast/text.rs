//! The forecast for people.

use std::fmt::Write as _;

use crate::ui::TextStyle;
use crate::ui::text::{Tone, clean, pad};
use base::duration::human_seconds;
use insight::forecast::{Forecast, Histogram, RtoForecast, WorkloadForecast};

/// The columns of the picture.
const COLUMNS: usize = 40;

/// The rows of each table that are shown.
const ROWS: usize = 5;

pub fn of(forecast: &Forecast, playbook: &str, style: TextStyle) -> String {
    let mut text = String::new();
    let title = format!("{}: {} recoveries, seed {}", clean(playbook), forecast.runs, forecast.seed);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", style.paint(Tone::Strong, &title));
    if forecast.contention > 1.0 {
        let _ = writeln!(text, "Everything takes {} times as long: assume.contention.", forecast.contention);
    }
    if let Some(told) = estate::incomplete::told(&forecast.incomplete) {
        let line = format!("{}; resources there are in no forecast.", clean(&told));
        let _ = writeln!(text, "{}", style.paint(Tone::Bad, &line));
    }
    for workload in &forecast.workloads {
        of_workload(&mut text, workload, style);
    }
    text.push('\n');
    let names = forecast.learned_from.iter().map(|action| action.name().len());
    let width = names.max().unwrap_or_default().max(24);
    for action in &forecast.learned_from {
        let name = pad(&clean(&action.name()), width);
        let from = match (action.runs, action.factor) {
            (runs, Some(factor)) => {
                format!("learned from {runs} measured times: {factor:.2} × the calibration")
            }
            (_, None) => "calibration: no drill measured it".to_owned(),
        };
        let _ = writeln!(text, "  {name}  {from}");
    }
    text.push_str("A forecast, not a measurement: only a drill shows that the recovery works.\n");
    text
}

fn of_workload(text: &mut String, workload: &WorkloadForecast, style: TextStyle) {
    let name = style.paint(Tone::Strong, &clean(&workload.name));
    let Some(rto) = &workload.rto else {
        let because = workload.because.as_deref().unwrap_or("nothing is known");
        let _ = writeln!(text, "\n{name}: {}", style.paint(Tone::Bad, &format!("unknown: {because}")));
        return;
    };
    let seconds = |s: f64| human_seconds(s.round());
    // Among the recoveries that fail, no time is enough.
    let up_to = |s: f64| if s.is_finite() { format!("up to {}", seconds(s)) } else { "without end".into() };
    let _ = writeln!(
        text,
        "\n{name}: half of the recoveries take {}, 90 % {}, 99 % {}",
        up_to(rto.p50_s),
        up_to(rto.p90_s),
        up_to(rto.p99_s)
    );
    if let (Some(objective), Some(met)) = (rto.objective_s, rto.p_met) {
        let tone = if met >= 0.95 {
            Tone::Good
        } else if met >= 0.5 {
            Tone::Warning
        } else {
            Tone::Bad
        };
        let interval = rto.p_met_low.zip(rto.p_met_high);
        let interval = interval.map(|(low, high)| format!(" ({:.1} to {:.1} %)", low * 100.0, high * 100.0));
        let chance = format!("{:.1} %{}", met * 100.0, interval.unwrap_or_default());
        let _ = writeln!(text, "  objective {}: met in {}", seconds(objective), style.paint(tone, &chance));
    }
    if rto.p_failed > 0.0 {
        let failed = format!("{:.1} %", rto.p_failed * 100.0);
        let _ = writeln!(
            text,
            "  {} of the recoveries fail: a step takes longer than its timeout in each attempt",
            style.paint(Tone::Bad, &failed)
        );
    }
    picture(text, rto, style);
    if !workload.critical.is_empty() {
        let _ = writeln!(text, "  on the critical path:");
    }
    for critical in workload.critical.iter().take(ROWS) {
        let gain = workload.gains.iter().find(|gain| gain.id == critical.id);
        let gain = gain.filter(|gain| gain.p90_gain_s >= 0.5).map(|gain| {
            format!(
                "; {:.0} % faster would take {} off the 90 %",
                gain.faster * 100.0,
                seconds(gain.p90_gain_s)
            )
        });
        let share = format!("{:.0} %", critical.share * 100.0);
        let _ = writeln!(
            text,
            "    {}  {} of the recoveries{}",
            pad(&clean(&critical.id), 20),
            pad(&share, 5),
            gain.unwrap_or_default()
        );
    }
    for cut in workload.cuts.iter().filter(|cut| cut.p90_gain_s >= 0.5).take(ROWS) {
        let _ = writeln!(
            text,
            "    if {} did not wait for {}: {} off the 90 %",
            clean(&cut.id),
            clean(&cut.waits_for),
            seconds(cut.p90_gain_s)
        );
    }
}

/// The distribution as a line of bars, with the objective below it.
fn picture(text: &mut String, rto: &RtoForecast, style: TextStyle) {
    let Histogram { from_s, width_s, counts } = &rto.histogram;
    if *width_s <= 0.0 {
        return;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let levels: &[char] = if style.unicode {
        &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &[' ', '.', ':', '|', '#']
    };
    let bar = |count: &usize| {
        let level = (count * (levels.len() - 1)).div_ceil(most);
        levels.get(level).copied().unwrap_or(' ')
    };
    let bars: String = counts.iter().map(bar).collect();
    let to = from_s + width_s * counts.len() as f64;
    let seconds = |s: f64| human_seconds(s.round());
    let _ = writeln!(text, "  {} {bars} {}", seconds(*from_s), seconds(to));
    if let Some(objective) = rto.objective_s.filter(|o| (*from_s..to).contains(o)) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
        let column = ((objective - from_s) / width_s) as usize;
        let indent = seconds(*from_s).chars().count() + 3 + column.min(COLUMNS);
        let mark = if style.unicode { '▲' } else { '^' };
        let _ = writeln!(text, "{}{mark} objective", " ".repeat(indent));
    }
}
