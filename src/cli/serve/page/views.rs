//! What the page shows.

use std::collections::BTreeSet;
use std::path::Path as FilePath;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::guard::{POLICY_OF_REPORTS, is_same};
use super::{Shared, Site, apart, unfinished};
use crate::cli::approve::Given;
use crate::cli::history::{controls as matrix, date, finding, list, notes, trend};
use crate::cli::schedule::overdue_sheet;
use crate::cli::sheet::Sheet;
use crate::cli::with_help;
use event::{Body, Event};
use history::History;
use history::findings::Tracked;
use record::objectives::Record;
use record::report::escape;
use record::report::html::{self, Page};
use record::{approval, journal};

/// Runs that are listed, at most. `drillmaster history` lists all.
const LISTED: usize = 100;

const CSS: &str =
    concat!(include_str!("../../../../reports/report.css"), include_str!("../../../../reports/serve.css"));
const SCRIPT: &str = include_str!("../../../../reports/serve.js");

pub async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], CSS).into_response()
}

pub async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

pub async fn nothing() -> Response {
    sorry(StatusCode::NOT_FOUND, "there is no such page")
}

/// A page that says why something was not done.
pub fn sorry(status: StatusCode, why: &str) -> Response {
    (status, shown(&Shown { title: "Not done", sentence: why, class: "bad", ..Shown::default() }))
        .into_response()
}

pub fn failed(why: &str) -> Response {
    sorry(StatusCode::INTERNAL_SERVER_ERROR, why)
}

/// What the template names.
#[derive(Default)]
struct Shown<'a> {
    title: &'a str,
    sentence: &'a str,
    class: &'a str,
    sections: Vec<Sheet>,
    tasks: Vec<Value>,
    /// The run that is watched.
    watched: Option<&'a str>,
    report: Option<&'a str>,
    login: bool,
    csrf: &'a str,
}

fn shown(page: &Shown<'_>) -> Response {
    let view = json!({
        "title": escape::visible(page.title),
        "sentence": escape::visible(page.sentence),
        "class": page.class,
        "sections": page.sections.iter().map(|sheet| sheet.view(true)).collect::<Vec<_>>(),
        // A page of one section needs no list of them.
        "contents": page.sections.len() > 1,
        "tasks": page.tasks,
        "watched": page.watched.unwrap_or_default(),
        "report": page.report.unwrap_or_default(),
        "login": page.login,
        "csrf": page.csrf,
    });
    let Value::Object(view) = view else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    rendered(view)
}

fn rendered(view: Map<String, Value>) -> Response {
    match html::page(Page::Serve, view) {
        Ok(text) => Html(text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, with_help(&error)).into_response(),
    }
}

/// The tasks of a run that wait for a person. The run looks for answers now and then, so one that was
/// answered may still stand in its journal.
fn tasks(run: &str, folder: &FilePath, events: &[Event]) -> Vec<Value> {
    let record = Record::from_events(events);
    if record.finished {
        return Vec::new();
    }
    let waiting = record.steps.iter().filter_map(|(step, state)| Some((step, state.waits()?)));
    waiting
        .filter(|(step, _)| !matches!(approval::given(folder, step), Ok(Some(_))))
        .map(|(step, asked)| {
            json!({
                "run": run,
                "step": escape::visible(step),
                "instructions": escape::visible(&asked.instructions),
                "since": date(asked.at),
            })
        })
        .collect()
}

pub async fn overview(State(site): State<Shared>) -> Response {
    match apart(move || overview_of(&site)).await {
        Ok(Ok(response)) => response,
        Ok(Err(why)) | Err(why) => failed(&why),
    }
}

fn overview_of(site: &Site) -> Result<Response, String> {
    let mut history = site.store.history().map_err(|error| error.to_string())?;
    let found = finding::all(&site.store, &mut history).map_err(|error| error.to_string())?;
    let mut waiting = Vec::new();
    let mut running = Vec::new();
    let ended: BTreeSet<String> = history.runs.iter().map(|run| run.run_id.clone()).collect();
    for (run, folder) in unfinished(&site.runs).into_iter().filter(|(run, _)| !ended.contains(run)) {
        let Ok(contents) = journal::read(&folder) else { continue };
        let lives = journal::has_writer(&folder).unwrap_or(false);
        let playbook = playbook_of(&contents.events).to_owned();
        if lives {
            waiting.extend(tasks(&run, &folder, &contents.events));
        }
        running.push((run, playbook, lives));
    }
    let mut sections = Vec::new();
    if !running.is_empty() {
        sections.push(super::super::running_sheet(&running));
    }
    if !site.playbooks.is_empty() {
        sections.push(overdue_sheet(&site.playbooks, site.on, &site.store, &mut history));
    }
    sections.push(findings(&history, found));
    sections.push(trend::sheet_of(&history));
    sections.push(runs(&history, &site.store.place()));
    let sentence = match waiting.len() {
        0 => "",
        1 => "A task waits for a person",
        _ => "Tasks wait for people",
    };
    let class = if waiting.is_empty() { "" } else { "unknown" };
    let page = Shown {
        title: "Drills",
        sentence,
        class,
        sections,
        tasks: waiting,
        csrf: &site.csrf,
        ..Shown::default()
    };
    Ok(shown(&page))
}

