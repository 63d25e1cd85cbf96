//! Copies a recovery point of AWS Backup into a vault of the sandbox.
//!
//! The copy job runs in the account and region of the original, with a role of that account. Nothing
//! else happens there.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::restore::BackupSource;
use super::{account_of_role, role_problem};
use crate::actions::action::{Action, OF_AN_OUTCOME};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError};
use base::ids::{AccountId, Region};
use estate::file::FaultKind;
use estate::scope::row_of;
use estate::{PointKind, RecoveryPoint, VaultPolicy};
use playbook::action::{
    ArgProblem, CopyUse, Demands, Output, PointSpec, Prepared, Shape, SourceSpec, SourceWhat,
};
use playbook::expr::is_template;
use playbook::expr_value::Expr;
use port::gated::create_call;
use port::restorable::is_continuous;
use port::{Calibration, CloudError, CopyPoint, Create, CreateCall, ErrorKind, Place, Restorable, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupCopyArgs {
    /// The recovery point. It lies in a vault of the account of `role`.
    pub from: BackupSource,
    /// The ARN of the role with which AWS Backup copies: a role of the account whose vault holds the
    /// recovery point.
    pub role: String,
    /// The region of that vault. Default: every surviving region of the estate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Region>")]
    pub region: Option<Expr<Region>>,
    /// The ARN of the KMS key of the vault in the sandbox: a customer managed key of the sandbox's
    /// region. Most copies from another account need one. Default: AWS Backup's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl BackupCopyArgs {
    /// The account that it copies from, if the role is known.
    fn account(&self) -> Option<AccountId> {
        account_of_role(&self.role)?.parse().ok()
    }
}

/// What to do where a copy from another account has no key.
pub const KEY_HELP: &str = "name a customer managed key of the sandbox's region with `kms_key`: without one AWS Backup refuses \
                        the copy (AWS Backup guide, \"Creating backup copies across AWS accounts\")";

pub struct Copy;

impl Action for Copy {
    type Args = BackupCopyArgs;

    const NAME: &'static str = "backup.copy";
    const SUMMARY: &'static str =
        "Copies a recovery point of AWS Backup from another account or region into a vault of the sandbox.";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "recovery_point", doc: "the copy's ARN", shape: Shape::Text },
        Output { name: "job_id", doc: "the id of the copy job", shape: Shape::Text },
        Output { name: "vault", doc: "the vault in the sandbox", shape: Shape::Text },
    ];
    // The calls at the original are those of the account that it lies in (`calls::COPY_OUT`).
    const CALLS: &'static [&'static str] = &[];
    const MAY_OPEN: bool = false;
    const SIZED_BY: &'static [PointKind] = &[PointKind::Backup];
    const FAULTS: &'static [FaultKind] = OF_AN_OUTCOME;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::StartCopyJob)],
        base: Duration::from_mins(5),
        per_gib: Duration::from_millis(2_048),
        spread: 0.4,
        source: "as the copy of a snapshot, plus the job's start and end: AWS gives no figure (m)",
    };
    const PREPARED: &'static [Prepared] = &[Prepared::Vault];

    fn problems(args: &BackupCopyArgs) -> Vec<ArgProblem> {
        let mut problems = args.from.problems(Self::NAME);
        problems.extend(role_problem(
            &args.role,
            "name the role that AWS Backup copies with: `arn:aws:iam::ACCOUNT:role/NAME`, in the account whose vault holds the recovery point",
        ));
        if let Some(key) = args.kms_key.as_deref().filter(|key| !is_template(key) && !is_key(key)) {
            problems.push(ArgProblem {
                pointer: "/kms_key".into(),
                message: format!("`{key}` is no ARN of a KMS key"),
                help: "AWS Backup takes a vault's key by its ARN: `arn:aws:kms:REGION:ACCOUNT:key/ID`".into(),
            });
        }
        let named = [
            ("/from/recovery_point", args.from.recovery_point.as_deref()),
            ("/from/point", args.from.point.as_deref()),
        ];
        for (pointer, id) in named {
            if id.is_some_and(|id| !is_template(id) && is_continuous(id)) {
                problems.push(ArgProblem {
                    pointer: pointer.into(),
                    message: "AWS Backup copies no continuous recovery point".into(),
                    help: "name a snapshot: a recovery point without `:continuous:` in its ARN".into(),
                });
            }
        }
        problems
    }

    fn source(args: &BackupCopyArgs) -> Option<SourceSpec> {
        let from = &args.from;
        let what = match (from.named(), &from.recovery_point) {
            (Some((kind, name)), None) => {
                let (kind, point) = (row_of(kind)?.kind, PointSpec::read(from.point.as_deref()));
                SourceWhat::Of { kind, name: name.to_owned(), point }
            }
            (None, Some(arn)) => SourceWhat::Id(arn.clone()),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let region = args.region.as_ref().and_then(|region| region.get().ok().cloned());
        Some(SourceSpec { owner: args.account(), region, ..args::copied(what, Self::SIZED_BY) })
    }

    fn demands(args: &BackupCopyArgs) -> Demands {
        let needs_key = args.from.restorable().is_some_and(|one| !one.is_fully_managed());
        Demands {
            copy: Some(CopyUse {
                role: args.role.clone(),
                from: args.account(),
                kms_key: args.kms_key.clone(),
                needs_key: needs_key && args.kms_key.is_none(),
            }),
            ..Demands::default()
        }
    }

    async fn run(cx: &Context<'_>, args: BackupCopyArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let from = Place { account: source.point.account.clone(), region: source.point.region.clone() };
        may_copy(cx, &args, &from)?;
        let vault = vault_of(cx, &args)?;
        let what = Create::CopyPoint(CopyPoint {
            recovery_point: source.id.clone(),
            from: from.clone(),
            source_vault: source.point.vault.clone().unwrap_or_default(),
            to: cx.place().clone(),
            vault: vault.clone(),
            role: args.role,
            name: cx.name(""),
            size: cx.size(),
            created: source.point.taken.into_iter().chain(source.point.made).min(),
        });
        // The loss comes first: the credentials of a lost account are not even asked whose they are.
        if let Err(denied) = cx.gate.check(&create_call(&from, &what), cx.step) {
            return Err(CloudError::new(ErrorKind::Lost, denied.call, denied.why)
                .help("a recovery may use only what survives the loss; see the report's denied calls")
                .into());
        }
        let (job, seen, _) = cx.create_ready("", what).await?;
        let Some(arn) = seen.attributes.get("recovery_point").and_then(Value::as_str) else {
            let said = format!("the copy job {job} completed, and names no recovery point that it made");
            return Err(StepError::failed(said));
        };
        if !lies_in(arn, cx.place()) {
            let said = format!("the copy job {job} made {arn}, which does not lie in the sandbox");
            return Err(StepError::wrong(
                said,
                "look at it in AWS Backup's console, and at who changed the job: CloudTrail tells",
            ));
        }
        let mut outcome = Outcome::default();
        outcome.outputs.insert("recovery_point".into(), json!(arn));
        outcome.outputs.insert("job_id".into(), json!(job));
        outcome.outputs.insert("vault".into(), json!(vault));
        outcome.made.push(RecoveryPoint {
            id: arn.to_owned(),
            account: cx.place().account.clone(),
            region: cx.place().region.clone(),
            usable: Some(cx.clock.now()),
            seen_usable: None,
            shared_with: Vec::new(),
            shared_widely: false,
            managed_key: false,
            encrypted: source.point.encrypted || args.kms_key.is_some(),
            kms_key: args.kms_key,
            vault: Some(vault),
            vault_policy: None,
            copy_policy: None,
            key_unclear: None,
            cold: false,
            state: None,
            ..source.point.clone()
        });
        Ok(outcome)
    }
}

