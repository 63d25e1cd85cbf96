//! The time that each action takes on the twin: the built-in calibration, and log-normal samples
//! around it.

use indexmap::IndexMap;
use rand::SeedableRng;
use rand_distr::{Distribution, LogNormal};
use sha2::{Digest, Sha256};
use std::time::Duration;

use base::duration::{Size, Span};
use estate::file::Timing;
use port::{ActionTiming, Calibration, Create, CreateCall, Kind, Place, Timed};

const fn row(
    name: &'static str,
    of: &'static [Timed],
    base: u64,
    per_gib: u64,
    spread: f64,
    source: &'static str,
) -> Calibration {
    let (base, per_gib) = (Duration::from_millis(base), Duration::from_millis(per_gib));
    Calibration { name, of, base, per_gib, spread, source }
}

const NETWORK: &[Timed] = &[
    Timed::Request(CreateCall::CreateVpc),
    Timed::Request(CreateCall::CreateSubnet),
    Timed::Request(CreateCall::CreateSecurityGroup),
    Timed::Request(CreateCall::CreateDbSubnetGroup),
];
const BUCKET: &[Timed] = &[Timed::Request(CreateCall::CreateBucket)];
const VAULT: &[Timed] = &[Timed::Request(CreateCall::CreateBackupVault)];
const PROBE: &[Timed] = &[Timed::Request(CreateCall::CreateFunction)];
const NAMES: &[Timed] = &[
    Timed::Request(CreateCall::CreateDomainList),
    Timed::Request(CreateCall::CreateRuleGroup),
    Timed::Request(CreateCall::CreateOverrideRule),
    Timed::Request(CreateCall::CreateQueryLog),
    Timed::Request(CreateCall::CreateZone),
    Timed::Request(CreateCall::CreateRecord),
];
const REPLICA: &[Timed] = &[Timed::Request(CreateCall::CreateDbReplica)];

/// How long Lambda keeps the network interface of a function that is gone.
pub const PROBE_NETWORK: &str = "teardown.probe_network";

/// The times of the harness, in milliseconds. Each action has its own.
///
/// "(m)" in a source marks figures from memory, without a document.
pub const HARNESS: [Calibration; 12] = [
    row("sandbox.network", NETWORK, 2_000, 0, 0.0, "a few calls (m)"),
    row("sandbox.bucket", BUCKET, 2_000, 0, 0.0, "a few calls (m)"),
    row("sandbox.vault", VAULT, 2_000, 0, 0.0, "a few calls (m)"),
    row("sandbox.names", NAMES, 2_000, 0, 0.0, "a few calls (m)"),
    row("sandbox.replica", REPLICA, 900_000, 3_000, 0.3, "as a snapshot, its copy and a restore (m)"),
    row(
        "sandbox.probe",
        PROBE,
        60_000,
        0,
        0.0,
        "\"a minute or so\" with a VPC (API reference of AWS Lambda)",
    ),
    row("teardown.instance", &[], 40_000, 0, 0.0, "shutting-down for half a minute or so (m)"),
    row("teardown.db", &[], 180_000, 0, 0.0, "deleting for a few minutes (m)"),
    row("teardown.cluster", &[], 120_000, 0, 0.0, "deleting for a few minutes (m)"),
    row("teardown.stack", &[], 60_000, 0, 0.0, "about a minute (m)"),
    row("teardown.other", &[], 1_000, 0, 0.0, "one call (m)"),
    row(PROBE_NETWORK, &[], 1_500_000, 0, 0.0, "18 to 35 minutes (pulumi-aws issues 2642 and 4392)"),
];

/// Returns all times: of `actions` with their parts, and of the harness.
pub fn rows(actions: &'static [ActionTiming]) -> impl Iterator<Item = &'static Calibration> {
    let of_actions = actions.iter().flat_map(|action| std::iter::once(&action.whole).chain(action.parts));
    of_actions.chain(&HARNESS)
}

/// Returns the time of an action, a part of one, or a row of the harness. The estate's time comes
/// first, then the calibration. `None`: the name has no row, so its time is unknown.
pub fn of(name: &str, actions: &'static [ActionTiming], estate: &IndexMap<String, Timing>) -> Option<Timing> {
    if let Some(own) = estate.get(name) {
        return Some(*own);
    }
    let is_part = |action: &&ActionTiming| action.parts.iter().any(|part| part.name == name);
    let whole = actions.iter().find(is_part).map(|action| action.whole.name);
    if whole.is_some_and(|whole| estate.contains_key(whole)) {
        return Some(Timing { base: Span::default(), per_gib: Span::default(), spread: 0.0 });
    }
    rows(actions).find(|row| row.name == name).map(|row| Timing {
        base: Span(row.base),
        per_gib: Span(row.per_gib),
        spread: row.spread,
    })
}

/// Returns the row with the deletion time of a resource.
pub fn deletion(kind: Kind) -> &'static str {
    match kind {
        Kind::Instance => "teardown.instance",
        Kind::DbInstance => "teardown.db",
        Kind::DbCluster => "teardown.cluster",
        Kind::Stack => "teardown.stack",
        Kind::Vpc
        | Kind::Subnet
        | Kind::SecurityGroup
        | Kind::DbSubnetGroup
        | Kind::Bucket
        | Kind::Snapshot
        | Kind::Image
        | Kind::Volume
        | Kind::KeyPair
        | Kind::Address
        | Kind::DbSnapshot
        | Kind::DbClusterSnapshot
        | Kind::FileSystem
        | Kind::Table
        | Kind::Vault
        | Kind::CopyJob
        | Kind::RestoreJob
        | Kind::MountTarget
        | Kind::Function
        | Kind::DomainList
        | Kind::RuleGroup
        | Kind::QueryLog
        | Kind::Zone => "teardown.other",
    }
}

