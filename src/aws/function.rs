//! The probe: a function of AWS Lambda in the sandbox.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, FunctionCode, FunctionConfiguration, Runtime, State as LambdaState,
    VpcConfig,
};
use aws_sdk_lambda::{config::timeout::TimeoutConfig, operation::get_function::GetFunctionOutput};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zip::write::SimpleFileOptions;

use super::access::{LambdaReader, Writer};
use super::error::OrCloud;
use super::once::once;
use super::{At, observed, pages, tags, with};
use base::architecture::Architecture;
use port::{
    CloudError, CloudResult, CreateFunction, Created, ErrorKind, INVOKE, Invoked, Kind, Observed, State,
    TAG_RUN,
};

const CREATE: &str = "lambda:CreateFunction";
const GET: &str = "lambda:GetFunction";
const DELETE: &str = "lambda:DeleteFunction";

/// How long one invocation may take: the most that Lambda allows (Lambda quotas). A check limits itself.
const TIMEOUT_S: i32 = 900;
/// Lambda gives a share of a processor with the memory: 1,769 MB are a whole one (Lambda developer
/// guide, "Configure Lambda function memory"). A TLS handshake with less takes much longer.
const MEMORY_MB: i32 = 1_769;
/// How hard a package is pressed. Without optimization the best level takes half a minute.
const LEVEL: Option<i64> = Some(if cfg!(debug_assertions) { 1 } else { 9 });
/// Lambda's name for the program in a package of its runtimes `provided`.
const PROGRAM: &str = "bootstrap";
const MAX_ANSWER: usize = 6 * 1024 * 1024;

/// The program of the probe, packed for Lambda.
#[derive(Clone)]
pub struct Package {
    zip: Vec<u8>,
    pub sha256: String,
    pub architecture: Architecture,
}

impl Package {
    /// Packs a program. The same program gives the same bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(program: &Path, architecture: Architecture) -> std::io::Result<Self> {
        let program = std::fs::read(program)?;
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().unix_permissions(0o755).compression_level(LEVEL);
        zip.start_file(PROGRAM, options).map_err(std::io::Error::other)?;
        zip.write_all(&program)?;
        let zip = zip.finish().map_err(std::io::Error::other)?.into_inner();
        let sha256 = base::digest::sha256(&zip);
        Ok(Self { zip, sha256, architecture })
    }

    /// The size that Lambda is sent.
    pub fn len(&self) -> usize {
        self.zip.len()
    }

    pub fn is_empty(&self) -> bool {
        self.zip.is_empty()
    }
}

/// Creates the function, without a variable of its environment and without a destination for logs.
pub async fn create(at: &At<'_>, function: &CreateFunction) -> CloudResult<Created> {
    let CreateFunction { name, role, subnet, group, architecture, sha256 } = function;
    let package = at.aws.config.probe.as_ref().filter(|package| package.sha256 == *sha256);
    let Some(package) = package else {
        let said = format!("the program of the probe is not the one with the digest {sha256}");
        return Err(CloudError::new(ErrorKind::Invalid, CREATE, said)
            .help("resume a drill with the version of Drillmaster that began it"));
    };
    let writer = at.writer().await?;
    let read = &writer.read.lambda;
    let find = async || match describe(read, name).await? {
        Some(found) => {
            tags::guard(CREATE, name, run_of(&found), at.run_tags)?;
            Ok(Some(()))
        }
        None => Ok(None),
    };
    let make = async || {
        let vpc = VpcConfig::builder().subnet_ids(&subnet.id).security_group_ids(group).build();
        let code = FunctionCode::builder().zip_file(Blob::new(package.zip.clone())).build();
        let tags = tags::pairs(at, name).into_iter().map(|(key, value)| (key.to_owned(), value));
        let request = writer.lambda_once.create_function().function_name(name).role(role);
        let request = request.runtime(Runtime::Providedal2023).handler(PROGRAM).code(code);
        let request = request.architectures(match architecture {
            Architecture::X86 => LambdaArchitecture::X8664,
            Architecture::Arm => LambdaArchitecture::Arm64,
        });
        let request = request.timeout(TIMEOUT_S).memory_size(MEMORY_MB).vpc_config(vpc);
        request.set_tags(Some(tags.collect())).send().await.or_cloud(CREATE).map(drop).map_err(explained)
    };
    once(at, find, make).await?;
    Ok(at.created(Kind::Function, name, "function"))
}

