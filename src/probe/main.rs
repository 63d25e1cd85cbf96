//! The probe: asks checks from inside a sandbox, where the runner cannot.
//!
//! Drillmaster uploads this program as a function of AWS Lambda in the sandbox's VPC. Each
//! invocation is one attempt of one check. Questions and answers travel through Lambda's own plane,
//! so nothing leads into the sandbox, and nothing out. The probe keeps nothing and logs nothing.

use std::process::ExitCode;

use checks::Observation;
use checks::remote::{Answer, Question, VERSION};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "nobody else writes")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        println!(
            "drillmaster-probe {VERSION}: this program runs as a function of AWS Lambda. `drillmaster run --on aws` \
             uploads it where a playbook has `sandbox.probe`."
        );
        return ExitCode::SUCCESS;
    }
    // Lambda starts a new process after an error.
    match lambda_runtime::run(service_fn(answer)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn answer(invocation: LambdaEvent<Value>) -> Result<Answer, Error> {
    // An error of serde may quote a secret of the question, so it is not told.
    if let Ok(question) = serde_json::from_value::<Question>(invocation.payload) {
        return Ok(question.ask().await);
    }
    let why = format!("the probe {VERSION} cannot read the question: it is of another version");
    Ok(Answer { version: VERSION.to_owned(), seen: Observation::unknown("not asked", why) })
}
