//! `# drillmaster: ignore RULE because …`: the findings that a person has accepted, with the reason.

use std::path::Path;

use super::output::write_stderr;
use crate::ui::Surroundings;
use base::exit::Exit;
use estate::draft::LoadedEstate;
use estate::load::FileRead;
use insight::rules::{Ignore, RULES, may_be_ignored};
use playbook::Loaded;
use port::finding::Rule;
use yaml::diagnostic::suggest;
use yaml::directive::{WORD, directives};
use yaml::{Diagnostic, Diagnostics, Node, Source};

const FORM: &str = "write `# drillmaster: ignore RULE because REASON`";

/// What the comments of some files ignore, and their mistakes.
#[derive(Default)]
pub struct Ignores {
    pub ignores: Vec<Ignore>,
    pub wrong: Vec<Diagnostic>,
}

impl Ignores {
    /// Those of a playbook, of what it extends, and of its estate.
    pub fn of_playbook(loaded: &Loaded) -> Self {
        let mut found = Self::default();
        let (source, root) = loaded.text_and_values();
        found.read(source, root);
        if let Some(estate) = &loaded.estate {
            found.estate(estate);
        }
        found
    }

    pub fn of_estate(estate: &LoadedEstate) -> Self {
        let mut found = Self::default();
        found.estate(estate);
        found
    }

    fn estate(&mut self, estate: &LoadedEstate) {
        // Estates are large, and few have such a comment.
        if !estate.source.contains(WORD) {
            return;
        }
        let source = Source::new(&estate.path.display().to_string(), &estate.source, 1);
        if let (Some(root), _) = yaml::parse(&source) {
            self.read(&source, &root);
        }
    }

    fn read(&mut self, source: &Source, root: &Node) {
        for directive in directives(source, root) {
            match ignore(directive.text) {
                Ok((rule, because)) => {
                    let place = source.place(directive.span.start);
                    let place = format!("{}:{}", place.file, place.position.line);
                    self.ignores.push(Ignore { rule, because, place });
                }
                Err((message, help)) => self.wrong.push(source.error(directive.span, message).help(help)),
            }
        }
    }
}

/// The rule and the reason of one comment, or what is wrong with it and what to write instead.
fn ignore(text: &str) -> Result<(Rule, String), (String, String)> {
    let mut words = text.splitn(2, char::is_whitespace);
    let (verb, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().trim());
    if verb != "ignore" {
        return Err((format!("`{verb}` is nothing that a comment can ask for"), FORM.to_owned()));
    }
    let (name, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if name.is_empty() || name == "because" {
        return Err(("the comment names no rule to ignore".to_owned(), FORM.to_owned()));
    }
    let Ok(rule) = name.parse::<Rule>() else {
        let known = RULES.iter().map(|entry| entry.rule.id());
        let help = suggest(name, known, "rule").unwrap_or_default();
        let help = if help.is_empty() { "`drillmaster explain` lists all".to_owned() } else { help };
        return Err((format!("`{name}` is no rule of findings"), help));
    };
    if !may_be_ignored(rule) {
        let help =
            format!("remove the comment; `drillmaster explain {rule}` says what makes the finding go away");
        return Err((format!("the rule `{rule}` cannot be ignored: it judges a run"), help));
    }
    let because = reason.trim().strip_prefix("because").map_or("", str::trim);
    if because.is_empty() {
        let message = format!("nobody says why `{rule}` is ignored");
        return Err((message, format!("write `# drillmaster: ignore {rule} because REASON`")));
    }
    Ok((rule, because.to_owned()))
}

/// Like [`load_estate`], and writes mistakes and warnings to stderr.
pub fn load_estate_or_complain(path: &Path) -> Result<LoadedEstate, Exit> {
    let loaded = load_estate(path);
    let (Ok((_, found)) | Err(found)) = &loaded;
    write_stderr(&found.render(Surroundings::detect().stderr_look().color));
    loaded.map(|(loaded, _)| loaded).map_err(|_| Exit::Wrong)
}

/// Loads an estate by itself, with the mistakes of its comments.
pub fn load_estate(path: &Path) -> Result<(LoadedEstate, Diagnostics), Diagnostics> {
    load_read_estate(path, yaml::file::read(path, 1))
}

/// The same as [`load_estate`], for a file that was read already.
pub fn load_read_estate(path: &Path, read: FileRead) -> Result<(LoadedEstate, Diagnostics), Diagnostics> {
    let (loaded, mut found) = estate::load::load_read(path, read)?;
    let wrong = Ignores::of_estate(&loaded).wrong;
    if wrong.is_empty() {
        return Ok((loaded, found));
    }
    for diagnostic in wrong {
        found.push(diagnostic);
    }
    found.sort();
    Err(found)
}
