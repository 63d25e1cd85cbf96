//! The form in which each rule of findings is explained, once for the command line and the page.

use serde::Serialize;
use strum::VariantArray;

use super::severity::Severity;

/// All there is to tell of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub id: &'static str,
    pub topic: Topic,
    /// The gravest first. Several if the severity depends on what was found.
    pub severities: &'static [Severity],
    /// One line without a full stop.
    pub title: &'static str,
    pub meaning: &'static str,
    /// Why it matters.
    pub reason: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// What makes the finding go away besides its remedy, or that nothing does.
    pub switch_off: Option<&'static str>,
    pub example: Option<Example>,
    /// The document of AWS that a fact in the text comes from.
    pub source: Option<&'static str>,
    /// A page below `docs/`, with its anchor.
    pub page: Option<&'static str>,
}

/// What every rule must say: see [`Explanation`]. `` `code` `` is the only markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    pub title: &'static str,
    pub meaning: &'static str,
    pub reason: &'static str,
    pub remedy: &'static str,
}

/// A part of a file that shows the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The words after the fence. `tests/twin/readme.rs` says what they mean.
    pub fence: &'static str,
    pub text: &'static str,
}

/// What the rules are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Isolation,
    Data,
    SetUp,
    Run,
    Estate,
    Templates,
}

impl Explanation {
    pub const fn new(id: &'static str, topic: Topic, severities: &'static [Severity], text: Text) -> Self {
        let Text { title, meaning, reason, remedy } = text;
        Self {
            id,
            topic,
            severities,
            title,
            meaning,
            reason,
            remedy,
            switch_off: None,
            example: None,
            source: None,
            page: None,
        }
    }

    #[must_use]
    pub const fn switch_off(mut self, how: &'static str) -> Self {
        self.switch_off = Some(how);
        self
    }

    #[must_use]
    pub const fn example(mut self, fence: &'static str, text: &'static str) -> Self {
        self.example = Some(Example { fence, text });
        self
    }

    #[must_use]
    pub const fn source(mut self, document: &'static str) -> Self {
        self.source = Some(document);
        self
    }

    #[must_use]
    pub const fn page(mut self, page: &'static str) -> Self {
        self.page = Some(page);
        self
    }

    /// The severities in words: `high, medium`.
    pub fn severity_words(&self) -> String {
        let words: Vec<&str> = self.severities.iter().map(|severity| severity.word()).collect();
        words.join(", ")
    }
}

impl Topic {
    /// Every variant, in the order of the page.
    pub const ALL: &[Self] = Self::VARIANTS;

    pub const fn title(self) -> &'static str {
        match self {
            Self::Isolation => "Isolation",
            Self::Data => "Recovery points and data",
            Self::SetUp => "Set-up",
            Self::Run => "The run",
            Self::Estate => "The estate and the plan",
            Self::Templates => "CloudFormation templates",
        }
    }

    /// What holds for all rules of the topic.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Isolation => {
                "A look at the sandbox finds these. Severity high ends the drill before T0 (exit \
                 code 3), and fails it after T0 (exit code 1). Lower severities do not change the \
                 verdict."
            }
            Self::Data => {
                "These are about what was restored, and about what could have been \
                           restored."
            }
            Self::SetUp => {
                "These are known before T0. They are about accounts, permissions and \
                            the sandbox."
            }
            Self::Run => {
                "These are about the run itself: the runner, the teardown, values and \
                          secrets."
            }
            Self::Estate => {
                "`plan` finds these without a drill, in the estate and in the playbook. Many \
                 resources of one rule are one finding. They do not change an exit code. A rule \
                 that the estate cannot answer says nothing."
            }
            Self::Templates => {
                "The inspection of a CloudFormation template goes by these rules. At severity high \
                 the template is not deployed: `validate` shows the place in the template, and a \
                 run fails the step. At severity medium and low the template is deployed, and the \
                 report has the finding `template`."
            }
        }
    }
}