/// Whether a text is the ARN of a key. An alias is none.
fn is_key(text: &str) -> bool {
    text.starts_with("arn:") && text.split(':').nth(2) == Some("kms") && text.contains(":key/")
}

/// Whether an ARN names the sandbox's place. Those of snapshots and images name no account.
fn lies_in(arn: &str, sandbox: &Place) -> bool {
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    region == sandbox.region.as_str() && (account.is_empty() || account == sandbox.account.as_str())
}

/// Why AWS Backup does not copy a point into a vault of this account, and what to do.
pub fn why_not_copied(point: &RecoveryPoint, to: &AccountId) -> Option<(&'static str, &'static str)> {
    if is_continuous(&point.id) {
        return Some((
            "it is a continuous recovery point, and AWS Backup copies none",
            "name a snapshot: a recovery point without `:continuous:` in its ARN",
        ));
    }
    // Source: AWS Backup guide, "Creating backup copies across AWS Regions".
    if point.cold {
        return Some((
            "it lies in cold storage, and AWS Backup copies none from there",
            "name a warm recovery point",
        ));
    }
    if point.copy_policy == Some(VaultPolicy::Denies) {
        return Some((
            "the access policy of its vault denies it to everybody (backup:StartCopyJob or backup:CopyFromBackupVault)",
            "let the policy of the vault allow both (`aws backup put-backup-vault-access-policy`), or name a point in another vault",
        ));
    }
    // Source: AWS Backup guide, "Encryption for a backup copy to a different account or AWS Region".
    let is_full = Restorable::of(&point.of.kind).is_some_and(Restorable::is_fully_managed);
    if point.managed_key && point.account != *to && !is_full {
        return Some((
            "it is encrypted with a key that AWS manages, and AWS Backup copies none to another account under such a key",
            "encrypt the resource with a customer managed key that the sandbox's account may use, and back it up again",
        ));
    }
    None
}

