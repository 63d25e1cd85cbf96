//! Single cases that seeds have found.

use super::dice::Dice;
use super::faulty::{Fault, IGNORED, LINGERING, UNSEEN, Weather};
use super::property::{Fair, violations};
use super::run::{Fate, Left, run};
use port::Tagged;
use support::drill::Drill;
use support::rehearsal::loaded;

/// Runs a sample under these faults and checks what must hold for every drill.
fn drill(name: &str, weather: &Weather, fate: &Fate) -> Left {
    let sample = Drill::of(name);
    let loaded = loaded(&sample.write());
    let fair = Fair::of(&run(&loaded, &Weather::fair(), &Fate::calm(), &mut Dice::of(0, 0)));
    let left = run(&loaded, weather, fate, &mut Dice::of(1, 1));
    let wrong = violations(&left, &fair, weather);
    assert!(wrong.is_empty(), "{name}, {weather:?}, interrupt {:?}: {wrong:#?}", fate.interrupt);
    left
}

fn only(faults: &[(&'static str, Fault)], budget: u32) -> Weather {
    Weather { only: faults.to_vec(), budget, from_t0: true, ..Weather::fair() }
}

#[test]
fn a_look_that_fails_is_taken_again() {
    for (fault, budget) in
        [(Fault::Throttled, 3), (Fault::NotDone, 3), (Fault::Expired, 2), (Fault::Hangs, 2)]
    {
        let left = drill("az-loss", &only(&[("ec2:DescribeTags", fault)], budget), &Fate::calm());
        assert_eq!(
            (left.report.exit_code.code(), left.ledger.faults.borrow()[&fault]),
            (0, budget.into()),
            "{fault:?}"
        );
    }
    let weather = only(&[("cloudformation:ListStackResources", Fault::NotDone)], 2);
    let left = drill("account-loss", &weather, &Fate::calm());
    assert_eq!((left.report.exit_code.code(), left.ledger.faults.borrow()[&Fault::NotDone]), (1, 2));
}

/// The looks fail for longer than anybody tries. The report then says only that the state is
/// unknown.
#[test]
fn what_cannot_be_looked_at_is_unknown() {
    let left = drill("az-loss", &only(&[("ec2:DescribeTags", Fault::Expired)], 1000), &Fate::calm());
    assert_eq!(left.report.exit_code.code(), 4);
    let told = &left.report.teardown.left_behind;
    assert!(told.len() == 1 && told[0].starts_with("unknown ("), "{told:?}");
}

/// A search that sees only some kinds proves nothing about the others. A resource that only another
/// service can delete stays.
#[test]
fn what_a_search_could_not_see_or_delete_is_left_behind() {
    let unread = "999988887777 us-west-2: ec2:DescribeVolumes may not be called".to_owned();
    let held = "a snapshot that AWS Backup made".to_owned();
    for (told, said) in [
        (Tagged { unread: vec![unread.clone()], ..Tagged::default() }, format!("unknown ({unread})")),
        (Tagged { held: vec![held.clone()], ..Tagged::default() }, held),
    ] {
        let weather = Weather { told, ..Weather::fair() };
        let loaded = loaded(&Drill::of("az-loss").write());
        let left = run(&loaded, &weather, &Fate::calm(), &mut Dice::of(1, 1));
        assert_eq!(left.report.exit_code.code(), 4, "{said}");
        assert_eq!(left.report.teardown.left_behind, [said]);
        assert!(left.standing.is_empty(), "{:?}", left.standing);
    }
}

#[test]
fn credentials_that_are_renewed_do_not_end_a_teardown() {
    for call in ["ec2:DescribeSubnets", "rds:DescribeDBInstances", "ec2:DeleteVpc"] {
        let weather = only(&[(call, Fault::Expired)], 1);
        let left = drill("region-loss", &weather, &Fate { interrupt: Some(40), ..Fate::calm() });
        assert_eq!(left.ledger.faults.borrow()[&Fault::Expired], 1, "{call}");
        assert!(left.report.teardown.left_behind.is_empty(), "{call}: {:?}", left.report.teardown);
    }
}

/// A new resource that is not visible yet has not gone. A deleted resource that is still visible is
/// not left behind.
#[test]
fn what_is_not_seen_is_not_gone() {
    for interrupt in (1..60).step_by(3) {
        let fate = Fate { interrupt: Some(interrupt), ..Fate::calm() };
        for what in [UNSEEN, LINGERING] {
            let weather = Weather { like_aws: true, from_t0: false, ..only(&[(what, Fault::Stale)], 100) };
            drill("account-loss", &weather, &fate);
        }
    }
}

#[test]
fn a_deletion_without_effect_is_asked_for_again() {
    let weather = Weather { like_aws: true, ..only(&[(IGNORED, Fault::Ignored)], 4) };
    let left = drill("az-loss", &weather, &Fate::calm());
    assert_eq!((left.report.exit_code.code(), left.ledger.faults.borrow()[&Fault::Ignored]), (0, 4));
}

/// The resource was made, its answer was lost, and it is not visible when teardown begins.
#[test]
fn what_a_lost_answer_has_made_is_found() {
    for call in ["ec2:CreateVpc", "ec2:CreateSubnet", "rds:CreateDBSubnetGroup", "rds:CopyDBSnapshot"] {
        for lost in [Fault::LostAnswer, Fault::HangsDone] {
            let weather = only(&[(call, lost), (UNSEEN, Fault::Stale)], 1000);
            let weather = Weather { like_aws: true, from_t0: false, ..weather };
            let left = drill("account-loss", &weather, &Fate::calm());
            assert!(left.report.teardown.left_behind.is_empty(), "{call}: {:?}", left.report.teardown);
        }
    }
}
