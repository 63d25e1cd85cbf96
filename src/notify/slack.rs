//! The form of a message for Slack.

use serde_json::{Value as Json, json};

use crate::message::{Message, cut};

/// Slack refuses a longer text in a block.
const LONGEST: usize = 3000;

/// The body for an incoming webhook. `text` is what a notification shows.
pub(crate) fn body(message: &Message) -> Json {
    let headline = text(&message.headline);
    let mut blocks = vec![json!({ "type": "section", "text": mrkdwn(&headline) })];
    for lines in [&message.workloads, &message.notes].into_iter().filter(|lines| !lines.is_empty()) {
        let lines: Vec<String> = lines.iter().map(|line| format!("• {}", text(line))).collect();
        blocks.push(json!({ "type": "section", "text": mrkdwn(&lines.join("\n")) }));
    }
    let about: Vec<String> = message.about.iter().map(|line| text(line)).collect();
    blocks.push(json!({ "type": "context", "elements": [mrkdwn(&about.join(" · "))] }));
    json!({ "text": cut(&headline, LONGEST), "blocks": blocks })
}

/// `verbatim`: Slack makes no links and mentions from names.
fn mrkdwn(text: &str) -> Json {
    json!({ "type": "mrkdwn", "text": cut(text, LONGEST), "verbatim": true })
}

/// Slack's own escapes. Without them, a name could mention everybody (`<!channel>`) or hide a link.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_mention_anybody() {
        let message = Message {
            headline: "Simulated: <!channel> & <https://evil.example|orders> came back".into(),
            workloads: vec!["<@U1>: RTO 1m".into()],
            notes: Vec::new(),
            about: vec!["Run: r".into()],
        };
        let body = body(&message);
        let all = body.to_string();
        assert!(!all.contains('<') && !all.contains('>'), "{all}");
        let text = body["text"].as_str().unwrap();
        assert!(text.starts_with("Simulated: &lt;!channel&gt; &amp; "), "{text}");
        assert_eq!(body["blocks"].as_array().unwrap().len(), 3, "no empty block: Slack refuses it");
        assert!(body["blocks"][0]["text"]["verbatim"].as_bool().unwrap());
    }

    #[test]
    fn a_long_text_is_cut() {
        let message = Message {
            headline: "ü".repeat(5000),
            workloads: Vec::new(),
            notes: vec!["n".repeat(9000)],
            about: vec!["a".into()],
        };
        for block in body(&message)["blocks"].as_array().unwrap() {
            let text = block.pointer("/text/text").or_else(|| block.pointer("/elements/0/text")).unwrap();
            assert!(text.as_str().unwrap().chars().count() <= LONGEST);
        }
    }
}