fn findings(history: &History, found: Vec<Tracked>) -> Sheet {
    let open: Vec<_> = found.into_iter().filter(|finding| finding.open).collect();
    finding::sheet(&open, !history.runs.is_empty() && history.unread.is_empty())
}

fn runs(history: &History, place: &str) -> Sheet {
    let newest: Vec<_> = history.runs.iter().rev().take(LISTED).collect();
    let mut sheet = list::sheet(&newest, place);
    sheet.notes = notes(history);
    if history.runs.len() > LISTED {
        sheet.notes.push(format!("the newest {LISTED} are shown: `drillmaster history` lists all"));
    }
    sheet
}

fn playbook_of(events: &[Event]) -> &str {
    match events.first().map(|first| &first.body) {
        Some(Body::RunStarted(started)) => &started.playbook.name,
        Some(_) | None => "",
    }
}

pub async fn controls(State(site): State<Shared>) -> Response {
    let read = move || matrix::sheet_of(&site.store, &site.claims, &site.trust);
    match apart(move || read().map_err(|error| error.to_string())).await {
        Ok(Ok(sheet)) => shown(&Shown { title: "Controls", sections: vec![sheet], ..Shown::default() }),
        Ok(Err(why)) | Err(why) => failed(&why),
    }
}

pub async fn run(State(site): State<Shared>, Path(run): Path<String>) -> Response {
    match apart(move || run_of(&site, &run)).await {
        Ok(response) => response,
        Err(why) => failed(&why),
    }
}

fn run_of(site: &Site, run: &str) -> Response {
    let fetched;
    let folder = match site.local(run) {
        Some(folder) => folder,
        None => match site.store.history().and_then(|history| site.store.fetch(&history, run)) {
            Ok(found) => {
                fetched = found;
                fetched.folder.clone()
            }
            Err(error) => return sorry(StatusCode::NOT_FOUND, &error.to_string()),
        },
    };
    let contents = match journal::read(&folder) {
        Ok(contents) => contents,
        Err(error) => return failed(&error.to_string()),
    };
    let title = playbook_of(&contents.events);
    if contents.finished() {
        let page = Shown { title, sentence: run, report: Some(run), ..Shown::default() };
        return shown(&page);
    }
    let lives = journal::has_writer(&folder).unwrap_or(false);
    let tasks = if lives { tasks(run, &folder, &contents.events) } else { Vec::new() };
    let sentence = if lives {
        format!("{run} is running")
    } else {
        format!("{run} did not come to its end, and no process runs it")
    };
    let page = Shown {
        title,
        sentence: &sentence,
        class: "unknown",
        tasks,
        watched: Some(run),
        csrf: &site.csrf,
        ..Shown::default()
    };
    shown(&page)
}

pub async fn report(State(site): State<Shared>, Path(run): Path<String>) -> Response {
    let read = move || -> Result<Vec<u8>, String> {
        let read = |folder: &FilePath| std::fs::read(folder.join("report.html"));
        if let Some(folder) = site.local(&run) {
            return read(&folder).map_err(|error| format!("report.html: {error}"));
        }
        let history = site.store.history().map_err(|error| error.to_string())?;
        let fetched = site.store.fetch(&history, &run).map_err(|error| error.to_string())?;
        read(&fetched.folder).map_err(|error| format!("report.html: {error}"))
    };
    match apart(read).await {
        Ok(Ok(text)) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY_OF_REPORTS)),
            ];
            (headers, text).into_response()
        }
        Ok(Err(why)) => sorry(StatusCode::NOT_FOUND, &why),
        Err(why) => failed(&why),
    }
}

/// The form of a task.
#[derive(Deserialize)]
pub struct Filled {
    csrf: String,
    by: String,
    note: String,
    answer: String,
}

pub async fn answer(
    State(site): State<Shared>,
    Path((run, step)): Path<(String, String)>,
    Form(answer): Form<Filled>,
) -> Response {
    if !is_same(&answer.csrf, &site.csrf) {
        return sorry(StatusCode::FORBIDDEN, "this did not come from this page, so nothing was done");
    }
    let done = match answer.answer.as_str() {
        "done" => true,
        "refuse" => false,
        _ => return sorry(StatusCode::BAD_REQUEST, "the answer is neither `done` nor `refuse`"),
    };
    let Some(folder) = site.local(&run) else {
        return sorry(StatusCode::NOT_FOUND, "this run does not go on here");
    };
    let note = Some(answer.note).filter(|note| !note.trim().is_empty());
    let to = format!("/runs/{run}");
    let give = move || Given { step: &step, by: &answer.by, note: note.as_deref(), done }.give(&folder);
    match apart(give).await {
        Ok(Ok(_)) => Redirect::to(&to).into_response(),
        Ok(Err(why)) => sorry(StatusCode::CONFLICT, &why),
        Err(why) => failed(&why),
    }
}

pub async fn login() -> Response {
    shown(&Shown { title: "Drills", sentence: "This page wants its token", login: true, ..Shown::default() })
}