/// The restores of tables that may run at once in one Region of an account (quotas of Amazon
/// DynamoDB).
const TABLES_AT_ONCE: usize = 50;

/// Returns how many copies from other Regions, or restores of tables, may run at once in one Region
/// of an account. `None`: no limit.
pub fn at_once(place: &Place, what: &Create) -> Option<usize> {
    let facts = what.facts();
    if matches!(what, Create::Table(_) | Create::TableToTime(_)) {
        return Some(TABLES_AT_ONCE);
    }
    if facts.source_region.is_none_or(|from| *from == place.region) {
        return None;
    }
    between_regions(facts.call)
}

/// Returns how many of these calls may run at once to one Region of an account, if they copy from
/// other Regions.
///
/// Sources: quotas of Amazon EBS, Amazon EC2 and Amazon RDS. For cluster snapshots the Aurora guide
/// says 5.
pub fn between_regions(call: CreateCall) -> Option<usize> {
    match call {
        CreateCall::CopySnapshot | CreateCall::CopyDbSnapshot => Some(20),
        CreateCall::CopyDbClusterSnapshot => Some(5),
        CreateCall::CopyImage => Some(100),
        CreateCall::CreateVpc
        | CreateCall::CreateSubnet
        | CreateCall::CreateSecurityGroup
        | CreateCall::CreateDbSubnetGroup
        | CreateCall::CreateBucket
        | CreateCall::CreateVolume
        | CreateCall::RunInstances
        | CreateCall::AttachVolume
        | CreateCall::ImportKeyPair
        | CreateCall::AllocateAddress
        | CreateCall::RestoreDb
        | CreateCall::RestoreDbToTime
        | CreateCall::RestoreDbCluster
        | CreateCall::RestoreDbClusterToTime
        | CreateCall::CreateDbInstance
        | CreateCall::CreateDbReplica
        | CreateCall::PromoteReplica
        | CreateCall::RestoreTableFromBackup
        | CreateCall::RestoreTableToTime
        | CreateCall::SetTable
        | CreateCall::CreateBackupVault
        | CreateCall::StartCopyJob
        | CreateCall::StartRestoreJob
        | CreateCall::AdoptRestored
        | CreateCall::CreateMountTarget
        | CreateCall::CreateFunction
        | CreateCall::CreateDomainList
        | CreateCall::CreateRuleGroup
        | CreateCall::CreateOverrideRule
        | CreateCall::CreateQueryLog
        | CreateCall::CreateZone
        | CreateCall::CreateRecord
        | CreateCall::CreateStack => None,
    }
}

/// Returns `base + per_gib × size`, rounded to a millisecond.
pub fn mean(timing: &Timing, size: Size) -> Duration {
    let seconds = timing.base.as_secs_f64() + timing.per_gib.as_secs_f64() * size.as_gib();
    to_millis(seconds)
}

/// Returns a log-normal sample. Its mean is [`mean`] and its standard deviation is `spread × mean`.
///
/// The same seed and `what` give the same sample, whatever the order of calls.
pub fn sample(timing: &Timing, size: Size, seed: Option<u64>, what: &str) -> Duration {
    let mean = mean(timing, size);
    let Some(seed) = seed else { return mean };
    if timing.spread <= 0.0 || mean.is_zero() {
        return mean;
    }
    let variance = (1.0 + timing.spread * timing.spread).ln();
    let mu = mean.as_secs_f64().ln() - variance / 2.0;
    let Ok(distribution) = LogNormal::new(mu, variance.sqrt()) else { return mean };
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(what.as_bytes()).finalize();
    let mut bytes = [0_u8; 32];
    bytes.copy_from_slice(&digest);
    to_millis(distribution.sample(&mut rand::rngs::StdRng::from_seed(bytes)))
}

fn to_millis(seconds: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative; `as` saturates"
    )]
    Duration::from_millis((seconds * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(base: &str, per_gib: &str, spread: f64) -> Timing {
        Timing { base: base.parse().unwrap(), per_gib: per_gib.parse().unwrap(), spread }
    }

    #[test]
    fn without_a_seed_it_is_the_mean() {
        assert_eq!(sample(&timing("9m", "1.5s", 0.25), Size::gib(200), None, "db"), Duration::from_mins(14));
    }

    #[test]
    fn what_takes_longer_than_time_goes_does_not_stop_the_program() {
        let longest = mean(&timing("36000d", "36000d", 0.0), Size(u64::MAX));
        assert!(chrono::DateTime::UNIX_EPOCH.checked_add_signed(Span(longest).delta()).is_none());
        sample(&timing("36000d", "36000d", 5.0), Size(u64::MAX), Some(1), "db");
    }

    #[test]
    fn samples_have_the_mean_and_spread_asked_for() {
        let timing = timing("100s", "0s", 0.25);
        let samples: Vec<f64> =
            (0..20_000).map(|i| sample(&timing, Size(0), Some(i), "db").as_secs_f64()).collect();
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let variance = samples.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / samples.len() as f64;
        assert!((mean - 100.0).abs() < 1.0, "{mean}");
        assert!((variance.sqrt() - 25.0).abs() < 1.0, "{}", variance.sqrt());
        assert_eq!(sample(&timing, Size(0), Some(7), "db"), sample(&timing, Size(0), Some(7), "db"));
        assert_ne!(sample(&timing, Size(0), Some(7), "db"), sample(&timing, Size(0), Some(8), "db"));
    }
}
