//! The JSON Schema of playbooks, derived from the types that playbooks are decoded into.
//!
//! Our own validation uses [`base_schema`]. [`playbook_schema`] adds parts for editors: the
//! arguments of each action, and the rules of "exactly one" that JSON Schema can express.

use std::collections::HashMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::action::{ActionDecl, Catalogue};
use super::check::CheckType;
use super::formats::PlaybookFormats;
use super::model::Playbook;
use yaml::Schema;

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

/// The schema without the parts for editors.
pub fn base_schema(catalogue: Catalogue) -> Json {
    let mut schema = generator().into_root_schema_for::<Playbook>().to_value();
    describe(&mut schema, catalogue);
    schema
}

fn describe(schema: &mut Json, catalogue: Catalogue) {
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "Drillmaster playbook".into());
    }
    let names: Vec<&str> = catalogue.0.iter().map(|decl| decl.name).collect();
    if let Some(uses) = schema.pointer_mut("/$defs/Step/properties/uses").and_then(Json::as_object_mut) {
        uses.insert("enum".into(), json!(names));
        uses.insert("format".into(), "action".into());
    }
}

/// The JSON Schema of playbooks (draft 2020-12), with the arguments of every action.
pub fn playbook_schema(catalogue: Catalogue) -> Json {
    let mut generator = generator();
    let arguments: Vec<(&ActionDecl, Json)> =
        catalogue.0.iter().map(|decl| (*decl, (decl.args)(&mut generator).to_value())).collect();
    let mut schema = generator.into_root_schema_for::<Playbook>().to_value();
    describe(&mut schema, catalogue);
    let defs = schema.get("$defs").cloned().unwrap_or_default();
    let cases: Vec<Json> = arguments
        .into_iter()
        .map(|(decl, args)| {
            let needed = args
                .get("$ref")
                .and_then(Json::as_str)
                .and_then(|r| defs.get(r.trim_start_matches("#/$defs/")))
                .and_then(|def| def.get("required"))
                .is_some();
            let mut then = json!({ "properties": { "with": args } });
            if let Some(with) = then.pointer_mut("/properties/with").and_then(Json::as_object_mut) {
                with.insert("description".into(), decl.summary.into());
            }
            if needed && let Some(then) = then.as_object_mut() {
                then.insert("required".into(), json!(["with"]));
            }
            json!({ "if": { "properties": { "uses": { "const": decl.name } }, "required": ["uses"] }, "then": then })
        })
        .collect();
    if let Some(step) = schema.pointer_mut("/$defs/Step").and_then(Json::as_object_mut) {
        step.insert("allOf".into(), cases.into());
    }
    if let Some(check) = schema.pointer_mut("/$defs/Check").and_then(Json::as_object_mut) {
        let one: Vec<Json> = CheckType::ALL.iter().map(|of| json!({ "required": [of.key()] })).collect();
        check.insert("oneOf".into(), one.into());
    }
    if let Some(lose) = schema.pointer_mut("/$defs/Lose").and_then(Json::as_object_mut) {
        lose.insert("minProperties".into(), 1.into());
        lose.insert("maxProperties".into(), 1.into());
    }
    // What a playbook leaves out may stand in the one that it extends.
    if let Some(root) = schema.as_object_mut()
        && let Some(required) = root.remove("required")
    {
        root.insert("if".into(), json!({ "not": { "required": ["extends"] } }));
        root.insert("then".into(), json!({ "required": required }));
    }
    yaml::patterns::add(&mut schema, &PlaybookFormats, true);
    schema
}

/// The schema of one action's `with`, as a separate document.
pub fn arguments_schema(decl: &ActionDecl) -> Json {
    let mut generator = generator();
    let mut schema = (decl.args)(&mut generator).to_value();
    let defs = generator.take_definitions(true);
    if let Some(object) = schema.as_object_mut() {
        object.insert("$defs".into(), Json::Object(defs));
    }
    schema
}

/// The compiled schemas, which validation uses.
pub struct Compiled {
    pub playbook: Schema,
    pub arguments: HashMap<&'static str, Schema>,
}

impl Compiled {
    pub fn new(catalogue: Catalogue) -> Self {
        let arguments =
            catalogue.0.iter().map(|decl| (decl.name, Schema::compile(&arguments_schema(decl)))).collect();
        Self { playbook: Schema::compile(&base_schema(catalogue)), arguments }
    }
}
