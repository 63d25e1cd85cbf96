//! `drillmaster iam-policy`

use super::arguments::region;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::configuration::ConfigArg;
use super::{complain, complained, load_or_complain, wire};
use crate::ui::OutputMode;
use base::exit::Exit;
use base::ids::Region;
use engine::policy::{self, AccountPolicy, Document, LONGEST, Policies, Trust};

/// Print the smallest IAM policy that the playbook needs in each account, with the role's trust
/// policy, or the one that `discover` reads with; change nothing
///
/// `--for discover` prints one policy for all accounts. It lets nobody read what is stored: no
/// object, no secret, no parameter's value. `--for forecast` prints the one that `forecast --learn
/// aws` reads with. `--for probe` prints the policy and the trust policy of the role that a playbook
/// names under `sandbox.probe`.
///
/// The policy is derived from the calls that actions, checks and the harness declare. Some needs
/// are not in the playbook, such as the keys of encrypted snapshots and the resources of templates.
/// They are listed on stderr and have to be added. In accounts other than the sandbox's a drill only
/// reads, and starts the copies of `backup.copy`.
///
/// Exit codes: 0 printed; 2 the playbook or the command line is wrong.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster iam-policy playbook.yaml --trust arn:aws:iam::123456789012:role/ci
  drillmaster iam-policy --for discover
  drillmaster iam-policy --for probe")]
pub struct Args {
    /// The playbook
    #[arg(required_unless_present = "reads")]
    playbook: Option<PathBuf>,
    /// Print the policy of a command that only reads (discover, or forecast with --learn aws), or of
    /// the role of the probe
    #[arg(long = "for", value_name = "COMMAND", value_enum, conflicts_with_all = ["playbook", "params", "account", "trust"])]
    reads: Option<Reads>,
    /// With --for: only these services, separated by commas
    #[arg(long, value_name = "SERVICE", value_delimiter = ',', requires = "reads")]
    services: Vec<String>,
    /// With --for: only in this region; repeat it for several
    #[arg(long = "region", value_name = "REGION", requires = "reads", value_parser = region)]
    regions: Vec<Region>,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    /// Print only the policies of this account, by its name in the playbook or its id
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// The ARN of the principal that runs the drills, for the trust policies
    #[arg(long, value_name = "ARN", value_parser = principal)]
    trust: Option<String>,
    /// text: a heading and a policy for each account; json: one object with all of it
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

/// The commands that read accounts without a playbook.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Reads {
    Discover,
    Forecast,
    Probe,
}

impl Reads {
    fn name(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Forecast => "forecast",
            Self::Probe => "probe",
        }
    }
}

fn principal(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, rest]
        if partition.starts_with("aws")
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && (*rest == "root" || ["role/", "user/"].iter().any(|kind| rest.len() > kind.len() && rest.starts_with(kind))));
    if is {
        return Ok(text.to_owned());
    }
    Err("write the ARN of a role or user, such as arn:aws:iam::123456789012:role/ci".to_owned())
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let wrong = complained(Exit::Wrong);
    let config = args.config.load_or_complain()?;
    if let Some(reads) = args.reads {
        let calls = match reads {
            Reads::Discover => calls_of_discover(&args.services),
            Reads::Forecast if !args.services.is_empty() => {
                Err("`--services` goes with `--for discover`: a forecast reads restore jobs only".to_owned())
            }
            Reads::Forecast => calls_of_forecast(),
            Reads::Probe => return print_probe(args),
        };
        let regions = args.regions.iter().cloned().collect();
        return print_reading(reads, &calls.map_err(wrong)?, &regions, args.output);
    }
    let Some(playbook) = &args.playbook else {
        return Err(wrong("name a playbook, or a command that reads: `--for discover`".into()));
    };
    let plan = wire::plan_of(load_or_complain(playbook, &args.params, &config)?).map_err(wrong)?;
    let mut policies = policy::of(&plan).map_err(|error| {
        complain(&error.to_string());
        Exit::Error
    })?;
    if let Some(requested) = &args.account {
        let known: Vec<String> = policies.accounts.iter().flat_map(|a| a.names.clone()).collect();
        policies.accounts.retain(|a| a.account.as_str() == requested || a.names.contains(requested));
        if policies.accounts.is_empty() {
            return Err(wrong(format!(
                "the drill uses no account `{requested}` (an account that is lost, or another provider's, needs no policy): name one of {}",
                known.join(", ")
            )));
        }
    }
    let notes = notes(&policies, args.trust.as_deref());
    let text = match args.output {
        OutputMode::Json => format!("{:#}\n", as_json(&policies, args.trust.as_deref(), &notes)),
        OutputMode::Text => as_text(&policies, args.trust.as_deref()),
    };
    super::print_as(&text, args.output.form())?;
    for note in notes {
        super::output::write_stderr(&format!("note: {note}\n"));
    }
    Ok(())
}

