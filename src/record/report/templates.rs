//! The Handlebars templates: the built-in ones from the top-level `reports/`, and their
//! replacements from `--template`.

use std::collections::BTreeMap;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use base::parallel;
use base64::Engine as _;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{ReportError, escape};

const HTML: &str = "report.html.hbs";
const MARKDOWN: &str = "report.md.hbs";
const CSS: &str = "report.css";

/// The pages of `plan`, `forecast` and the history.
const MATRIX: (&str, &str) = ("matrix.html.hbs", include_str!("../../../reports/matrix.html.hbs"));
const FORECAST: (&str, &str) = ("forecast.html.hbs", include_str!("../../../reports/forecast.html.hbs"));
const SHEET: (&str, &str) = ("sheet.html.hbs", include_str!("../../../reports/sheet.html.hbs"));
const SERVE: (&str, &str) = ("serve.html.hbs", include_str!("../../../reports/serve.html.hbs"));
const PLAN: (&str, &str) = ("plan.html.hbs", include_str!("../../../reports/plan.html.hbs"));

/// A page of `plan`, `forecast` or the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Forecast,
    Matrix,
    Plan,
    /// The page of `serve`.
    Serve,
    /// One table.
    Sheet,
}

impl Page {
    /// Name and text.
    fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Forecast => FORECAST,
            Self::Matrix => MATRIX,
            Self::Plan => PLAN,
            Self::Serve => SERVE,
            Self::Sheet => SHEET,
        }
    }
}

/// Name and text of each built-in template. A partial is used by its name without `.html.hbs`.
const BUILT_IN: [(&str, &str); 16] = [
    (HTML, include_str!("../../../reports/report.html.hbs")),
    (MARKDOWN, include_str!("../../../reports/report.md.hbs")),
    (CSS, include_str!("../../../reports/report.css")),
    ("bullet.html.hbs", include_str!("../../../reports/partials/bullet.html.hbs")),
    ("chart.html.hbs", include_str!("../../../reports/partials/chart.html.hbs")),
    ("distribution.html.hbs", include_str!("../../../reports/partials/distribution.html.hbs")),
    ("evidence.html.hbs", include_str!("../../../reports/partials/evidence.html.hbs")),
    ("hatches.html.hbs", include_str!("../../../reports/partials/hatches.html.hbs")),
    ("lookups.html.hbs", include_str!("../../../reports/partials/lookups.html.hbs")),
    ("more.html.hbs", include_str!("../../../reports/partials/more.html.hbs")),
    ("points.html.hbs", include_str!("../../../reports/partials/points.html.hbs")),
    ("provenance.html.hbs", include_str!("../../../reports/partials/provenance.html.hbs")),
    ("table.html.hbs", include_str!("../../../reports/partials/table.html.hbs")),
    ("timeline.html.hbs", include_str!("../../../reports/partials/timeline.html.hbs")),
    ("verdict.html.hbs", include_str!("../../../reports/partials/verdict.html.hbs")),
    ("workloads.html.hbs", include_str!("../../../reports/partials/workloads.html.hbs")),
];

/// Parsed templates. One value serves a whole command.
#[derive(Debug)]
pub struct Templates {
    html: Handlebars<'static>,
    markdown: Handlebars<'static>,
    css: String,
    /// The templates that make `report.html`, one after the other.
    html_page: Vec<String>,
    /// The same for `report.md`.
    markdown_page: Vec<String>,
    /// The files of the templates that are not built in, by name.
    files: BTreeMap<String, PathBuf>,
}

impl Templates {
    /// Returns the built-in templates.
    pub fn built_in() -> Result<Self, ReportError> {
        Self::load(None)
    }

    /// Returns the built-in templates, with those of `replacement` in their place.
    ///
    /// `replacement` is a file `*.html.hbs` or `*.md.hbs`, or a folder with any of
    /// `report.html.hbs`, `report.md.hbs`, `report.css` and `partials/*.hbs`.
    pub fn load(replacement: Option<&Path>) -> Result<Self, ReportError> {
        let mut texts: BTreeMap<String, String> =
            BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut files = BTreeMap::new();
        if let Some(path) = replacement {
            for (name, file) in replacements(path)? {
                texts.insert(name.clone(), read_text(&file)?);
                files.insert(name, file);
            }
        }
        let mut page = |name| match replacement {
            None => pieces(&mut texts, name),
            Some(_) => vec!["report".to_owned()],
        };
        let (html_page, markdown_page) = (page(HTML), page(MARKDOWN));
        let mut templates = Self {
            html: registry(escape::html),
            markdown: registry(escape::markdown),
            css: texts.remove(CSS).unwrap_or_default(),
            html_page,
            markdown_page,
            files,
        };
        templates.markdown.register_helper("code", Box::new(code));
        for (name, text) in &texts {
            templates.add(name, text)?;
        }
        Ok(templates)
    }

