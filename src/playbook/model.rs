//! The schema of a playbook's YAML file. Doc comments become the descriptions in the JSON Schema.
//!
//! Users' playbooks rely on the keys: add keys, never rename one.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::check::CheckType;
use super::check::{
    CommandCheck, DnsCheck, DynamodbCheck, HttpCheck, S3Check, SqlCheck, StateCheck, TcpCheck,
};
use super::connect_to::ConnectTo;
use super::data::DataCheck;
use super::notify::Notify;
use super::redis::RedisCheck;
use base::architecture::Architecture;
use base::duration::Span;
use base::ids::{AccountId, AzId, Region};
use estate::{Loss, Selector};
use schedule::Schedule;

/// A disaster-recovery drill.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// The drill's name: letters, digits, `-`, `_` and `.`. It becomes part of the run's id.
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// Path of a playbook that this one extends, relative to this file. What it says holds here too,
    /// unless this file says something else. Mappings are merged by key, lists are not.
    #[serde(default)]
    pub extends: Option<String>,
    /// Path of the estate file, relative to this file. The twin simulates this estate, and coverage
    /// is measured against it.
    #[serde(default)]
    pub estate: Option<String>,
    /// The loss: one region, one availability zone (by id) or one account.
    pub lose: Lose,
    /// Default objectives of every workload.
    #[serde(default)]
    pub objectives: Objectives,
    /// Assumed time that passes before the recovery starts.
    #[serde(default)]
    pub assume: Assume,
    /// The accounts that the drill uses, by the playbook's names for them.
    pub accounts: IndexMap<String, Account>,
    pub sandbox: Sandbox,
    /// Values for expressions, as `params.NAME`. `--param NAME=VALUE` overrides them.
    #[serde(default)]
    pub params: IndexMap<String, Value>,
    /// The workloads to recover.
    pub workloads: IndexMap<String, Workload>,
    pub steps: Vec<Step>,
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Send checks for HOST:PORT to another address, as `HOST:PORT=ADDR:PORT`.
    #[serde(default)]
    pub connect_to: Vec<ConnectTo>,
    /// When the drill is due: `weekly`, `monthly`, `quarterly`, `yearly`, or a mapping with `cron`. A
    /// real run that passed counts.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// The clauses of laws and standards for which the drill is held, such as `SOC2-A1.3`.
    /// `drillmaster controls --list` lists all.
    #[serde(default)]
    #[schemars(extend("items" = serde_json::json!({ "type": "string", "format": "control" })))]
    pub controls: Vec<String>,
    /// Who is told when a run has ended. What cannot be sent is a warning, and changes no verdict.
    #[serde(default)]
    pub notify: Vec<Notify>,
}

/// The loss: exactly one of these. Each may be an expression of parameters: `{{ params.lost }}`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lose {
    #[serde(default)]
    pub region: Option<Region>,
    /// The zone's id (`use1-az1`), not its name.
    #[serde(default)]
    pub az: Option<AzId>,
    #[serde(default)]
    pub account: Option<AccountId>,
}

