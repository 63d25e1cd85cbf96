//! Imports the public key of a key pair.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, Prepared, Shape, SourceSpec};
use port::{Calibration, Create, CreateCall, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportKeyPairArgs {
    /// The public key's text (OpenSSH format).
    pub public_key: String,
}

pub struct ImportKeyPair;

impl Action for ImportKeyPair {
    type Args = ImportKeyPairArgs;

    const NAME: &'static str = "ec2.import_key_pair";
    const SUMMARY: &'static str = "Imports a public key for the machines of the sandbox.";
    const OUTPUTS: &'static [Output] =
        &[Output { name: "key_name", doc: "the key pair's name", shape: Shape::Text }];
    const CALLS: &'static [&'static str] = &["ec2:ImportKeyPair", "ec2:DescribeKeyPairs"];
    // A key opens no network.
    const MAY_OPEN: bool = false;
    const SIZED_BY: &'static [PointKind] = &[];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::ImportKeyPair)],
        base: Duration::from_secs(1),
        per_gib: Duration::ZERO,
        spread: 0.0,
        source: "one call (m)",
    };

    fn problems(args: &ImportKeyPairArgs) -> Vec<ArgProblem> {
        let key = args.public_key.trim();
        let kinds = ["ecdsa-", "sk-", "ssh-dss"];
        let (message, help) = if key.contains("PRIVATE KEY-----") {
            ("this is a private key", "give the public one, and make a new pair: this one is known now")
        } else if kinds.iter().any(|kind| key.starts_with(kind)) {
            ("EC2 does not take a key of this kind", "give an RSA or ED25519 key: `ssh-ed25519 AAAA…`")
        } else {
            return Vec::new();
        };
        vec![ArgProblem { pointer: "/public_key".into(), message: message.into(), help: help.into() }]
    }

    fn source(_args: &ImportKeyPairArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(_args: &ImportKeyPairArgs) -> Demands {
        Demands::default()
    }

    async fn run(cx: &Context<'_>, args: ImportKeyPairArgs) -> Result<Outcome, StepError> {
        let name = cx.name("");
        cx.create_ready("", Create::KeyPair { name: name.clone(), public_key: args.public_key }).await?;
        let mut outcome = Outcome::default();
        outcome.outputs.insert("key_name".into(), json!(name));
        Ok(outcome)
    }
}