/// The calls of `discover`, of these services or of all.
#[cfg(feature = "aws")]
fn calls_of_discover(wanted: &[String]) -> Result<BTreeSet<&'static str>, String> {
    let all = aws::discover::services();
    let names = || all.iter().map(|service| service.name);
    if let Some(unknown) = wanted.iter().find(|wanted| !names().any(|name| name == wanted.as_str())) {
        let known = names().collect::<Vec<_>>().join(", ");
        return Err(format!("`{unknown}` is no service that discover reads: name some of {known}"));
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let calls = all.iter().filter(|service| is_wanted(service.name)).flat_map(|service| service.calls);
    Ok(calls.chain(aws::discover::PLACES).copied().collect())
}

#[cfg(not(feature = "aws"))]
fn calls_of_discover(_: &[String]) -> Result<BTreeSet<&'static str>, String> {
    Err(super::wire::WITHOUT_AWS.into())
}

#[cfg(feature = "aws")]
#[expect(clippy::unnecessary_wraps, reason = "a build without AWS cannot tell")]
fn calls_of_forecast() -> Result<BTreeSet<&'static str>, String> {
    Ok(aws::history::CALLS.iter().copied().collect())
}

#[cfg(not(feature = "aws"))]
fn calls_of_forecast() -> Result<BTreeSet<&'static str>, String> {
    Err(super::wire::WITHOUT_AWS.into())
}

fn print_reading(
    reads: Reads,
    calls: &BTreeSet<&'static str>,
    regions: &BTreeSet<Region>,
    output: OutputMode,
) -> Result<(), Exit> {
    let documents = policy::reading(calls, regions);
    let text = match output {
        OutputMode::Json => {
            let policies: Vec<Value> = documents.into_iter().map(|document| document.json).collect();
            let all =
                json!({ "schema": "drillmaster/iam-policy/v1", "for": reads.name(), "policies": policies });
            format!("{all:#}\n")
        }
        OutputMode::Text => {
            let mut text = String::new();
            let count = documents.len();
            for (index, document) in documents.iter().enumerate() {
                let part =
                    if count > 1 { format!(" (policy {} of {count})", index + 1) } else { String::new() };
                heading(
                    &mut text,
                    &format!("each account that {} reads{part}", reads.name()),
                    &document.json,
                );
            }
            text
        }
    };
    super::print_as(&text, output.form())
}

/// The role of the probe: what Lambda does with it, and that Lambda may take it.
fn print_probe(args: &Args) -> Result<(), Exit> {
    if !args.services.is_empty() || !args.regions.is_empty() {
        let said =
            "`--services` and `--region` go with `--for discover`: the role of the probe is for Lambda alone";
        return Err(complained(Exit::Wrong)(said.to_owned()));
    }
    let (policy, trust) = (policy::probe_policy(), policy::probe_trust());
    let text = match args.output {
        OutputMode::Json => {
            let all = json!({
                "schema": "drillmaster/iam-policy/v1", "for": Reads::Probe.name(), "policies": [policy], "trust": trust,
            });
            format!("{all:#}\n")
        }
        OutputMode::Text => {
            let mut text = String::new();
            heading(&mut text, "the role of the probe", &policy);
            heading(&mut text, "the role of the probe (trust policy)", &trust);
            text
        }
    };
    super::print_as(&text, args.output.form())
}