impl Lose {
    /// The loss, if exactly one is named.
    pub fn loss(&self) -> Option<Loss> {
        match (&self.region, &self.az, &self.account) {
            (Some(region), None, None) => Some(Loss::Region(region.clone())),
            (None, Some(az), None) => Some(Loss::Az(az.clone())),
            (None, None, Some(account)) => Some(Loss::Account(account.clone())),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Recovery time objective: the longest time that the recovery may take.
    #[serde(default)]
    pub rto: Option<Span>,
    /// Recovery point objective: the most data, in time, that may be lost.
    #[serde(default)]
    pub rpo: Option<Span>,
    /// How far apart the instants may lie to which the data stores of a workload are restored.
    #[serde(default)]
    pub consistency: Option<Span>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assume {
    /// The time until somebody notices the disaster.
    #[serde(default)]
    pub detection: Option<Span>,
    /// The time until somebody decides to recover.
    #[serde(default)]
    pub decision: Option<Span>,
    /// For `forecast`: by which factor everything is slower on a day on which everybody restores.
    #[serde(default)]
    #[schemars(range(min = 1.0, max = 100.0))]
    pub contention: Option<f64>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The account id: 12 digits, in quotes.
    pub id: AccountId,
    /// A profile of the AWS configuration files.
    #[serde(default)]
    pub profile: Option<String>,
    /// The ARN of a role to assume, with the profile's or the environment's credentials.
    #[serde(default)]
    pub role: Option<String>,
    /// The session name of the assumed role; default: the run's id.
    #[serde(default)]
    pub session_name: Option<String>,
    #[serde(default)]
    pub external_id: Option<String>,
    /// The URL of another provider's S3-compatible storage: only S3 is used in this account.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The environment variable with the access key for `endpoint`.
    #[serde(default)]
    pub access_key_env: Option<String>,
    /// The environment variable with the secret key for `endpoint`.
    #[serde(default)]
    pub secret_key_env: Option<String>,
}

/// The place where everything is restored, isolated from production.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// The name of one of `accounts`.
    pub account: String,
    pub region: Region,
    pub network: Network,
    /// The drill's deadline from T0, and the expiry of everything that it creates.
    pub ttl: Span,
    /// Who asks the checks `http`, `tcp`, `dns`, `sql`, `data` and `redis` on AWS; default `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeChoice>,
    /// The name of a sandbox that stays between drills: its network and its probe. `drillmaster sandbox
    /// up` makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub standing: Option<String>,
    /// Names that the sandbox answers itself, so that what is restored finds what is restored:
    /// `db.orders.internal: "{{ steps.db.address }}"`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(extend("propertyNames" = json!({ "type": "string", "format": "answered-name" })))]
    pub names: IndexMap<String, String>,
    /// What answers `names`; default `zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names_by: Option<NamesBy>,
    /// Whether the sandbox's resolver answers only the names that the drill needs. Default: `closed`
    /// with a probe, else `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<Resolver>,
}

/// What answers a name in the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamesBy {
    /// A private zone of Route 53. Its records need Route 53's control plane, which is lost with
    /// us-east-1.
    Zone,
    /// A rule of the firewall of a closed resolver. It leads to another name, and never to an address.
    Firewall,
}

/// What the resolver of the sandbox's network answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolver {
    /// Only the names of what is restored, and those of `names`. The rest is blocked, and what was
    /// asked for stands in the report.
    Closed,
    /// Every name in the world. Nobody watches what is asked for.
    Open,
}

impl Sandbox {
    /// Whether the firewall answers `names`.
    pub fn answers_by_firewall(&self) -> bool {
        self.names_by == Some(NamesBy::Firewall)
    }

    /// Whether names are blocked and watched. With a probe that is the default: only a probe can show
    /// that the log of them is complete.
    pub fn watches_names(&self) -> bool {
        match self.resolver {
            Some(Resolver::Closed) => true,
            Some(Resolver::Open) => false,
            None => self.probe().is_some(),
        }
    }

    /// The probe that asks checks from inside, if the playbook wants one.
    pub fn probe(&self) -> Option<&Probe> {
        match &self.probe {
            Some(ProbeChoice::Inside(probe)) => Some(probe),
            Some(ProbeChoice::Runner(_)) | None => None,
        }
    }
}

/// Who asks the checks that go over a network.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ProbeChoice {
    /// The machine that runs the drill, which has to be let into the sandbox.
    Runner(NoProbe),
    /// A function of AWS Lambda in the sandbox, where nothing else leads in.
    Inside(Probe),
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoProbe {
    None,
}

/// A function of AWS Lambda in a subnet of the sandbox. Checks travel to it through Lambda's own API,
/// so nothing leads into the sandbox. It is made before T0, and goes in teardown.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The ARN of a role in the sandbox's account that Lambda may assume, with the permissions for
    /// network interfaces and no other: `drillmaster iam-policy --for probe` prints it.
    #[schemars(extend("pattern" = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role: String,
    /// Default `x86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The range of the sandbox's VPC: `10.66.0.0/16`, a /16 to /26.
    #[schemars(extend("format" = "cidr"))]
    pub cidr: String,
    /// The number of surviving zones in which it has a subnet. RDS needs 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 6))]
    pub azs: u32,
    /// The zones, by id: `[use1-az1, use1-az4]`. Default: the first zones that survive and offer
    /// the instance types of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 6))]
    pub zones: Vec<AzId>,
}

impl Network {
    /// The number of zones in which it has a subnet.
    pub fn zone_count(&self) -> u32 {
        if self.zones.is_empty() { self.azs } else { u32::try_from(self.zones.len()).unwrap_or(u32::MAX) }
    }
}

fn two() -> u32 {
    2
}

