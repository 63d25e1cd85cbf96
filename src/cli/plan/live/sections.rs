//! The tables of a look, for text and for pages.

use super::model::{
    Identity, IdentityStatus, Live, NotAllowed, Permissions, PointStatus, StepPoint, Sufficiency,
};
use crate::ui::text::clean;
use base::duration::human_seconds;
use base::ids::AzId;

/// A table. Its last column may be long.
pub struct Section {
    pub title: String,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// All that has rows.
pub fn of(live: &Live) -> Vec<Section> {
    let all = [
        identities(live),
        points(live),
        permissions(live),
        refused(live, "Denied", |one| &one.denied),
        refused(live, "Not known whether allowed", |one| &one.unknown),
        quotas(live),
        offers(live),
    ];
    all.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

/// The account with the playbook's names for it.
pub fn called(account: &base::ids::AccountId, names: &[String]) -> String {
    match names {
        [] => account.to_string(),
        names => format!("{account} ({})", clean(&names.join(", "))),
    }
}

fn identities(live: &Live) -> Section {
    let row = |Identity { account, names, status, because }: &Identity| {
        let status = match status {
            IdentityStatus::Confirmed => "confirmed",
            IdentityStatus::OfAnother => "of another account",
            IdentityStatus::Unknown => "unknown",
        };
        vec![
            called(account, names),
            status.to_owned(),
            because.as_deref().map(clean).unwrap_or_default().into(),
        ]
    };
    Section {
        title: "Credentials".to_owned(),
        columns: vec!["Account", "Whose", "Why"],
        rows: live.identities.iter().map(row).collect(),
    }
}

fn points(live: &Live) -> Section {
    Section {
        title: "Recovery points as they are now".to_owned(),
        columns: vec!["Step", "Recovery point", "Age", "Place", "Why not a newer one"],
        rows: live.points.iter().map(point).collect(),
    }
}

fn point(point: &StepPoint) -> Vec<String> {
    let step = clean(&point.step).into_owned();
    let because = || {
        let fix = point.fix.as_ref().map(|fix| format!(" (fix: {fix})")).unwrap_or_default();
        clean(&format!("{}{fix}", point.because.as_deref().unwrap_or_default())).into_owned()
    };
    let without = |word: &str| vec![step.clone(), word.to_owned(), String::new(), String::new(), because()];
    match (point.status, &point.point) {
        (PointStatus::Found, Some(used)) => {
            let age = used
                .age_s
                .map_or_else(|| "of unknown age".to_owned(), |s| format!("{} old", human_seconds(s)));
            let place = format!("{} {}", used.account, used.region);
            let not_newer = clean(&point.not_newer_because.join("; ")).into_owned();
            vec![step, clean(&used.id).into_owned(), age, place, not_newer]
        }
        (PointStatus::None, _) => without("none"),
        (PointStatus::Later, _) => without("later"),
        (PointStatus::Unknown | PointStatus::Found, _) => without("unknown"),
    }
}

fn permissions(live: &Live) -> Section {
    let row = |one: &Permissions| {
        let whose = one.principal.as_deref().unwrap_or("nobody's policies can be simulated");
        let count = |n: usize, word: &str| format!("{n} {word}");
        vec![
            called(&one.account, &one.names),
            count(one.allowed.len(), "allowed"),
            count(one.denied.len(), "denied"),
            count(one.unknown.len(), "unknown"),
            clean(whose).into_owned(),
        ]
    };
    Section {
        title: "Permissions, simulated by IAM".to_owned(),
        columns: vec!["Account", "Allowed", "Denied", "Unknown", "Principal"],
        rows: live.permissions.iter().map(row).collect(),
    }
}

fn refused(live: &Live, title: &str, of: fn(&Permissions) -> &[NotAllowed]) -> Section {
    let rows = live.permissions.iter().flat_map(|one| {
        of(one).iter().map(|NotAllowed { action, because, fix }| {
            let why = format!("{because} (fix: {fix})");
            vec![one.account.to_string(), clean(action).into_owned(), clean(&why).into_owned()]
        })
    });
    Section { title: title.to_owned(), columns: vec!["Account", "Action", "Why"], rows: rows.collect() }
}

fn quotas(live: &Live) -> Section {
    let figure = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let rows = live.quotas.iter().map(|quota| {
        let because = quota.because.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        vec![
            quota.what.clone(),
            figure(quota.needed),
            figure(quota.used),
            quota.limit.map_or_else(|| "unknown".to_owned(), |limit| limit.to_string()),
            clean(&format!("{}{because}", quota.status.words())).into_owned(),
        ]
    });
    let place = live.quotas.first().map(|quota| format!("{} in {}", quota.account, quota.region));
    Section {
        title: format!("Quotas of {}", place.unwrap_or_default()),
        columns: vec!["What", "Needed", "In use", "Limit", ""],
        rows: rows.collect(),
    }
}

fn offers(live: &Live) -> Section {
    let named = |zones: &[AzId]| zones.iter().map(AzId::as_str).collect::<Vec<_>>().join(", ");
    let rows = live.offers.iter().map(|offer| {
        let zones = match offer.zones.as_deref() {
            None => "unknown".to_owned(),
            Some([]) => "no zone".to_owned(),
            Some(zones) => named(zones),
        };
        let status = match offer.status {
            Sufficiency::Enough => "offered",
            Sufficiency::TooFew => "not offered in enough zones",
            Sufficiency::Unknown => "unknown",
        };
        vec![clean(&offer.what).into_owned(), zones, status.to_owned()]
    });
    let here = if live.zones.is_empty() { "unknown".to_owned() } else { named(&live.zones) };
    Section {
        title: format!("Offers (the sandbox's zones: {here})"),
        columns: vec!["What", "Zones", ""],
        rows: rows.collect(),
    }
}
