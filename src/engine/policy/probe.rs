//! The role of the probe, which AWS Lambda takes to make and delete network interfaces.

use serde_json::{Value, json};

/// What Lambda needs for a function in a VPC, and nothing else. Without permissions for logs and
/// traces, nothing of what the function says leaves the sandbox.
///
/// Source: Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC",
/// section "Required IAM permissions".
const INTERFACES: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

/// The policy of the role.
pub fn policy() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Interfaces", "Effect": "Allow", "Action": INTERFACES, "Resource": "*" }
    ] })
}

/// Who may take the role.
pub fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Lambda", "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }] })
}
