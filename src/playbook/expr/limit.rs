//! Limits on what an expression may do. Handlebars itself has none.

use std::io;

use handlebars::template::{HelperTemplate, Template, TemplateElement};

use super::ExprError;

/// The longest text with helpers, in bytes, and the largest number of its expressions.
const LONGEST: usize = 64 << 10;
const MOST: usize = 500;
/// How deep blocks and brackets may nest.
const DEEPEST: usize = 32;
/// How much the texts of one step or check may hold when they are rendered, in bytes.
const LARGEST: usize = 4 << 20;
/// How many parts of blocks may be rendered. Nested `each` multiply.
const MOST_PARTS: usize = 200_000;

/// Rejects expressions that nest too deep or are too long, because Handlebars' parser recurses.
pub(super) fn shape(text: &str) -> Result<(), ExprError> {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for tag in text.split("{{").skip(1) {
        let tag = tag.split("}}").next().unwrap_or(tag).trim_start_matches(['~', '{', '&']);
        match tag.bytes().next() {
            Some(b'#' | b'^') => depth += 1,
            Some(b'/') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth).max(tag.bytes().filter(|b| matches!(b, b'(' | b'[' | b'{')).count());
    }
    if deepest > DEEPEST {
        return Err(ExprError::new(
            format!("an expression nested more than {DEEPEST} levels deep"),
            "write several steps, or compute the value in a parameter",
        ));
    }
    if text.len() > LONGEST || text.matches("{{").count() > MOST {
        return Err(ExprError::new(
            "a text whose expressions use helpers is too long",
            format!(
                "keep texts of more than {} KiB or {MOST} expressions to plain paths such as `{{{{ params.name }}}}`",
                LONGEST >> 10
            ),
        ));
    }
    Ok(())
}

/// What the texts of one value may still use up.
pub(super) struct Budget {
    bytes: usize,
    parts: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: LARGEST, parts: MOST_PARTS }
    }
}

impl Budget {
    pub(super) fn write(&mut self, bytes: usize) -> Result<(), ExprError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            ExprError::new(
                format!("the expressions give more than {} MiB of text, which is the limit", LARGEST >> 20),
                "pass large values on in a file, and name the file",
            )
        })?;
        Ok(())
    }

    fn render(&mut self, parts: usize) -> Result<(), ExprError> {
        self.parts = self.parts.checked_sub(parts).ok_or_else(|| {
            ExprError::new(
                format!("the blocks of the expressions go through more than {MOST_PARTS} parts, which is the limit"),
                "nested `each` multiply: go through fewer items, or compute the text in a command",
            )
        })?;
        Ok(())
    }
}

/// Stands for one rendered part of a block. Noncharacters: no text in a playbook needs them.
const PART: &str = "\u{fdd0}\u{fdd1}\u{fdd2}";

/// Adds a text to each block that tells [`Limited`] that the block was rendered once more.
pub(super) fn count_rounds(template: &mut Template) {
    for element in &mut template.elements {
        if let TemplateElement::Expression(helper)
        | TemplateElement::HtmlExpression(helper)
        | TemplateElement::HelperBlock(helper) = element
        {
            let HelperTemplate { template, inverse, .. } = &mut **helper;
            for block in template.iter_mut().chain(inverse) {
                count_rounds(block);
                let parts = block.elements.len() + 1;
                block.elements.push(TemplateElement::RawString(PART.repeat(parts)));
            }
        }
    }
}

/// Takes what Handlebars writes, up to the limits.
pub(super) struct Limited<'a> {
    out: Vec<u8>,
    budget: &'a mut Budget,
    exceeded: Option<ExprError>,
}

impl<'a> Limited<'a> {
    pub(super) fn new(budget: &'a mut Budget) -> Self {
        Self { out: Vec::new(), budget, exceeded: None }
    }

    /// The text, and the limit that it exceeded.
    pub(super) fn end(self) -> (Vec<u8>, Option<ExprError>) {
        (self.out, self.exceeded)
    }
}

impl io::Write for Limited<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let is_count = !text.is_empty()
            && text.len().is_multiple_of(PART.len())
            && text.chunks(PART.len()).all(|part| part == PART.as_bytes());
        let within = if is_count {
            self.budget.render(text.len() / PART.len())
        } else {
            self.out.extend_from_slice(text);
            self.budget.write(text.len())
        };
        within.map(|()| text.len()).map_err(|error| {
            let message = error.message.clone();
            self.exceeded = Some(error);
            io::Error::other(message)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::super::{render, render_value};

    fn refused(text: &str, context: &serde_json::Value) -> String {
        render(text, context).unwrap_err().message
    }

    #[test]
    fn blocks_that_multiply_end_at_a_limit() {
        let context = json!({ "params": { "list": (0..2000).collect::<Vec<_>>(), "yes": true } });
        for inner in ["", "x", "{{this}}", "{{#if params.yes}}{{/if}}"] {
            let nested = format!(
                "{{{{#each params.list}}}}{{{{#each @root.params.list}}}}{{{{#each @root.params.list}}}}{inner}{{{{/each}}}}{{{{/each}}}}{{{{/each}}}}"
            );
            assert!(refused(&nested, &context).contains("parts"), "{inner}");
        }
        let once = render("{{#each params.list}}{{this}},{{/each}}", &context).unwrap();
        assert!(once.starts_with("0,1,2,") && once.ends_with("1999,"), "nothing is left of the counting");
    }

    #[test]
    fn a_text_ends_at_a_size() {
        let context =
            json!({ "params": { "big": "x".repeat(1 << 20), "list": (0..100).collect::<Vec<_>>() } });
        let mut simple = String::new();
        for _ in 0..5 {
            write!(simple, "{{{{ params.big }}}}").unwrap();
        }
        assert!(refused(&simple, &context).contains("4 MiB"));
        assert!(refused("{{#each params.list}}{{@root.params.big}}{{/each}}", &context).contains("4 MiB"));
        let several = json!({ "a": vec!["{{ params.big }}"; 5] });
        let error = render_value(&several, &context).unwrap_err();
        assert!(error.message.contains("4 MiB") && error.pointer == "/a/4", "{error:?}");
    }
}