    /// Returns the built-in templates and that of another page. No run needs it, and parsing takes
    /// time.
    pub(super) fn with_page(page: Page) -> Result<Self, ReportError> {
        let (name, text) = page.template();
        let mut templates = Self::built_in()?;
        templates.add(name, text)?;
        Ok(templates)
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), ReportError> {
        let (registry, short) = match name.strip_suffix(".md.hbs") {
            Some(short) => (&mut self.markdown, short),
            None => (&mut self.html, name.strip_suffix(".html.hbs").unwrap_or(name)),
        };
        registry.register_template_string(short, text).map_err(|error| {
            let at = place(&self.files, name, error.pos());
            ReportError::Template { at, what: error.reason().to_string() }
        })
    }

    /// Returns whether a template may name `report`, the whole report. No built-in one does, and
    /// they are strict: one that did would fail.
    pub(super) fn may_name_report(&self) -> bool {
        !self.files.is_empty()
    }

    /// Returns the style sheet for the `<style>` element.
    pub(super) fn css(&self) -> &str {
        &self.css
    }

    /// Returns the source expression of a content security policy that allows exactly this style
    /// sheet.
    pub(super) fn css_hash(&self) -> String {
        let digest = Sha256::digest(self.css.as_bytes());
        format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest))
    }

    pub(super) fn html(&self, view: &impl Serialize) -> Result<String, ReportError> {
        let page: Vec<&str> = self.html_page.iter().map(String::as_str).collect();
        self.render(&self.html, &page, ".html.hbs", view)
    }

    pub(super) fn page(&self, page: Page, view: &impl Serialize) -> Result<String, ReportError> {
        let name = page.template().0.trim_end_matches(".html.hbs");
        self.render(&self.html, &[name], ".html.hbs", view)
    }

    pub(super) fn markdown(&self, view: &impl Serialize) -> Result<String, ReportError> {
        let page: Vec<&str> = self.markdown_page.iter().map(String::as_str).collect();
        self.render(&self.markdown, &page, ".md.hbs", view)
    }

    fn render(
        &self,
        registry: &Handlebars<'static>,
        templates: &[&str],
        suffix: &str,
        view: &impl Serialize,
    ) -> Result<String, ReportError> {
        let wrong = |template: &str, error: &RenderError| {
            let name = format!("{}{suffix}", error.template_name.as_deref().unwrap_or(template));
            let at = place(&self.files, &name, error.line_no.zip(error.column_no));
            ReportError::Template { at, what: reason(error) }
        };
        let values = Context::wraps(view).map_err(|error| wrong("report", &error))?;
        let parts = parallel::map(templates, |template| {
            registry.render_with_context(template, &values).map_err(|error| wrong(template, &error))
        });
        parts.into_iter().collect()
    }
}

/// Templates that may still be parsed.
#[derive(Debug)]
pub enum PendingTemplates {
    Parsed(Box<Templates>),
    /// A thread parses the built-in ones, while this one does something else.
    Parsing(JoinHandle<Result<Templates, ReportError>>),
}

impl PendingTemplates {
    /// Begins to read what [`Templates::load`] reads. A mistake in a user's template is told at once.
    pub fn load(replacement: Option<&Path>) -> Result<Self, ReportError> {
        if replacement.is_none()
            && let Ok(thread) = Builder::new().name("templates".into()).spawn(Templates::built_in)
        {
            return Ok(Self::Parsing(thread));
        }
        Templates::load(replacement).map(|parsed| Self::Parsed(Box::new(parsed)))
    }

