//! Reads one secret from Secrets Manager as text, for the expressions of a playbook.

use super::access::Clients;
use super::error::OrCloud;
use port::{CloudError, CloudResult, ErrorKind};

const CALL: &str = "secretsmanager:GetSecretValue";

/// Returns the text of the current version, by the secret's name or ARN.
pub async fn text(clients: &Clients, id: &str) -> CloudResult<String> {
    let answer = clients.secrets.get_secret_value().secret_id(id).send().await.or_cloud(CALL)?;
    answer.secret_string.ok_or_else(|| {
        CloudError::new(ErrorKind::Invalid, CALL, format!("the secret `{id}` holds bytes, not text"))
            .help("store it as text (SecretString)")
    })
}