/// What to do about Lambda's reasons.
fn explained(error: CloudError) -> CloudError {
    if error.message.contains("cannot be assumed by Lambda") {
        return error.help(
            "let the role of `sandbox.probe` trust lambda.amazonaws.com: `drillmaster iam-policy --for probe` prints how",
        );
    }
    if error.message.contains("CreateNetworkInterface") {
        return error.help(
            "allow the role of `sandbox.probe` its network interfaces: `drillmaster iam-policy --for probe` prints its policy",
        );
    }
    error
}

async fn describe(lambda: &LambdaReader, name: &str) -> CloudResult<Option<GetFunctionOutput>> {
    match lambda.get_function().function_name(name).send().await.or_cloud(GET) {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn run_of(function: &GetFunctionOutput) -> Option<&str> {
    function.tags()?.get(TAG_RUN).map(String::as_str)
}

pub async fn observe(lambda: &LambdaReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        let Some(found) = describe(lambda, id).await? else { continue };
        let Some(seen) = found.configuration() else { continue };
        // Lambda tells the digest in base64.
        let digest = seen.code_sha256().and_then(|text| BASE64_STANDARD.decode(text).ok());
        let digest =
            digest.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat());
        let known = with(observed(id.clone(), state(seen)), "code_sha256", digest);
        all.push(with(known, "role", seen.role()));
    }
    Ok(all)
}

/// A function that Lambda has put to rest after weeks without a call answers again after one.
fn state(function: &FunctionConfiguration) -> State {
    match function.state() {
        Some(LambdaState::Active | LambdaState::Inactive) => State::Ready,
        Some(LambdaState::Failed) => {
            let code = function.state_reason_code().map(|code| code.as_str().to_owned());
            let reason = function.state_reason().unwrap_or("Lambda gives no reason");
            let help = code.as_deref().and_then(advice).map(|help| format!("; {help}"));
            let code = code.as_deref().unwrap_or("Failed");
            State::Failed(format!("{code} ({reason}){}", help.unwrap_or_default()))
        }
        other => State::Pending(other.map_or("Pending", |state| state.as_str()).to_owned()),
    }
}

/// Deletes a function of this run. Lambda deletes its network interfaces later, with its role.
pub async fn delete(to: &Writer, name: &str) -> CloudResult<()> {
    let Some(found) = describe(&to.read.lambda, name).await? else { return Ok(()) };
    tags::guard(DELETE, name, run_of(&found), &to.run_tags)?;
    to.lambda.delete_function().function_name(name).send().await.or_cloud(DELETE).map(drop)
}

/// Invokes a function of this run, once.
pub async fn invoke(to: &Writer, name: &str, payload: Vec<u8>, limit: Duration) -> CloudResult<Invoked> {
    let patient = TimeoutConfig::builder()
        .read_timeout(limit)
        .operation_attempt_timeout(limit)
        .operation_timeout(limit)
        .build();
    let request = to.lambda_once.invoke().function_name(name).payload(Blob::new(payload));
    let patient = aws_sdk_lambda::config::Builder::default().timeout_config(patient);
    let answer = request.customize().config_override(patient).send().await;
    let answer = answer.map_err(|error| {
        let code = error.code().map(str::to_owned);
        let error = Err::<(), _>(error).or_cloud(INVOKE).err();
        let error = error.unwrap_or_else(|| CloudError::new(ErrorKind::Server, INVOKE, "no answer"));
        of_network(code.as_deref(), error)
    })?;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    if payload.len() > MAX_ANSWER {
        return Err(CloudError::new(ErrorKind::Server, INVOKE, "the answer is longer than 6 MiB")
            .help("ask for less in one check"));
    }
    Ok(Invoked { payload, failed: answer.function_error })
}