    /// Returns them once they are parsed.
    pub fn get(self) -> Result<Templates, ReportError> {
        match self {
            Self::Parsed(templates) => Ok(*templates),
            Self::Parsing(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        }
    }
}

/// A page of the built-in templates in pieces, each a template. They are rendered in parallel, and
/// stand one after the other.
///
/// Handlebars would copy all values for each partial of the page, and each list that the partial names
/// once more. The copies took a third of the time of a large run. And its parser counts the lines above
/// each expression: that took a quarter of the time of a small run, before long texts were cut.
///
/// A user's page is one piece, so that an error names its line.
fn pieces(texts: &mut BTreeMap<String, String>, page: &str) -> Vec<String> {
    let Some((stem, kind)) = page.split_once('.') else { return Vec::new() };
    let text = texts.remove(page).unwrap_or_default();
    let mut whole = vec![String::new()];
    for line in text.split_inclusive('\n') {
        // A partial that stands alone in its line, without values of its own.
        let named = line.strip_prefix("{{> ").and_then(|rest| rest.trim_end().strip_suffix("}}"));
        match named.and_then(|name| texts.get(&format!("{name}.{kind}")).cloned()) {
            Some(partial) => {
                // What only the page names is needed no more.
                if let Some(name) = named.filter(|name| !is_named(texts, name)) {
                    texts.remove(&format!("{name}.{kind}"));
                }
                whole.extend([partial, String::new()]);
            }
            None => whole.last_mut().into_iter().for_each(|text| text.push_str(line)),
        }
    }
    let pieces = whole.iter().flat_map(|text| cut(text)).enumerate();
    pieces
        .map(|(index, text)| {
            let name = format!("{stem}-{index}");
            texts.insert(format!("{name}.{kind}"), text.to_owned());
            name
        })
        .collect()
}

/// Whether a partial or another page names a partial.
fn is_named(texts: &BTreeMap<String, String>, name: &str) -> bool {
    let pages = [FORECAST, MATRIX, PLAN, SERVE, SHEET].map(|(_, text)| text);
    let mut all = texts.values().map(String::as_str).chain(pages);
    all.any(|text| text.contains(&format!("{{{{> {name}}}}}")) || text.contains(&format!("{{{{> {name} ")))
}

/// The text in parts. Each ends at the first line at which it has [`SHORT`] bytes and no block is
/// open.
fn cut(text: &str) -> Vec<&str> {
    let (mut parts, mut open, mut start, mut at) = (Vec::new(), 0, 0, 0);
    for line in text.split_inclusive('\n') {
        at += line.len();
        open += line.matches("{{#").count();
        open -= line.matches("{{/").count().min(open);
        if open == 0 && at - start >= SHORT {
            parts.extend(text.get(start..at));
            start = at;
        }
    }
    parts.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    parts
}

/// A text of so many bytes is read quickly.
const SHORT: usize = 300;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the reasons are those of handlebars, and may become more"
)]
fn reason(error: &RenderError) -> String {
    match error.reason() {
        RenderErrorReason::MissingVariable(Some(name)) => format!("`{name}` is unknown here"),
        RenderErrorReason::MissingVariable(None) => "there is no such name here".into(),
        RenderErrorReason::HelperNotFound(name) => format!("there is no helper `{name}`"),
        RenderErrorReason::PartialNotFound(name) => format!("there is no partial `{name}`"),
        other => other.to_string(),
    }
}

fn place(files: &BTreeMap<String, PathBuf>, name: &str, position: Option<(usize, usize)>) -> String {
    let file = files.get(name).map_or_else(|| format!("built-in {name}"), |path| path.display().to_string());
    match position {
        Some((line, column)) => format!("{file}:{line}:{column}"),
        None => file,
    }
}

fn registry(escape: fn(&str) -> String) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    // A partial keeps its own indentation. The lines of a playbook must not be indented further.
    registry.set_prevent_indent(true);
    registry.register_escape_fn(escape);
    registry.register_helper("if", Box::new(StrictIf { on: true }));
    registry.register_helper("unless", Box::new(StrictIf { on: false }));
    registry
}

/// `if` and `unless` that refuse an unknown name.
///
/// The crate's own helpers treat it as false, even in strict mode. A misspelt `{{#if simulated}}`
/// would silently drop the most important notice.
struct StrictIf {
    on: bool,
}

impl HelperDef for StrictIf {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let param = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("if", 0))?;
        if param.is_value_missing() {
            return Err(RenderError::strict_error(param.relative_path()));
        }
        let truthy = handlebars::JsonTruthy::is_truthy(param.value(), false);
        let chosen = if truthy == self.on { helper.template() } else { helper.inverse() };
        chosen.map_or(Ok(()), |template| template.render(registry, context, render, out))
    }
}

/// `{{code x}}` in Markdown: writes a code span.
fn code(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let param = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("code", 0))?;
    if param.is_value_missing() {
        return Err(RenderError::strict_error(param.relative_path()));
    }
    out.write(&escape::markdown_code(&handlebars::JsonRender::render(param.value())))?;
    Ok(())
}

/// Returns the template files at `path`, by the names that they replace or add.
fn replacements(path: &Path) -> Result<Vec<(String, PathBuf)>, ReportError> {
    let unreadable = |source| ReportError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = if name.ends_with(".html.hbs") {
            HTML
        } else if name.ends_with(".md.hbs") {
            MARKDOWN
        } else {
            return Err(ReportError::NotATemplate(path.to_owned()));
        };
        return Ok(vec![(name.to_owned(), path.to_owned())]);
    }
    let mut found: Vec<_> = [HTML, MARKDOWN, CSS]
        .into_iter()
        .map(|name| (name.to_owned(), path.join(name)))
        .filter(|(_, file)| file.is_file())
        .collect();
    let partials = path.join("partials");
    if partials.is_dir() {
        let unreadable = |source| ReportError::Read { path: partials.clone(), source };
        for entry in fs::read_dir(&partials).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".html.hbs") || name.ends_with(".md.hbs") {
                found.push((name, file));
            }
        }
    }
    if found.is_empty() { Err(ReportError::NoTemplates(path.to_owned())) } else { Ok(found) }
}

fn read_text(path: &Path) -> Result<String, ReportError> {
    fs::read_to_string(path).map_err(|source| ReportError::Read { path: path.to_owned(), source })
}
