//! The view of a workload: RTO and RPO against their objectives, the critical path and the sources.

use serde::Serialize;

use super::chart::Chart;
use super::figures::{self, Bar, Mark, Scale, length, length_beside, percent};
use super::forecast::{self, ForecastView};
use super::past;
use super::{Badge, Limits, List};
use crate::report::model::{Assumptions, Report, Rpo, RpoSource, Status, WorkloadReport};
use crate::report::told::Told;

#[derive(Debug, Serialize)]
pub struct WorkloadView {
    pub name: String,
    pub tier: Option<String>,
    pub recovered: Badge,
    pub incomplete: List<String>,
    pub missing_resources: List<String>,
    pub rto: Measure,
    pub rpo: Measure,
    /// How far apart the stores lie. Absent without an objective for it.
    pub consistency: Option<Measure>,
    pub path: List<LinkRow>,
    pub path_bars: Vec<Bar>,
    pub path_alt: String,
    pub sources: List<SourceRow>,
    /// What was expected before T0. `null`: nobody asked a model.
    pub forecast: Option<ForecastView>,
    /// RTO and RPO of earlier runs and this one. Empty if the store told of none.
    pub past: Vec<Chart>,
    pub worst_case: String,
    /// The worst case is beyond the objective.
    pub worst_case_misses: bool,
    /// The recovery points behind the worst case: `over 4 points in 1d1h30m`.
    pub worst_case_over: Option<String>,
}

/// A measured figure against its objective.
#[derive(Debug, Serialize)]
pub struct Measure {
    pub badge: Badge,
    /// The objective is missed, or the figure is unknown.
    pub bad: bool,
    /// The figure that the objective is compared with, or `unknown`.
    pub figure: String,
    pub known: bool,
    /// The same figure in exact seconds.
    pub exact: Option<String>,
    /// How the figure is made up, or the loss at the worst possible T0.
    pub detail: Option<String>,
    pub objective: String,
    /// `of 45m`, `no objective`
    pub against: String,
    /// How far the figure is beyond the objective, or how much was left.
    pub margin: Option<String>,
    /// Margin, detail and the exact figure in one line.
    pub remark: String,
    pub bars: Vec<Bar>,
    pub marker: Option<Mark>,
    /// A description of the picture in words.
    pub alt: String,
}

#[derive(Debug, Serialize)]
pub struct LinkRow {
    pub id: String,
    pub kind: String,
    pub seconds: String,
    pub share: String,
}

#[derive(Debug, Serialize)]
pub struct SourceRow {
    pub of: String,
    pub recovery_point: String,
    pub step: String,
    pub from: String,
    pub taken: Option<String>,
    pub age: String,
    pub data_age: Option<String>,
    pub worst_case: String,
    pub worst_case_over: Option<String>,
}

pub const UNKNOWN: &str = "unknown";

pub fn of(workload: &WorkloadReport, report: &Report, limits: Limits) -> WorkloadView {
    let name = limits.name(&workload.name);
    WorkloadView {
        // A text, because a template treats the number 0 as false.
        tier: workload.tier.map(|tier| tier.to_string()),
        recovered: if workload.recovered {
            Badge::ok("recovered")
        } else if report.t0.is_none() {
            Badge::unknown("not started")
        } else {
            Badge::bad("not recovered")
        },
        incomplete: List::cut(workload.incomplete.iter().map(|s| limits.prose(s)), limits.rows),
        missing_resources: List::cut(workload.missing_resources.iter().map(|s| limits.name(s)), limits.rows),
        rto: rto(&name, workload, report.assume.as_ref()),
        rpo: rpo(&name, workload),
        consistency: workload.consistency.objective_s.map(|_| consistency(&name, workload)),
        path_bars: path_bars(workload),
        path_alt: workload
            .critical_path
            .iter()
            .take(12)
            .map(|l| format!("{} {}", limits.name(&l.id), percent(l.share)))
            .collect::<Vec<_>>()
            .join(", "),
        path: List::cut(
            workload.critical_path.iter().map(|link| LinkRow {
                id: limits.name(&link.id),
                kind: link.kind.clone(),
                seconds: length(link.seconds),
                share: percent(link.share),
            }),
            limits.rows,
        ),
        worst_case: worst_case(workload.rpo.worst_case_s, workload.rpo.worst_case_at_least_s),
        worst_case_misses: worst_case_misses(&workload.rpo),
        past: past::of(workload, report, limits),
        worst_case_over: workload
            .rpo
            .sources
            .iter()
            .max_by(|a, b| worst_of(a).total_cmp(&worst_of(b)))
            .and_then(over),
        forecast: forecast(workload, report, limits),
        sources: List::cut(workload.rpo.sources.iter().map(|s| source(s, limits)), limits.rows),
        name,
    }
}