/// A service that the business needs.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// 1 is the most important.
    #[serde(default)]
    #[schemars(range(min = 1, max = 9))]
    pub tier: Option<u32>,
    #[serde(default)]
    pub objectives: Objectives,
    /// Its resources in production: ids (`rds:db/orders`) or tags (`ec2:instance[tag:app=orders]`).
    #[serde(default)]
    pub resources: Vec<Selector>,
}

/// One step of the recovery.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: String,
    /// The action: `rds.restore`, `ec2.launch`, …
    pub uses: String,
    /// The workload that it helps to recover.
    #[serde(default)]
    pub workload: Option<String>,
    /// Steps and checks that must have succeeded before.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What the step restores, where its arguments do not tell: ids (`autoscaling:group/web`) or
    /// tags, as under `resources`. It counts only if a check proves it. For `command.run`,
    /// `cloudformation.deploy`, and `ec2.launch` from an id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<Selector>,
    /// The action's arguments.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// An expression. The step runs only if it renders to `true`, `yes` or a number other than 0.
    #[serde(default)]
    #[schemars(with = "Option<WhenSchema>")]
    pub when: Option<Value>,
    /// The time limit of one attempt; default: the time left until the sandbox's ttl.
    #[serde(default)]
    pub timeout: Option<Span>,
    #[serde(default)]
    pub retry: Retry,
    /// If the step fails, the steps and checks that need it run all the same. The workload still
    /// counts as not recovered.
    #[serde(default)]
    pub continue_on_error: bool,
}

/// A template string or a plain boolean.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum WhenSchema {
    Plain(bool),
    Template(String),
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The number of attempts; default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// The wait before the second attempt. It doubles with each further attempt. Default: 10s.
    #[serde(default = "ten_seconds")]
    pub backoff: Span,
}

fn one() -> u32 {
    1
}

fn ten_seconds() -> Span {
    Span::from_secs(10)
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: one(), backoff: ten_seconds() }
    }
}

/// A health check: exactly one of `http`, `tcp`, `dns`, `sql`, `data`, `redis`, `s3`, `dynamodb`,
/// `command`, `state`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub id: String,
    /// The workload that counts as recovered only once this check is healthy.
    #[serde(default)]
    pub workload: Option<String>,
    /// Steps and checks that must have succeeded before.
    #[serde(default)]
    pub needs: Vec<String>,
    /// `rpo`: the check returns the newest timestamp in the restored data.
    #[serde(default)]
    pub measures: Option<Measures>,
    /// The time within which it must become healthy, from when its needs are ready; default: 5m.
    #[serde(default = "five_minutes")]
    pub within: Span,
    /// How long it must stay healthy. The recovery counts from the start of that period.
    #[serde(default)]
    pub stable_for: Span,
    /// The time between two attempts; default: 5s.
    #[serde(default = "five_seconds")]
    pub every: Span,
    #[serde(default)]
    pub http: Option<HttpCheck>,
    #[serde(default)]
    pub tcp: Option<TcpCheck>,
    #[serde(default)]
    pub dns: Option<DnsCheck>,
    #[serde(default)]
    pub sql: Option<SqlCheck>,
    #[serde(default)]
    pub data: Option<DataCheck>,
    #[serde(default)]
    pub redis: Option<RedisCheck>,
    #[serde(default)]
    pub s3: Option<S3Check>,
    #[serde(default)]
    pub dynamodb: Option<DynamodbCheck>,
    #[serde(default)]
    pub command: Option<CommandCheck>,
    #[serde(default)]
    pub state: Option<StateCheck>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measures {
    Rpo,
}

fn five_minutes() -> Span {
    Span::from_secs(300)
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}

impl Check {
    /// The type of the check, and the part under its key. A correct check has exactly one.
    pub fn kind(&self) -> Option<(CheckType, Value)> {
        CheckType::ALL.iter().find_map(|&of| {
            let spec = match of {
                CheckType::Http => json!(self.http),
                CheckType::Tcp => json!(self.tcp),
                CheckType::Dns => json!(self.dns),
                CheckType::Sql => json!(self.sql),
                CheckType::Data => json!(self.data),
                CheckType::Redis => json!(self.redis),
                CheckType::S3 => json!(self.s3),
                CheckType::Dynamodb => json!(self.dynamodb),
                CheckType::Command => json!(self.command),
                CheckType::State => json!(self.state),
            };
            (!spec.is_null()).then_some((of, spec))
        })
    }
}
