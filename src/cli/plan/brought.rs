//! What the steps of a playbook bring along that may name places.

use std::collections::BTreeSet;

use estate::mentions;
use insight::rules::Brought;
use playbook::Loaded;

/// The templates with their parameters, and the user data of machines. What cannot be read is
/// another mistake, and `validate` tells it.
pub fn brought(loaded: &Loaded) -> Vec<Brought> {
    let mut all = Vec::new();
    for step in &loaded.playbook.steps {
        let mut add = |what, mentions: BTreeSet<String>| {
            if !mentions.is_empty() {
                all.push(Brought { step: step.id.clone(), what, mentions });
            }
        };
        let text = |key: &str| step.with.get(key).and_then(|value| value.as_str());
        match step.uses.as_str() {
            "cloudformation.deploy" => {
                let template = text("template").and_then(|name| loaded.files.read(name).ok());
                add("its template", template.map(|text| mentions::in_text(&text)).unwrap_or_default());
                let parameters = step.with.get("parameters").map(ToString::to_string);
                add("a parameter of it", parameters.map(|text| mentions::in_text(&text)).unwrap_or_default());
            }
            "ec2.launch" => {
                add("its user data", text("user_data").map(mentions::in_text).unwrap_or_default());
            }
            _ => {}
        }
    }
    all
}
