//! The forecast as a page and as Markdown.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::cli::output::complain;
use crate::cli::plan::unread;
use crate::cli::with_help;
use base::exit::Exit;
use event::Forecast;
use event::forecast::{TimesFrom, WorkloadForecast};
use insight::forecast as drawn;
use record::report::Report;
use record::report::escape;
use record::report::html::{self, Page};
use record::report::view::Limits;
use record::report::view::figures::{length, percent};
use record::report::view::forecast::{ForecastView, caption, of};

/// The rows of each table that are shown.
const ROWS: usize = 12;

/// What there is to show: the figures as a run records them, and what only `forecast` finds.
pub struct Shown<'a> {
    pub forecast: &'a Forecast,
    pub drawn: &'a drawn::Forecast,
    /// Of the rehearsal.
    pub report: &'a Report,
}

impl Shown<'_> {
    fn lost(&self) -> String {
        let lost: Vec<String> =
            self.report.lose.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
        lost.join(", ")
    }

    /// The picture of each workload, with what `forecast` finds about it.
    fn workloads(&self, limits: Limits) -> Vec<(&WorkloadForecast, ForecastView, &drawn::WorkloadForecast)> {
        let pairs = self.forecast.workloads.iter().zip(&self.drawn.workloads);
        pairs.map(|(workload, drawn)| (workload, of(workload, None, limits), drawn)).collect()
    }

    /// The class of the page, and its headline.
    fn headline(&self) -> (&'static str, &'static str) {
        let workloads = &self.forecast.workloads;
        if workloads.iter().any(|workload| workload.rto.is_none()) {
            return ("bad", "Not everything comes back");
        }
        let met = workloads.iter().filter_map(|workload| workload.rto.as_ref()?.p_met);
        match met.reduce(f64::min) {
            None => ("", "No objective to meet"),
            Some(least) if least >= 0.95 => ("ok", "Likely within the objectives"),
            Some(least) if least >= 0.5 => ("unknown", "An objective may be missed"),
            Some(_) => ("bad", "An objective is likely missed"),
        }
    }
}

/// Where the times of an action come from, in words.
fn source(model: TimesFrom, action: &drawn::ActionModel) -> String {
    match (model, action.factor) {
        (TimesFrom::Learned, Some(factor)) => {
            format!("learned from {} measured times: {factor:.2} × the calibration", action.runs)
        }
        (TimesFrom::Learned, None) => format!("learned from {} measured times", action.runs),
        (TimesFrom::Estate, _) => "the estate's timings: no drill measured it".into(),
        (TimesFrom::Calibration, _) => "the built-in calibration: no drill measured it".into(),
    }
}

/// What a faster step takes off the P90. Below half a second it is nothing.
fn gain(seconds: f64) -> String {
    if seconds >= 0.5 { length(seconds.round()) } else { "nothing".into() }
}

fn critical(workload: &drawn::WorkloadForecast) -> Vec<[String; 3]> {
    let of = |critical: &drawn::Critical| {
        let faster = workload.gains.iter().find(|gain| gain.id == critical.id);
        let faster = faster.map_or_else(|| "not tried".to_owned(), |faster| gain(faster.p90_gain_s));
        [critical.id.clone(), percent(critical.share), faster]
    };
    workload.critical.iter().take(ROWS).map(of).collect()
}

fn cuts(workload: &drawn::WorkloadForecast) -> Vec<[String; 3]> {
    let helps = workload.cuts.iter().filter(|cut| cut.p90_gain_s >= 0.5).take(ROWS);
    helps.map(|cut| [cut.id.clone(), cut.waits_for.clone(), gain(cut.p90_gain_s)]).collect()
}

fn learned_from(shown: &Shown<'_>) -> Vec<[String; 2]> {
    let pairs = shown.forecast.learned_from.iter().zip(&shown.drawn.learned_from);
    pairs.map(|(recorded, drawn)| [drawn.name(), source(recorded.model, drawn)]).collect()
}

