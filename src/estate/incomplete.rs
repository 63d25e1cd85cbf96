//! What `discover` could not read, in words.

use super::file::Incomplete;
use super::scope;
use base::severity::Severity;

/// How many places a sentence names.
const NAMED: usize = 3;

impl Incomplete {
    /// `rds in us-east-1 of account 111122223333`.
    pub fn place(&self) -> String {
        let Self { account, region, service, .. } = self;
        match (service, region) {
            (Some(kind), None) if self.is_never_read() => format!("every {kind} of account {account}"),
            (Some(service), Some(region)) => format!("{service} in {region} of account {account}"),
            (Some(service), None) => format!("{service} (global) of account {account}"),
            (None, Some(region)) => format!("all of {region} in account {account}"),
            (None, None) => format!("all of account {account}"),
        }
    }

    /// Whether this is a type that no reading tells of. Others are services, or whole places.
    fn is_never_read(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.contains(':'))
    }

    /// High where data or recovery points may lie. A service that the scope table does not know may
    /// hold either. Low of a type that is never read: most accounts have none.
    pub fn severity(&self) -> Severity {
        let Some(service) = &self.service else { return Severity::High };
        if self.is_never_read() {
            return Severity::Low;
        }
        // Quotas hold nothing.
        if service == "servicequotas" {
            return Severity::Medium;
        }
        let prefix = format!("{service}:");
        let mut rows = scope::TABLE.iter().filter(|row| row.kind.starts_with(&prefix)).peekable();
        let is_unknown = rows.peek().is_none();
        let holds = service == "backup"
            || rows.any(|row| scope::holds_data(row.kind) || !row.protected_by.is_empty());
        if holds || is_unknown { Severity::High } else { Severity::Medium }
    }
}

/// What was not read, in one sentence. `None`: nothing.
pub fn told(incomplete: &[Incomplete]) -> Option<String> {
    let named = incomplete.iter().take(NAMED).map(|one| format!("{} ({})", one.place(), one.why));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = incomplete.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    (!incomplete.is_empty()).then(|| format!("not all of the estate was read: {named}{more}"))
}

/// The gravest severity.
pub fn severity(incomplete: &[Incomplete]) -> Severity {
    incomplete.iter().map(Incomplete::severity).min().unwrap_or(Severity::Medium)
}