/// What is not known of whether AWS Backup copies a point into a vault of this account.
pub fn copy_doubts(point: &RecoveryPoint, to: &AccountId) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(VaultPolicy::Unclear(why)) = &point.copy_policy {
        doubts.push(format!("of the access policy of its vault, {why}"));
    }
    if let Some(why) = point.key_unclear.as_ref().filter(|_| point.account != *to) {
        doubts.push(format!("whether AWS manages its key: {why}"));
    }
    doubts
}

/// Refuses a copy that AWS Backup would refuse, or that is not needed.
fn may_copy(cx: &Context<'_>, args: &BackupCopyArgs, from: &Place) -> Result<(), StepError> {
    let of = args.account();
    let id = &cx.source()?.id;
    if of.as_ref() != Some(&from.account) {
        return Err(StepError::wrong(
            format!("{id} lies in account {}, and the role {} does not", from.account, args.role),
            "name a role of the account whose vault holds the recovery point",
        ));
    }
    if from == cx.place() {
        return Err(StepError::wrong(
            format!("{id} lies in the sandbox's account and region already"),
            "restore it with `backup.restore`, without a copy",
        ));
    }
    if let Some((why, fix)) = why_not_copied(&cx.source()?.point, &cx.place().account) {
        return Err(StepError::wrong(format!("{id} cannot be copied: {why}"), fix));
    }
    let kind = &cx.source()?.point.of.kind;
    let needs_key = Restorable::of(kind).is_some_and(|one| !one.is_fully_managed());
    if needs_key && args.kms_key.is_none() && from.account != cx.place().account {
        return Err(StepError::wrong(format!("{id} comes from another account"), KEY_HELP));
    }
    Ok(())
}

/// The vault that was made before T0.
fn vault_of(cx: &Context<'_>, args: &BackupCopyArgs) -> Result<String, StepError> {
    let key = args.kms_key.as_deref().unwrap_or_default();
    cx.sandbox.vaults.get(key).cloned().ok_or_else(|| {
        StepError::wrong(
            format!("the sandbox has no vault with the key `{key}`"),
            "let `kms_key` be known before the run: a text, or a parameter",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/copy";

    fn read(with: Value) -> BackupCopyArgs {
        serde_json::from_value(with).unwrap()
    }

    fn problems(with: Value) -> Vec<(String, String)> {
        Copy::problems(&read(with)).into_iter().map(|p| (p.pointer, p.message)).collect()
    }

    #[test]
    fn wrong_arguments_are_told_where_they_stand() {
        let continuous = "arn:aws:backup:us-east-1:111122223333:recovery-point:continuous:db-1";
        for (with, pointer) in [
            (json!({ "from": { "recovery_point": continuous }, "role": ROLE }), "/from/recovery_point"),
            (
                json!({ "from": { "resource": "rds:db/orders", "point": continuous }, "role": ROLE }),
                "/from/point",
            ),
            (json!({ "from": { "resource": "rds:db/orders" }, "role": "copy" }), "/role"),
            (json!({ "from": { "resource": "ecr:repository/x" }, "role": ROLE }), "/from/resource"),
            (json!({ "from": {}, "role": ROLE }), "/from"),
            (
                json!({ "from": { "resource": "rds:db/x" }, "role": ROLE, "kms_key": "alias/drill" }),
                "/kms_key",
            ),
        ] {
            let found = problems(with);
            assert!(found.len() == 1 && found[0].0 == pointer, "{pointer}: {found:?}");
        }
        assert_eq!(problems(json!({ "from": { "resource": "rds:db/orders" }, "role": ROLE })), []);
    }

    #[test]
    fn the_role_says_from_which_account_and_the_type_whether_a_key_is_needed() {
        for (resource, key, needs_key) in [
            ("rds:db/orders", Value::Null, true),
            ("rds:db/orders", json!("arn:aws:kms:us-west-2:999988887777:key/1"), false),
            ("efs:file-system/fs-1", Value::Null, false),
            ("ec2:volume/vol-1", Value::Null, true),
        ] {
            let args = read(json!({ "from": { "resource": resource }, "role": ROLE, "kms_key": key }));
            let copy = Copy::demands(&args).copy.unwrap();
            assert_eq!(copy.from.unwrap().as_str(), "111122223333");
            assert_eq!(copy.needs_key, needs_key, "{resource}");
            let source = Copy::source(&args).unwrap();
            assert!(source.is_copy() && source.across_regions);
            assert_eq!(source.owner.unwrap().as_str(), "111122223333");
        }
    }

    #[test]
    fn a_copy_must_lie_in_the_sandbox() {
        let sandbox =
            Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        for (arn, expected) in [
            ("arn:aws:backup:us-west-2:999988887777:recovery-point:1", true),
            ("arn:aws:ec2:us-west-2::snapshot/snap-1", true),
            ("arn:aws:backup:us-west-2:111122223333:recovery-point:1", false),
            ("arn:aws:ec2:us-east-1::image/ami-1", false),
            ("recovery-point", false),
        ] {
            assert_eq!(lies_in(arn, &sandbox), expected, "{arn}");
        }
    }
}
