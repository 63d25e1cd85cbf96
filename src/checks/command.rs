//! `command`: runs a program of the user. What it started ends with the attempt.
#![allow(clippy::disallowed_methods, reason = "an answer's latency and a socket's time limit are real")]

use super::dial::{Failure, Stage, bounded};
use super::observation::{Secrets, names_a_secret};
use super::{Ending, Net, Observation, Ran, judge_command};
use base::process::{self, Ended, Environment, ProcessError};
use playbook::check::CommandCheck;
use playbook::expr_value::TemplateLeft;

const OUTPUT_LIMIT: usize = 1 << 20;

/// Makes one attempt of a command check.
pub async fn command(spec: &CommandCheck, net: &Net) -> Observation {
    let mut secrets = Secrets::default();
    for (_, value) in spec.env.iter().filter(|(name, _)| names_a_secret(name)) {
        secrets.add(value);
    }
    let stage = Stage::new();
    let program = spec.run.first().map_or("", String::as_str);
    let limit = spec.timeout();
    stage.enter("running; it was killed");
    bounded(limit, &stage, &format!("`{program}`"), &secrets, attempt(spec, net, &secrets)).await
}

async fn attempt(spec: &CommandCheck, net: &Net, secrets: &Secrets) -> Result<Observation, Failure> {
    let (program, arguments) = spec.run.split_first().ok_or_else(|| Failure::not_run("`run` is empty"))?;
    let folder = spec.cwd.as_deref().map_or_else(|| net.base_dir.clone(), |cwd| net.path(cwd));
    let environment = Environment::without_credentials(|name| net.env(name), &spec.env)
        .map_err(|error| Failure::not_run(format!("no folder can be made for `HOME`: {error}")))?;
    let ended = process::run(program, arguments, &folder, environment, OUTPUT_LIMIT).await?;
    Ok(judge(spec, &ended, secrets)?)
}

fn judge(spec: &CommandCheck, seen: &Ended, secrets: &Secrets) -> Result<Observation, TemplateLeft> {
    let (stdout, stderr) = (seen.stdout.text(), seen.stderr.text());
    judge_command(
        spec,
        &Ran {
            ending: Some(match seen.status.code() {
                Some(code) => Ending::Code(code),
                None => Ending::Other(seen.status.to_string()),
            }),
            stdout: Some(&stdout),
            truncated: seen.stdout.truncated,
            stderr: &stderr,
            secrets: secrets.clone(),
        },
    )
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        let help = match error {
            ProcessError::Start { .. } => "; is it installed on this machine, and in PATH?",
            ProcessError::Lost { .. } => "",
        };
        Self::not_run(format!("{error}{help}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::net;

    async fn run(yaml: &str) -> Observation {
        command(&serde_saphyr::from_str(yaml).unwrap(), &net()).await
    }

    #[tokio::test]
    async fn exit_codes_and_output_are_judged() {
        assert!(run("{ run: ['true'] }").await.is_healthy());
        let failed = run("{ run: [sh, -c, 'echo nope >&2; exit 3'] }").await;
        assert_eq!((failed.is_healthy(), failed.observed.as_str()), (false, "exit code 3"));
        assert_eq!(failed.why.unwrap(), "exit code 3, expected 0; it said `nope`");
        assert!(run("{ run: [sh, -c, 'exit 3'], exit_code: 3 }").await.is_healthy());
        let counted = run("{ run: [echo, '1200'], expect: '>= 1000' }").await;
        assert_eq!((counted.is_healthy(), counted.value.as_deref()), (true, Some("1200")));
        assert!(!run("{ run: [echo, '12'], expect: '>= 1000' }").await.is_healthy());
        assert!(!run("{ run: [sh, -c, 'kill -9 $$'] }").await.is_healthy());
        assert!(run("{ run: [no-such-program] }").await.why.unwrap().contains("is it installed"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", pid_file.display());
        let started = std::time::Instant::now();
        let seen = run(&format!("{{ run: [sh, -c, '{script}'], timeout: 500ms }}")).await;
        assert!(!seen.is_healthy() && seen.observed == "no answer within 0.5s", "{seen:?}");
        assert!(started.elapsed().as_secs() < 20);
        let child: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
        let child = rustix::process::Pid::from_raw(child).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero()));
        // A killed process is gone, or it is a zombie until its new parent reaps it.
        let gone = || state().map_or(true, |stat| stat.contains(") Z "));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while !gone() && std::time::Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert!(gone(), "the child is still alive: {:?}", state());
    }

    #[tokio::test]
    async fn the_environment_is_small_and_secrets_are_not_shown() {
        let net = net().with_env(
            [("PATH", "/usr/bin:/bin"), ("AWS_SECRET_ACCESS_KEY", "canary")]
                .map(|(k, v)| (k.into(), v.into())),
        );
        let spec = serde_saphyr::from_str("{ run: [env], env: { A: b, DB_PASSWORD: canary22 } }").unwrap();
        let seen = command(&spec, &net).await;
        let variables = seen.value.unwrap();
        assert!(
            variables.contains("A=b") && variables.contains("PATH=") && !variables.contains("canary"),
            "{variables}"
        );
        assert!(!format!("{}{variables}", seen.observed).contains("canary22"), "{}", seen.observed);
    }

    #[tokio::test]
    async fn much_output_neither_blocks_nor_is_kept() {
        let seen = run("{ run: [sh, -c, 'yes | head -c 3000000'], expect: contains y }").await;
        assert_eq!((seen.is_healthy(), seen.value.unwrap().len() <= OUTPUT_LIMIT), (true, true));
        let whole = run("{ run: [sh, -c, 'yes | head -c 3000000'], expect: y }").await;
        assert!(!whole.is_healthy() && whole.why.unwrap().contains("1 MiB"));
    }
}