pub fn as_html(shown: &Shown<'_>) -> Result<String, Exit> {
    html::page(Page::Forecast, view(shown)).map_err(|error| {
        complain(&with_help(&error));
        Exit::Error
    })
}

fn view(shown: &Shown<'_>) -> Map<String, Value> {
    let limits = Limits::HTML;
    let (class, headline) = shown.headline();
    let told = shown.workloads(limits);
    let lines = told.iter().map(|(workload, view, _)| format!("{}: {}.", workload.name, view.line));
    let unread = unread::sentence(&shown.drawn.incomplete);
    let sentence: Vec<String> = lines.take(3).chain(unread).collect();
    let workloads: Vec<Value> = told
        .iter()
        .map(|(workload, view, drawn)| {
            let critical = critical(drawn).into_iter();
            let cuts = cuts(drawn).into_iter();
            json!({
                "name": workload.name,
                "forecast": view,
                "critical": critical.map(|[id, share, gain]| json!({ "id": id, "share": share, "gain": gain })).collect::<Vec<_>>(),
                "cuts": cuts.map(|[id, waits_for, gain]| json!({ "id": id, "waits_for": waits_for, "gain": gain })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let sources = learned_from(shown).into_iter();
    let mut page = json!({
        "title": format!("Forecast of {}", shown.report.playbook.name),
        "playbook": shown.report.playbook.name,
        "lost": shown.lost(),
        "class": class,
        "headline": headline,
        "sentence": sentence.join(" "),
        "caption": caption(shown.forecast, limits),
        "workloads": workloads,
        "learned_from": sources.map(|[action, source]| json!({ "action": action, "source": source })).collect::<Vec<_>>(),
    });
    page.as_object_mut().map(std::mem::take).unwrap_or_default()
}

pub fn as_markdown(shown: &Shown<'_>) -> String {
    let limits = Limits::markdown(ROWS);
    let code = escape::markdown_code;
    let (_, headline) = shown.headline();
    // Writing to a string cannot fail.
    let mut text = format!("# Forecast of {}\n\n", code(&shown.report.playbook.name));
    let _ = writeln!(text, "**{headline}**, losing {}.\n", escape::markdown(&shown.lost()));
    text.push_str(&unread::as_markdown(&shown.drawn.incomplete));
    let _ = writeln!(text, "{}\n", escape::markdown(&caption(shown.forecast, limits)));
    text.push_str("| Workload | P50 | P90 | P99 | Objective | | Fail |\n|---|--:|--:|--:|--:|---|--:|\n");
    let told = shown.workloads(limits);
    for (workload, view, _) in &told {
        let met = view.met.as_ref().map_or("", |met| &met.word);
        let between = view.between.as_ref().map(|between| format!(" ({between})")).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {met}{between} | {} |",
            code(&limits.name(&workload.name)),
            view.p50,
            view.p90,
            view.p99,
            view.objective.as_deref().unwrap_or("none"),
            view.failed.as_deref().unwrap_or("")
        );
    }
    for (workload, view, drawn) in &told {
        let name = code(&limits.name(&workload.name));
        if view.picture.is_none() {
            let _ = writeln!(text, "\n{name}: {}", escape::markdown(&view.line));
            continue;
        }
        let _ = writeln!(text, "\n## {name}\n");
        text.push_str(
            "| Step or check | Critical in | A quarter faster takes off the 90 % |\n|---|--:|--:|\n",
        );
        for [id, share, gain] in critical(drawn) {
            let _ = writeln!(text, "| {} | {share} | {gain} |", code(&limits.name(&id)));
        }
        let cuts = cuts(drawn);
        if !cuts.is_empty() {
            text.push_str(
                "\n| Step or check | Waits for | Without the wait, off the 90 % |\n|---|---|--:|\n",
            );
        }
        for [id, waits_for, gain] in cuts {
            let (id, waits_for) = (code(&limits.name(&id)), code(&limits.name(&waits_for)));
            let _ = writeln!(text, "| {id} | {waits_for} | {gain} |");
        }
    }
    text.push_str("\nA forecast, not a measurement: only a drill shows that the recovery works.\n");
    text
}