/// Returns notes on everything that the policies do not cover.
fn notes(policies: &Policies, principal: Option<&str>) -> Vec<String> {
    let mut all: Vec<String> = policies.notes.iter().cloned().collect();
    for account in &policies.accounts {
        match policy::trust(account, principal) {
            Trust::Policy(_) => {}
            Trust::NoRole => all.push(format!(
                "account {} has no role in the playbook: attach the policy to the user or role behind its credentials",
                called(account)
            )),
            Trust::NotTold => all.push(format!(
                "the playbook does not say who assumes the role of account {}: name the principal with --trust ARN to get the trust policy",
                called(account)
            )),
        }
        let documents = policy::documents(account);
        if documents.len() > 1 {
            all.push(format!(
                "account {} needs {} policies: a managed policy has at most {LONGEST} characters",
                called(account),
                documents.len()
            ));
        }
        if let Some(long) = documents.iter().find(|document| document.length > LONGEST) {
            all.push(format!(
                "a statement of account {} has {} characters, more than a managed policy may have ({LONGEST}): put it into an inline policy",
                called(account),
                long.length
            ));
        }
    }
    all.push("services of AWS make service-linked roles when they are first used, and these would outlive the drill: the policy does not allow it (iam:CreateServiceLinkedRole). Preflight tells which of RDS, EFS, AWS Backup and Route 53 Resolver is missing; those of what templates make, such as EC2 Auto Scaling's, it does not look for: make them once (`aws iam create-service-linked-role`)".into());
    all
}

fn called(policy: &AccountPolicy) -> String {
    match policy.names.as_slice() {
        [] => policy.account.to_string(),
        names => format!("{} ({})", policy.account, names.join(", ")),
    }
}

fn as_json(policies: &Policies, principal: Option<&str>, notes: &[String]) -> Value {
    let accounts = policies.accounts.iter().map(|account| {
        let documents: Vec<Value> = policy::documents(account).into_iter().map(|d| d.json).collect();
        let trust = match policy::trust(account, principal) {
            Trust::Policy(trust) => trust,
            Trust::NoRole | Trust::NotTold => Value::Null,
        };
        json!({
            "account": account.account,
            "names": account.names,
            "role": account.role,
            "changes": account.is_sandbox,
            "policies": documents,
            "trust": trust,
        })
    });
    json!({
        "schema": "drillmaster/iam-policy/v1",
        "accounts": accounts.collect::<Vec<_>>(),
        "runner": policy::runner(policies),
        "notes": notes,
    })
}

fn as_text(policies: &Policies, principal: Option<&str>) -> String {
    let mut text = String::new();
    for account in &policies.accounts {
        let documents = policy::documents(account);
        let role = account.role.as_deref().map(|role| format!(", role {role}")).unwrap_or_default();
        let does = if account.is_sandbox {
            "holds the sandbox"
        } else if account.begins_copies() {
            "is read, and copied from"
        } else {
            "is only read"
        };
        for (index, Document { json, .. }) in documents.iter().enumerate() {
            let part = if documents.len() > 1 {
                format!(" (policy {} of {})", index + 1, documents.len())
            } else {
                String::new()
            };
            heading(&mut text, &format!("account {}{role}: {does}{part}", called(account)), json);
        }
        if let Trust::Policy(trust) = policy::trust(account, principal) {
            heading(&mut text, &format!("account {}: the role's trust policy", called(account)), &trust);
        }
    }
    if let Some(runner) = policy::runner(policies) {
        heading(&mut text, "whoever runs the drills, in its own account", &runner);
    }
    text
}

fn heading(text: &mut String, words: &str, policy: &Value) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# {words}\n{policy:#}\n");
}

#[cfg(test)]
mod tests {
    use super::principal;

    #[test]
    fn principals_are_roles_and_users() {
        for good in [
            "arn:aws:iam::123456789012:role/ci",
            "arn:aws-cn:iam::123456789012:user/a/b",
            "arn:aws:iam::123456789012:root",
        ] {
            assert!(principal(good).is_ok(), "{good}");
        }
        for bad in [
            "*",
            "123456789012",
            "arn:aws:iam::12345:role/ci",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:s3:::x",
        ] {
            assert!(principal(bad).is_err(), "{bad}");
        }
    }
}
