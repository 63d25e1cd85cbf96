//! The suite for both clouds (`support::conformance`), against the twin.

macro_rules! tests {
    ($($service:ident { $($name:ident [$($action:literal),*])+ })+) => {
        const COVERED: &[&str] = &[$($($($action,)*)+)+];

        $(mod $service { $(
            #[test]
            fn $name() {
                support::conformance::peer::on_twin(&[$($action),*], support::conformance::$service::$name);
            }
        )+ })+
    };
}

support::scenarios!(tests);

#[test]
fn every_action_is_covered() {
    let missing: Vec<&str> = engine::actions::CATALOGUE
        .0
        .iter()
        .map(|action| action.name)
        .filter(|name| !COVERED.contains(name))
        .collect();
    assert!(missing.is_empty(), "add a scenario to tests/support/conformance for {missing:?}");
}
