//! Converts SDK errors to the port's: the kind, whether the request may have taken effect, and a
//! hint for the user.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::caller::{Refused, doubtful};
use base::causes::chain;
use https::proxy::{self, Refusal};
use port::{CloudError, CloudResult, ErrorKind, Sent};

/// The codes that services use for "too many requests".
pub const THROTTLED: [&str; 8] = [
    "Throttling",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequests",
    "RequestThrottled",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// Converts an SDK result to the port's. `call` is `service:Operation`.
pub trait OrCloud<T> {
    fn or_cloud(self, call: &str) -> CloudResult<T>;
}

impl<T, E> OrCloud<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn or_cloud(self, call: &str) -> CloudResult<T> {
        self.map_err(|e| convert(call, &e))
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the errors are the SDK's, and may become more")]
fn convert<E>(call: &str, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if let Some(refused) = cause::<Refused>(error) {
        return CloudError::new(ErrorKind::Lost, call, refused.0.why.clone())
            .help("from T0 the drill does without what is lost: let the step use what survives");
    }
    // If the credentials could not be loaded, the cause is deeper in the error chain. It matters
    // more than the request that needed them.
    if let SdkError::ServiceError(service) = error {
        let status = service.raw().status().as_u16();
        // AWS has no such answer.
        if let Some(error) = (status == 407).then(|| by_proxy(call, proxy::AUTHENTICATE)).flatten() {
            return error;
        }
        let meta = service.err().meta();
        let message = meta.message().unwrap_or("no message").trim();
        return from_code(call, meta.code(), status, message);
    }
    if let Some(e) = cause::<CredentialsError>(error) {
        if let Some(connector) = cause::<ConnectorError>(e) {
            // The connection to STS (or to another source of credentials) failed. The request
            // itself was not sent.
            let said = chain(e);
            return by_proxy(call, &said)
                .unwrap_or_else(|| unconnected(call, format!("no credentials, no connection: {said}")))
                .sent(if never_connected(connector) { Sent::No } else { Sent::Maybe });
        }
        return CloudError::new(ErrorKind::Credentials, call, no_credentials(e)).help(CREDENTIALS_HELP);
    }
    let said = chain(error);
    match error {
        SdkError::ConstructionFailure(_) => CloudError::new(ErrorKind::Invalid, call, said)
            .help("the request could not be built: see what the message names"),
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            if let Some(error) = (status == 407).then(|| by_proxy(call, proxy::AUTHENTICATE)).flatten() {
                return error;
            }
            CloudError::new(ErrorKind::Server, call, format!("HTTP {status}: {said}")).sent(Sent::Maybe)
        }
        SdkError::DispatchFailure(failure) => {
            let never = failure.as_connector_error().is_some_and(never_connected) && !doubtful();
            by_proxy(call, &said).unwrap_or_else(|| unconnected(call, said)).sent(if never {
                Sent::No
            } else {
                Sent::Maybe
            })
        }
        _ => {
            let never = said.contains("HTTP connect timeout") && !doubtful();
            CloudError::new(ErrorKind::Network, call, said)
                .sent(if never { Sent::No } else { Sent::Maybe })
                .help("check the network and the endpoint; a slow endpoint may be busy")
        }
    }
}

/// Why there are no credentials, in one sentence. The SDK's chain of causes names every source that
/// it has tried.
fn no_credentials(error: &CredentialsError) -> String {
    const LONGEST: usize = 200;
    if let CredentialsError::CredentialsNotLoaded(..) = error {
        return "there are no credentials".to_owned();
    }
    let mut innermost: &(dyn Error + 'static) = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    let said = innermost.to_string();
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("the SDK does not say why");
    format!("there are no credentials: {}", line.trim().chars().take(LONGEST).collect::<String>())
}

/// Returns the error of a proxy that did not let the request through. `None` if it is another error.
fn by_proxy(call: &str, said: &str) -> Option<CloudError> {
    let Refusal { what, help } = proxy::refusal(said, true).or_else(|| proxy::refusal(said, false))?;
    Some(CloudError::new(ErrorKind::Network, call, what).help(help))
}

fn unconnected(call: &str, said: String) -> CloudError {
    let check = "check the network, the region's name and the endpoint (AWS_ENDPOINT_URL)";
    let error = CloudError::new(ErrorKind::Network, call, said);
    match proxy::named() {
        Some(proxy) => error.help(format!("{check}, and the proxy {proxy}")),
        None => error.help(check),
    }
}

const CREDENTIALS_HELP: &str = "check the account's `profile` or `role` in the playbook, `aws sso login`, and the \
    AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN variables; `aws sts get-caller-identity` shows who you are";

pub const CLOCK_HELP: &str = "this machine's clock is wrong, and every age and time of the drill with it: set it by NTP \
    (`timedatectl status` shows whether it is), and run the drill again";

/// Converts a service's error code.
pub fn from_code(call: &str, code: Option<&str>, status: u16, message: &str) -> CloudError {
    let code = code.unwrap_or_default();
    let (kind, help) = classify(code, status, message);
    // DynamoDB limits how many tables may change at once (API reference, "LimitExceededException").
    let is_at_once = kind == ErrorKind::Quota && call.starts_with("dynamodb:");
    let kind = if is_at_once { ErrorKind::Busy } else { kind };
    let shown =
        if code.is_empty() { format!("HTTP {status}: {message}") } else { format!("{code}: {message}") };
    let error = CloudError::new(kind, call, shown);
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

fn classify(code: &str, status: u16, message: &str) -> (ErrorKind, Option<&'static str>) {
    let has = |parts: &[&str]| parts.iter().any(|p| code.contains(p));
    if has(&THROTTLED) || status == 429 || message.contains("Rate exceeded") {
        return (
            ErrorKind::Throttled,
            Some("lower `--jobs`, or run when less else calls this account's APIs"),
        );
    }
    // The services that sign by SigV4 say it in the message only.
    if has(&["RequestTimeTooSkewed", "RequestInTheFuture"])
        || message.contains("Signature not yet current")
        || message.contains("Signature expired")
    {
        return (ErrorKind::Credentials, Some(CLOCK_HELP));
    }
    // EC2 also answers `AuthFailure` for images and addresses of other accounts.
    let whose = code == "AuthFailure" && (status == 401 || message.contains("access credentials"));
    if whose
        || has(&[
            "ExpiredToken",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "UnrecognizedClient",
            "MissingAuthenticationToken",
            "RequestExpired",
            "InvalidToken",
        ])
    {
        return (ErrorKind::Credentials, Some(CREDENTIALS_HELP));
    }
    // These codes come before the rules that go by the HTTP status alone.
    if code == "NotImplemented" || status == 501 {
        return (ErrorKind::Unsupported, Some("this provider does not offer it: let the step do without"));
    }
    if code.starts_with("InvalidInstanceType") || code == "Unsupported" {
        let help = "the region or the zone does not offer this instance type: name another one with `type`, or zones that offer it with `sandbox.network.zones`";
        return (ErrorKind::Invalid, Some(help));
    }
    if has(&["InvalidObjectState", "ObjectNotInActiveTier"]) {
        let help = "the object lies in an archive (Glacier, or an archive tier): restore it there first, or leave it out with `prefix`";
        return (ErrorKind::Invalid, Some(help));
    }
    if has(&["PermanentRedirect"]) || status == 301 {
        return (ErrorKind::Invalid, Some("the bucket lies in another region: say which with `region`"));
    }
    if has(&[
        "AuthFailure",
        "UnauthorizedOperation",
        "AccessDenied",
        "NotAuthorized",
        "OptInRequired",
        "KMSKeyNotAccessible",
    ]) {
        return (
            ErrorKind::Forbidden,
            Some(
                "the credentials are good and may not do this: add the action to the role's policy, or share the \
                  recovery point and its KMS key with this account",
            ),
        );
    }
    if has(&[
        "DependencyViolation",
        "InvalidDBInstanceState",
        "InvalidDBClusterState",
        "BucketNotEmpty",
        "ContinuousBackupsUnavailable",
        "InUse",
    ]) || (has(&[
        "InvalidDBSnapshotState",
        "InvalidDBClusterSnapshotState",
        "IncorrectState",
        "IncorrectInstanceState",
        "IncorrectFileSystemLifeCycleState",
    ])) || (has(&["InvalidDBSubnetGroupState", "OperationInProgress", "OperationAborted"]))
    {
        return (
            ErrorKind::InUse,
            Some("something still depends on it, or another change to it is under way: wait"),
        );
    }
    // The general word of Lambda and of the resolver: for a change under way, and for a name that is
    // taken.
    if matches!(code, "ConflictException" | "ResourceConflictException") {
        if message.to_ascii_lowercase().contains("already exist") {
            return (ErrorKind::AlreadyExists, None);
        }
        return (
            ErrorKind::InUse,
            Some("another change to it is under way, or something still uses it: wait"),
        );
    }
    // `InvalidSubnet.Conflict`: the VPC is our own, so only an earlier copy of the same request can
    // have made a subnet with this range.
    if has(&["AlreadyExists", "Duplicate", "AlreadyOwnedByYou", "InvalidSubnet.Conflict"]) {
        return (ErrorKind::AlreadyExists, None);
    }
    // EC2: "Too many snapshot copies in progress. The limit is 20 for this destination region."
    //
    // RDS: "Cannot copy more than 20 snapshots across regions."
    let at_once = ["in progress", "across regions"].iter().any(|words| message.contains(words));
    if has(&["LimitExceeded", "QuotaExceeded"]) && at_once {
        return (
            ErrorKind::Busy,
            Some("a limit of what may be under way at once: wait until some of it has ended"),
        );
    }
    if has(&[
        "LimitExceeded",
        "QuotaExceeded",
        "InsufficientInstanceCapacity",
        "InsufficientDBInstanceCapacity",
        "InsufficientCapacity",
        "InsufficientFreeAddresses",
        "InsufficientDBClusterCapacity",
        "InsufficientStorageClusterCapacity",
        "ProvisionedIopsNotAvailableInAZ",
        "TooManyBuckets",
    ]) {
        return (
            ErrorKind::Quota,
            Some(
                "a limit of the account: ask Service Quotas for more, choose another type or zone, or drill less at once",
            ),
        );
    }
    if has(&["NotFound", "NoSuch", "InvalidAMIID.Unavailable", "DBInstanceAutomatedBackupNotFound"])
        || status == 404
        || (code == "ValidationError" && message.contains("does not exist"))
    {
        return (
            ErrorKind::NotFound,
            Some("check the id, the account and the region that it is looked for in"),
        );
    }
    if status >= 500 {
        return (
            ErrorKind::Server,
            Some("a fault on the cloud's side: see the AWS Health Dashboard, and try again"),
        );
    }
    if status == 403 {
        return (ErrorKind::Forbidden, Some("the credentials may not do this: check the role's policy"));
    }
    (ErrorKind::Invalid, None)
}

/// Returns whether the connection was never made. Then nothing was sent.
pub fn never_connected(error: &ConnectorError) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(e) = next {
        if let Some(io) = e.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                std::io::ErrorKind::ConnectionRefused
                    | std::io::ErrorKind::HostUnreachable
                    | std::io::ErrorKind::NetworkUnreachable
            )
        {
            return true;
        }
        // The client library's words for a failed name lookup, connection or TLS handshake.
        let said = e.to_string();
        if [
            "dns error",
            "tcp connect error",
            "client error (Connect)",
            "HTTP connect timeout",
            "invalid peer certificate",
        ]
        .iter()
        .any(|s| said.contains(s))
        {
            return true;
        }
        next = e.source();
    }
    false
}

fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(e) = next {
        if let Some(found) = e.downcast_ref::<T>() {
            return Some(found);
        }
        next = e.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_are_one_sentence() {
        let none = CredentialsError::not_loaded("tried sixty sources");
        assert_eq!(no_credentials(&none), "there are no credentials");
        let long = format!("the profile `x` is not defined\n{}", "and so on\n".repeat(60));
        let failed = CredentialsError::provider_error(std::io::Error::other(long));
        assert_eq!(no_credentials(&failed), "there are no credentials: the profile `x` is not defined");
    }

    #[test]
    fn what_is_too_much_at_once_passes() {
        let said = "Too many snapshot copies in progress. The limit is 20 for this destination region.";
        assert_eq!(from_code("x:Y", Some("ResourceLimitExceeded"), 400, said).kind, ErrorKind::Busy);
        let said = "Cannot copy more than 5 snapshots across regions";
        assert_eq!(from_code("x:Y", Some("SnapshotQuotaExceeded"), 400, said).kind, ErrorKind::Busy);
        let said = "Cannot create more than 100 manual snapshots";
        assert_eq!(from_code("x:Y", Some("SnapshotQuotaExceeded"), 400, said).kind, ErrorKind::Quota);
    }

    #[test]
    fn codes_have_kinds() {
        for (code, status, kind) in [
            ("Throttling", 400, ErrorKind::Throttled),
            ("RequestLimitExceeded", 503, ErrorKind::Throttled),
            ("SlowDown", 503, ErrorKind::Throttled),
            ("InvalidSnapshot.NotFound", 400, ErrorKind::NotFound),
            ("InvalidVolume.ZoneMismatch", 400, ErrorKind::Invalid),
            ("DBSnapshotNotFound", 404, ErrorKind::NotFound),
            ("DBInstanceAlreadyExists", 400, ErrorKind::AlreadyExists),
            ("InvalidKeyPair.Duplicate", 400, ErrorKind::AlreadyExists),
            ("InvalidSubnet.Conflict", 400, ErrorKind::AlreadyExists),
            ("ConflictException", 400, ErrorKind::InUse),
            ("ResourceConflictException", 409, ErrorKind::InUse),
            ("AuthFailure", 401, ErrorKind::Credentials),
            ("AuthFailure", 400, ErrorKind::Forbidden),
            ("InsufficientDBClusterCapacityFault", 403, ErrorKind::Quota),
            ("ExpiredToken", 400, ErrorKind::Credentials),
            ("UnauthorizedOperation", 403, ErrorKind::Forbidden),
            ("AccessDenied", 403, ErrorKind::Forbidden),
            ("DependencyViolation", 400, ErrorKind::InUse),
            ("InvalidDBInstanceState", 400, ErrorKind::InUse),
            ("BucketNotEmpty", 409, ErrorKind::InUse),
            ("OperationAborted", 409, ErrorKind::InUse),
            ("InvalidObjectState", 403, ErrorKind::Invalid),
            ("PermanentRedirect", 301, ErrorKind::Invalid),
            ("InstanceQuotaExceeded", 400, ErrorKind::Quota),
            ("ResourceLimitExceeded", 400, ErrorKind::Quota),
            ("InsufficientInstanceCapacity", 500, ErrorKind::Quota),
            ("InternalFailure", 500, ErrorKind::Server),
            ("", 502, ErrorKind::Server),
            ("NotImplemented", 501, ErrorKind::Unsupported),
            ("", 501, ErrorKind::Unsupported),
            ("InvalidParameterValue", 400, ErrorKind::Invalid),
            ("InvalidInstanceType", 403, ErrorKind::Invalid),
        ] {
            assert_eq!(from_code("x:Y", Some(code), status, "m").kind, kind, "{code}");
        }
    }
}
