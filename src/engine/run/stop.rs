//! The reasons for cutting a drill short.

use crate::sandbox::ProvisionError;
use port::CloudError;

/// Why the drill could not be carried out.
#[derive(Debug, Clone)]
pub enum Stop {
    Interrupted,
    Aborted {
        error: String,
        help: Option<String>,
    },
    /// The playbook is wrong. Only what the cloud holds shows it, and nothing was touched.
    Mistaken {
        error: String,
        help: Option<String>,
    },
}

impl From<CloudError> for Stop {
    fn from(error: CloudError) -> Self {
        Self::Aborted { help: error.help.clone(), error: error.to_string() }
    }
}

impl From<ProvisionError> for Stop {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::Cloud(error) => error.into(),
            ProvisionError::Changed { .. } => Self::Aborted {
                error: error.to_string(),
                help: Some("tear the run down with `drillmaster abort`, and start it anew".into()),
            },
            // The error's own text says what to do about the disk or the reader of stdout.
            ProvisionError::Journal(error) => Self::Aborted { error: error.to_string(), help: None },
        }
    }
}
