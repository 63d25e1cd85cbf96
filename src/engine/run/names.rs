//! The names that expressions may use.

use serde_json::{Map, Value, json};

use super::Engine;
use crate::sandbox::Ready;
use base::duration::Time;

/// The names that are known before T0: all except outputs of steps, T0, environment and secrets.
/// `ready`: the sandbox. `None` before it exists.
pub fn known_names(engine: &Engine, ready: Option<&Ready>) -> Map<String, Value> {
    let mut names = engine.plan.expression_base();
    let sandbox = match ready {
        Some(ready) => json!({
            "account": ready.place.account,
            "region": ready.place.region,
            "cidr": ready.cidr,
            "vpc_id": ready.vpc,
            "subnet_ids": ready.subnets.iter().map(|s| &s.id).collect::<Vec<_>>(),
            "security_group_id": ready.security_group,
        }),
        None => json!({
            "account": engine.plan.sandbox_account,
            "region": engine.plan.sandbox.region,
            "cidr": engine.plan.sandbox.network.cidr,
        }),
    };
    names.insert("sandbox".into(), sandbox);
    if ready.is_some() {
        names.insert("run".into(), json!({ "id": engine.config.run }));
    }
    names
}

/// The names that are known from T0 on, for all steps and checks. `steps`, `env` and `secret` come to
/// them for each.
pub fn names_since(engine: &Engine, ready: &Ready, t0: Time) -> Value {
    let mut names = known_names(engine, Some(ready));
    names.insert(
        "run".into(),
        json!({
            "id": engine.config.run,
            "t0": t0.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        }),
    );
    Value::Object(names)
}
