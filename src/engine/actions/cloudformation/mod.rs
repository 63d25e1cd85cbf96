//! CloudFormation: infrastructure rebuilt from its templates.

pub mod deploy;
mod lost;