/// Errors of Lambda's network interfaces, as the API reference of Lambda explains them.
fn of_network(code: Option<&str>, error: CloudError) -> CloudError {
    match code.and_then(advice) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// What to do about a reason of Lambda: a `StateReasonCode` or an error of `Invoke`.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "RequestTooLargeException" => {
            "Lambda takes 6 MB: ask fewer rungs in one check, or compare with a smaller reference"
        }
        "ENILimitReachedException" | "EniLimitExceeded" => {
            "ask for more network interfaces for each VPC (Service Quotas, Lambda)"
        }
        "SubnetIPAddressLimitReachedException" | "SubnetOutOfIPAddresses" => {
            "take a larger `sandbox.network.cidr`"
        }
        "EC2AccessDeniedException" | "InsufficientRolePermissions" => {
            "allow the role of `sandbox.probe` its network interfaces: `drillmaster iam-policy --for probe`"
        }
        "EC2ThrottledException" | "EC2RequestLimitExceeded" => "EC2 throttles Lambda: try again later",
        "ResourceNotReadyException" | "ENINotReadyException" => {
            "Lambda makes its network interface anew: the next try may be answered"
        }
        "TooManyRequestsException" => {
            "the next try may be answered; otherwise ask for more concurrent executions (Service Quotas, Lambda)"
        }
        _ => return None,
    })
}

/// All functions of this region.
pub async fn all(lambda: &LambdaReader) -> CloudResult<Vec<FunctionConfiguration>> {
    Ok(pages!("lambda:ListFunctions", functions, lambda.list_functions()))
}

/// The functions of this region, with their tags where `is_of` their names. Lambda has no filter.
pub async fn named(
    lambda: &LambdaReader,
    is_of: impl Fn(&str) -> bool,
) -> CloudResult<Vec<(String, Vec<(String, String)>)>> {
    let mut all = Vec::new();
    for function in self::all(lambda).await? {
        let (Some(name), Some(arn)) = (function.function_name(), function.function_arn()) else { continue };
        if !is_of(name) {
            continue;
        }
        let answer = lambda.list_tags().resource(arn).send().await.or_cloud("lambda:ListTags");
        let tags = match answer {
            Ok(answer) => answer.tags.unwrap_or_default(),
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        all.push((name.to_owned(), tags.into_iter().collect()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_lambda::types::StateReasonCode;

    #[test]
    fn states_are_told_apart() {
        let of = |state: LambdaState| FunctionConfiguration::builder().state(state);
        assert_eq!(state(&of(LambdaState::Pending).build()), State::Pending("Pending".into()));
        assert_eq!(state(&of(LambdaState::Inactive).build()), State::Ready);
        let failed = of(LambdaState::Failed).state_reason_code(StateReasonCode::EniLimitExceeded);
        let failed = failed.state_reason("too many").build();
        assert_eq!(state(&failed), State::Failed("EniLimitExceeded (too many); ask for more network interfaces for each VPC (Service Quotas, Lambda)".into()));
        assert_eq!(state(&FunctionConfiguration::builder().build()), State::Pending("Pending".into()));
    }

    #[test]
    fn a_package_is_the_same_for_the_same_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("drillmaster-probe");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let one = Package::of(&program, Architecture::X86).unwrap();
        let two = Package::of(&program, Architecture::Arm).unwrap();
        assert!(!one.is_empty() && one.sha256 == two.sha256);
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(one.zip)).unwrap();
        let file = archive.by_name(PROGRAM).unwrap();
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
    }
}
