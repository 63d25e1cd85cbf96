//! Expressions: Handlebars in strict mode, without HTML escaping.
use serde_json::Value;
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    pub message: String,
}
#[derive(Debug, Clone)]
pub struct Reference {
    pub path: Vec<String>,
}
pub fn references(text: &str) -> Result<Vec<Reference>, ExprError> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(i) = rest.find("{{") {
        let Some(j) = rest[i..].find("}}") else { break };
        out.push(Reference { path: rest[i + 2..i + j].trim().split('.').map(str::to_owned).collect() });
        rest = &rest[i + j + 2..];
    }
    Ok(out)
}
pub fn render(text: &str, ctx: &Value) -> Result<String, ExprError> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    let mut h = handlebars::Handlebars::new();
    h.set_strict_mode(true);
    h.register_escape_fn(handlebars::no_escape);
    h.render_template(text, ctx).map_err(|e| ExprError { message: e.to_string() })
}
pub fn render_value(value: &Value, ctx: &Value) -> Result<Value, ExprError> {
    Ok(match value {
        Value::String(s) => Value::String(render(s, ctx)?),
        Value::Array(a) => Value::Array(a.iter().map(|v| render_value(v, ctx)).collect::<Result<_, _>>()?),
        Value::Object(o) => Value::Object(
            o.iter()
                .map(|(k, v)| Ok((k.clone(), render_value(v, ctx)?)))
                .collect::<Result<_, ExprError>>()?,
        ),
        v => v.clone(),
    })
}