fn forecast(workload: &WorkloadReport, report: &Report, limits: Limits) -> Option<ForecastView> {
    let told = report.forecast.as_ref()?.workloads.iter().find(|told| told.name == workload.name)?;
    let known = Told::rto(workload).is_known();
    let rto = &workload.rto;
    Some(forecast::of(told, rto.with_assumptions_s.or(rto.measured_s).filter(|_| known), limits))
}

/// Returns the measuring status as a badge. Only a measured figure that meets an objective is good.
fn badge(status: Status, objective: Option<f64>) -> Badge {
    match (status, objective) {
        (Status::Missed, _) => Badge::bad("missed"),
        (Status::Unknown, _) => Badge::unknown(UNKNOWN),
        (Status::Met, Some(_)) => Badge::ok("met"),
        (Status::Met, None) | (Status::None, _) => Badge::plain("no objective"),
    }
}

/// Returns the class of a bar. Without an objective, it is not good either.
fn bar_class(status: Status, objective: Option<f64>) -> &'static str {
    match (status, objective) {
        (Status::Met, Some(_)) => "ok",
        (Status::Met, None) | (Status::None, _) => "plain",
        (Status::Missed, _) => "bad",
        (Status::Unknown, _) => "hatch",
    }
}

fn objective(seconds: Option<f64>, figure: Option<f64>) -> String {
    seconds.map_or_else(|| "none".into(), |s| length_beside(s, figure))
}

fn margin(figure: Option<f64>, objective: Option<f64>) -> Option<String> {
    let over = figure? - objective?;
    Some(if over > 0.0 {
        format!("{} over", length_beside(over, Some(0.0)))
    } else {
        format!("{} to spare", length(-over))
    })
}

/// Returns a scale for all figures, with a little room behind the longest bar.
fn scale(figures: &[Option<f64>]) -> Scale {
    let longest = figures.iter().flatten().copied().filter(|s| s.is_finite()).fold(0.0, f64::max);
    Scale { from: 0.0, to: longest * 1.06 }
}

fn rto(name: &str, workload: &WorkloadReport, assume: Option<&Assumptions>) -> Measure {
    let rto = &workload.rto;
    let told = Told::rto(workload);
    let figure = rto.with_assumptions_s.or(rto.measured_s);
    let scale = scale(&[figure, rto.objective_s]);
    let mut bars = Vec::new();
    let mut detail = None;
    if let (Some(total), Some(measured)) = (rto.with_assumptions_s, rto.measured_s) {
        let assumed = total - measured;
        if assumed > 0.0 {
            bars.push(scale.bar(0.0, assumed, "assumed"));
        }
        bars.push(scale.bar(assumed, total, bar_class(rto.status, rto.objective_s)));
        detail = Some(format!("{} measured + {}", length(measured), assumptions(assumed, assume)));
    } else if let Some(measured) = figure {
        bars.push(scale.bar(0.0, measured, bar_class(rto.status, rto.objective_s)));
        detail = Some("measured from T0 to healthy, nothing assumed".into());
    }
    if let (false, Some(figure)) = (told.is_known(), figure) {
        detail = Some(format!("{} could be timed: the whole recovery takes longer", length(figure)));
    }
    measure("RTO", name, told, rto.objective_s, rto.status, bars, scale, detail)
}

fn assumptions(total: f64, assume: Option<&Assumptions>) -> String {
    let named =
        [("detection", assume.and_then(|a| a.detection_s)), ("decision", assume.and_then(|a| a.decision_s))];
    let parts: Vec<_> = named.iter().filter_map(|(n, s)| s.map(|s| format!("{n} {}", length(s)))).collect();
    if parts.is_empty() {
        return format!("{} assumed", length(total));
    }
    format!("{} assumed ({})", length(total), parts.join(", "))
}

/// Whether the worst case is beyond the objective.
pub fn worst_case_misses(rpo: &Rpo) -> bool {
    let worst = rpo.worst_case_s.or(rpo.worst_case_at_least_s);
    rpo.objective_s.zip(worst).is_some_and(|(objective, worst)| worst > objective)
}

fn consistency(name: &str, workload: &WorkloadReport) -> Measure {
    let consistency = &workload.consistency;
    let scale = scale(&[consistency.measured_s, consistency.objective_s]);
    let bars = consistency
        .measured_s
        .map(|s| scale.bar(0.0, s, bar_class(consistency.status, consistency.objective_s)))
        .into_iter()
        .collect();
    let (told, objective) = (Told::consistency(workload), consistency.objective_s);
    measure("Consistency", name, told, objective, consistency.status, bars, scale, None)
}

