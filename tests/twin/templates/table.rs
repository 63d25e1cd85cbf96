//! Compares the table of properties with CloudFormation's own schemas, as listed in
//! `tests/schemas/properties.txt`.

use std::collections::{BTreeMap, BTreeSet};

use support::places::at;
use template::admitted::{Class, Judge, Place, TYPES, paths, place};
use template::properties::row_of;
use template::table::{POLICY_KEYS, PROPERTIES, REGION_KEYS};
use template::types::{INSIDE, outward};
use template::{Allow, Rule};

/// The properties of each type by their paths.
fn schemas() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(at("tests/schemas/properties.txt")).unwrap();
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let mut kind = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with("AWS::") {
            line.clone_into(&mut kind);
            types.entry(kind.clone()).or_default();
        } else {
            types.entry(kind.clone()).or_default().push_str(line);
        }
    }
    types.into_iter().map(|(kind, text)| (kind, paths(&text))).collect()
}

/// The paths of a row as written. A star marks each path that stands for everything beneath it.
fn written(kind: &str) -> BTreeSet<String> {
    let row = TYPES.iter().find(|row| row.kind == kind).unwrap();
    [row.harmless, row.own, row.judged, row.stops]
        .into_iter()
        .flat_map(paths)
        .map(|path| path.split(':').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn every_admitted_type_has_a_row_and_a_schema() {
    let rows: BTreeSet<&str> = TYPES.iter().map(|row| row.kind).collect();
    assert_eq!(rows.len(), TYPES.len(), "a type has two rows");
    let schemas = schemas();
    assert_eq!(rows, schemas.keys().map(String::as_str).collect::<BTreeSet<_>>(), "print the schemas anew");
    for kind in INSIDE {
        assert!(rows.contains(kind), "{kind} has no row");
    }
    for kind in rows {
        let is_a_right = outward(kind).is_some_and(|row| row.rule == Rule::Iam);
        assert!(INSIDE.contains(&kind) || is_a_right, "{kind} is not admitted");
    }
}

/// A new property of a schema must be judged before it can pass.
#[test]
fn the_table_and_the_schemas_name_the_same_properties() {
    let mut wrong = Vec::new();
    for (kind, properties) in schemas() {
        let rows = written(&kind);
        let stars: Vec<&str> = rows.iter().filter_map(|path| path.strip_suffix('*')).collect();
        let covered = |path: &str| stars.iter().any(|star| path.starts_with(&format!("{star}/")));
        for path in &properties {
            if !rows.contains(path) && !covered(path) {
                wrong.push(format!("{kind}.{path} is in no row"));
            }
        }
        for path in &rows {
            let known = match path.strip_suffix('*') {
                Some(star) => properties.iter().any(|of| of.starts_with(&format!("{star}/"))),
                None => properties.contains(path),
            };
            if !known {
                wrong.push(format!("{kind}.{path} is in no schema"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_property_is_in_two_rows() {
    for row in TYPES {
        let classes = row.classes();
        let names: BTreeSet<&String> = classes.iter().map(|(path, _)| path).collect();
        assert_eq!(names.len(), classes.len(), "{}", row.kind);
        for path in paths(row.judged) {
            let judge = path.split_once(':').map(|(path, _)| place(row.kind, path.trim_end_matches('*')));
            assert!(matches!(judge, Some(Some(Place::Of(Class::Judged(_))))), "{}: {path}", row.kind);
        }
    }
}

/// A property that a rule judges by name in any type is not harmless in an admitted type. It has a
/// judge that knows it.
#[test]
fn the_table_agrees_with_the_rules_by_name() {
    let mut wrong = Vec::new();
    for row in TYPES {
        for (path, class) in row.classes() {
            let key = path.rsplit('/').next().unwrap_or_default();
            let bad = |kind: &str| PROPERTIES.iter().any(|bad| bad.key == key && (bad.kind == kind));
            let by_name = row_of(key, row.kind).is_some()
                || bad("")
                || POLICY_KEYS.contains(&key)
                || REGION_KEYS.contains(&key)
                || key == "CidrIp";
            match class {
                // This is the name of the resource itself.
                Class::Harmless if key.ends_with("Name") && !path.contains('/') => {}
                Class::Harmless if by_name => {
                    wrong.push(format!("{}.{path} is judged by its name", row.kind));
                }
                Class::Judged(Judge::Value) if !bad("") && !bad(row.kind) => {
                    wrong.push(format!("{}.{path} has no judge", row.kind));
                }
                Class::Harmless | Class::Own | Class::Judged(_) | Class::Stops => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only properties that nobody judges can be allowed. Such a property never opens the network or
/// takes production data.
#[test]
fn only_properties_that_nobody_judges_can_be_allowed() {
    for row in TYPES {
        for (path, class) in row.classes() {
            let name = format!("{}.{}", row.kind, path.replace('/', "."));
            assert_eq!(Allow::read(&[&name]).is_ok(), class == Class::Stops, "{name}");
        }
    }
    for name in [
        "AWS::EC2::Instance.",
        "AWS::EC2::LaunchTemplate.LaunchTemplateData",
        "AWS::EC2::InternetGateway.Tags",
        "AWS::Batch::JobQueue.Tags",
        "AWS::RDS::DBInstance.Tags.Key",
    ] {
        assert!(Allow::read(&[name]).is_err(), "{name}");
    }
}
