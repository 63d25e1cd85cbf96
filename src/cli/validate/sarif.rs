//! Mistakes as SARIF 2.1.0, which code hosts and editors show beside the lines.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use playbook::load::COMMAND_LINE;
use yaml::Diagnostic;

/// All but what may stand in the path of a URI.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Only their severity tells mistakes apart.
const RULES: [(&str, &str); 2] =
    [("error", "The file is not valid"), ("warning", "The file is valid, but in doubt")];

pub fn log(found: &[Diagnostic]) -> Value {
    let rules = RULES.map(|(id, text)| {
        json!({ "id": id, "shortDescription": { "text": text }, "defaultConfiguration": { "level": id } })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "drillmaster", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": found.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(found: &Diagnostic) -> Value {
    let index = usize::from(!found.is_error());
    let level = RULES.get(index).map(|(id, _)| id);
    let mut text = found.message.clone();
    if let Some(help) = &found.help {
        text += &format!("\nhelp: {help}");
    }
    let mut result =
        json!({ "ruleId": level, "ruleIndex": index, "level": level, "message": { "text": text } });
    if &*found.file != COMMAND_LINE
        && let Some(object) = result.as_object_mut()
    {
        let region = json!({ "startLine": found.line, "startColumn": found.column });
        let place = json!({ "artifactLocation": { "uri": uri(&found.file) }, "region": region });
        object.insert("locations".into(), json!([{ "physicalLocation": place }]));
    }
    result
}

fn uri(file: &str) -> String {
    let path = utf8_percent_encode(file, IN_PATH).to_string();
    if Path::new(file).is_absolute() { format!("file://{path}") } else { path }
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("drills/orders.yaml"), "drills/orders.yaml");
        assert_eq!(uri("a b/ü:#.yaml"), "a%20b/%C3%BC%3A%23.yaml");
        assert_eq!(uri("/srv/a b.yaml"), "file:///srv/a%20b.yaml");
    }
}
