//! The role of the probe, which AWS Lambda takes to make and delete network interfaces.

use port::PROBE_ROLE;
use serde_json::{Value, json};

/// The policy of the role.
pub fn policy() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Interfaces", "Effect": "Allow", "Action": PROBE_ROLE, "Resource": "*" }
    ] })
}

/// Who may take the role.
pub fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Lambda", "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }] })
}