fn rpo(name: &str, workload: &WorkloadReport) -> Measure {
    let rpo = &workload.rpo;
    let told = Told::rpo(workload);
    let worst = rpo.worst_case_s.or(rpo.worst_case_at_least_s);
    let scale = scale(&[rpo.measured_s, rpo.objective_s, worst]);
    let mut bars = Vec::new();
    if let Some(worst) = worst {
        bars.push(scale.bar(0.0, worst, "worst"));
    }
    if let Some(measured) = rpo.measured_s {
        bars.push(scale.bar(0.0, measured, bar_class(rpo.status, rpo.objective_s)));
    }
    let misses = if worst_case_misses(rpo) { ", which misses the objective" } else { "" };
    let worst = format!("worst case {}{misses}", worst_case(rpo.worst_case_s, rpo.worst_case_at_least_s));
    let detail = match told {
        Told::NothingLost => "no store of the workload was lost, so no data were".into(),
        Told::NotRecovered => match rpo.measured_s {
            Some(s) => format!("what was restored of it is up to {} old; {worst}", length(s)),
            None => worst,
        },
        Told::Figure(_) | Told::AtLeast(_) | Told::Unknown => worst,
    };
    let detail = match rpo.newest_s {
        Some(newest) if rpo.judged_by_newest => format!(
            "the point was drawn at random; the objective is compared with the newest point, {} old, which this drill did not restore; {detail}",
            length(newest)
        ),
        Some(newest) => format!("with the newest point {}; {detail}", length(newest)),
        None => detail,
    };
    measure("RPO", name, told, rpo.objective_s, rpo.status, bars, scale, Some(detail))
}

#[expect(clippy::too_many_arguments, reason = "the one place where both measures come together")]
fn measure(
    what: &str,
    workload: &str,
    told: Told,
    objective_s: Option<f64>,
    status: Status,
    mut bars: Vec<Bar>,
    scale: Scale,
    detail: Option<String>,
) -> Measure {
    let badge = badge(status, objective_s);
    let figure = match told {
        Told::Figure(seconds) => Some(seconds),
        Told::AtLeast(_) | Told::NotRecovered | Told::NothingLost | Told::Unknown => None,
    };
    if told == Told::Unknown {
        bars.push(Bar { x: "0%".into(), w: "100%".into(), class: "hatch" });
    }
    let text = told.words(objective_s);
    let objective = objective(objective_s, figure);
    let margin = margin(figure, objective_s);
    let exact = figure.filter(|s| *s >= 60.0).map(|s| format!("{} s", (s * 1000.0).round() / 1000.0));
    let remarks = [margin.clone(), detail.clone(), exact.as_ref().map(|e| format!("{e} exactly"))];
    Measure {
        against: if objective_s.is_some() { format!("of {objective}") } else { String::new() },
        remark: remarks.into_iter().flatten().collect::<Vec<_>>().join("; "),
        alt: format!(
            "{what} of {workload}: {text}; objective {objective}; {}{}",
            badge.word,
            detail.as_deref().map(|d| format!("; {d}")).unwrap_or_default()
        ),
        bad: matches!(status, Status::Missed | Status::Unknown),
        known: told.is_known(),
        exact,
        figure: text,
        detail,
        margin,
        marker: objective_s.map(|s| figures::mark(scale.at(s), objective.clone(), "objective")),
        objective,
        bars,
        badge,
    }
}

fn path_bars(workload: &WorkloadReport) -> Vec<Bar> {
    let scale = Scale { from: 0.0, to: 1.0 };
    let mut start = 0.0;
    workload
        .critical_path
        .iter()
        .enumerate()
        .map(|(n, link)| {
            let from = start;
            start += link.share;
            scale.bar(from, start, if n % 2 == 0 { "link-a" } else { "link-b" })
        })
        .collect()
}

fn worst_case(exact: Option<f64>, at_least: Option<f64>) -> String {
    match (exact, at_least) {
        (Some(exact), _) => length(exact),
        (None, Some(at_least)) => format!("≥ {}", length(at_least)),
        (None, None) => UNKNOWN.to_owned(),
    }
}

fn worst_of(source: &RpoSource) -> f64 {
    source.worst_case_s.or(source.worst_case_at_least_s).unwrap_or(0.0)
}

/// Returns the basis of a worst case. One point in six hours says less than many points in a month.
fn over(source: &RpoSource) -> Option<String> {
    let span = source.worst_case_span_s?;
    let points = source.worst_case_points;
    let points = if points == 1 { "1 point".to_owned() } else { format!("{points} points") };
    Some(format!("over {points} in {}", length(span)))
}

fn source(source: &RpoSource, limits: Limits) -> SourceRow {
    let figure = |s: Option<f64>| s.map_or_else(|| UNKNOWN.to_owned(), length);
    SourceRow {
        of: limits.name(&source.of),
        recovery_point: limits.name(&source.recovery_point),
        step: limits.name(&source.step),
        from: limits.name(&source.from),
        taken: source.taken.map(figures::instant),
        age: match &source.newest {
            None => figure(source.age_s),
            Some(newest) => format!(
                "{} ({}; the newest, {}: {})",
                figure(source.age_s),
                source.asked.as_deref().map(|asked| limits.name(asked)).unwrap_or_default(),
                limits.name(newest),
                figure(source.newest_age_s)
            ),
        },
        data_age: source.data_age_s.map(length),
        worst_case: worst_case(source.worst_case_s, source.worst_case_at_least_s),
        worst_case_over: over(source),
    }
}
