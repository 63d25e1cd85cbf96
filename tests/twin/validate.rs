//! Every broken playbook of `tests/corpus` gives exactly the diagnostics in the file beside it.

use std::path::{Path, PathBuf};

use engine::actions::CATALOGUE;
use playbook::load;
use support::golden;
use support::places::at;

fn corpus() -> Vec<PathBuf> {
    let folder = at("tests/corpus");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// The output of `drillmaster validate`, with paths relative to the corpus.
fn diagnostics(path: &Path) -> String {
    let found = match load(path, CATALOGUE, &[]) {
        Ok(loaded) => loaded.diagnostics,
        Err(found) => found,
    };
    let folder = format!("{}/", path.parent().unwrap().display());
    found.render(false).replace(&folder, "")
}

#[test]
fn every_broken_playbook_gives_its_diagnostics() {
    let mut wrong = Vec::new();
    let files = corpus();
    golden::none_is_left_over(&at("tests/corpus"), &["yaml"]);
    assert!(files.len() >= 60, "only {} files", files.len());
    for path in files {
        let found = diagnostics(&path);
        if found.is_empty() {
            wrong.push(format!("{} passes", path.display()));
            continue;
        }
        wrong.extend(golden::beside(&path, &found));
    }
    assert!(wrong.is_empty(), "{} differ from their golden files:\n{}", wrong.len(), wrong.join("\n"));
}

fn samples() -> Vec<PathBuf> {
    let folder = at("tests/samples");
    ["region-loss.yaml", "az-loss.yaml", "account-loss.yaml"].map(|name| folder.join(name)).into()
}

#[test]
fn the_samples_are_right() {
    for path in samples() {
        assert_eq!(
            load(&path, CATALOGUE, &[]).map(|loaded| loaded.diagnostics.render(false)),
            Ok(String::new())
        );
    }
}

/// A value from the command line replaces the playbook's own value and must have its type.
#[test]
fn parameters_are_overridden() {
    let path = &samples()[0];
    let given = |name: &str, value: &str| load(path, CATALOGUE, &[(name.to_owned(), value.to_owned())]);
    let loaded = given("db_class", "1e3").unwrap();
    assert_eq!(loaded.playbook.params["db_class"], "1e3");
    let found = given("db_clas", "x").unwrap_err().render(false);
    assert_eq!(
        found,
        "command line:1:9: error: the playbook has no parameter `db_clas`\n 1 | --param db_clas=x\n   |         ^^^^^^^\n   help: did you mean `db_class`?\n"
    );
    let text = std::fs::read_to_string(path)
        .unwrap()
        .replace("db_class: db.t4g.medium", "db_class: db.t4g.medium, n: 3, flag: true");
    let text =
        text.replace("\"{{ params.db_class }}\"", "\"{{ params.db_class }}{{ params.n }}{{ params.flag }}\"");
    let given = |name: &str, value: &str| {
        playbook::load::load_bytes(path, text.as_bytes(), CATALOGUE, &[(name.to_owned(), value.to_owned())])
    };
    assert_eq!(given("n", "4").unwrap().playbook.params["n"], 4);
    assert!(given("n", "four").unwrap_err().render(false).contains("another type"));
    assert_eq!(given("flag", "false").unwrap().playbook.params["flag"], false);
    assert!(given("flag", "no").is_err());
}

/// Our own checks enforce the schemas, so they must understand every keyword of them.
#[test]
fn no_keyword_of_the_schemas_is_ignored() {
    use playbook::schema::{arguments_schema, base_schema};
    use yaml::Schema;
    let estate = estate::load::estate_schema();
    for schema in [base_schema(CATALOGUE), estate]
        .into_iter()
        .chain(CATALOGUE.0.iter().map(|decl| arguments_schema(decl)))
    {
        assert_eq!(Schema::compile(&schema).unknown, [""; 0]);
    }
}

/// The schema for editors describes the arguments of every action. It refers only to names that it
/// defines.
#[test]
fn the_editor_schema_is_whole() {
    let schema = playbook::schema::playbook_schema(CATALOGUE);
    let text = schema.to_string();
    for decl in CATALOGUE.0 {
        assert!(text.contains(&format!("{{\"const\":\"{}\"}}", decl.name)), "{}", decl.name);
    }
    for part in text.split("\"$ref\":\"#").skip(1) {
        let target = part.split('"').next().unwrap();
        assert!(schema.pointer(target).is_some(), "{target}");
    }
}

/// CloudFormation takes 51,200 bytes in a request. A longer template is reported before anything is
/// touched.
#[test]
fn a_template_that_is_too_long_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = at("tests/corpus");
    let playbook = std::fs::read_to_string(corpus.join("cidr-no-room.yaml")).unwrap();
    let playbook = playbook
        .replace("10.66.0.0/26, azs: 5", "10.66.0.0/16, azs: 2")
        .replace("estate: side/estate.yaml\n", "");
    let playbook = playbook.replace(
        "\nchecks:",
        "  - { id: stack, uses: cloudformation.deploy, workload: orders, with: { name: x, template: big.yaml } }\n\nchecks:",
    );
    let path = folder.path().join("playbook.yaml");
    std::fs::write(&path, playbook).unwrap();
    for (bytes, refused) in [(51_200, false), (51_201, true)] {
        std::fs::write(folder.path().join("big.yaml"), "#".repeat(bytes)).unwrap();
        let found = diagnostics(&path);
        let told =
            found.contains("the template `big.yaml` has 51201 bytes, and CloudFormation takes 51200 at most");
        assert_eq!(told, refused, "{found}");
        assert!(!told || found.contains("playbook.yaml:"), "{found}");
    }
}

/// A device has no end, and a pipe may have no writer. Neither is read for ever.
#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = at("tests/corpus");
    let playbook = std::fs::read_to_string(corpus.join("cidr-no-room.yaml")).unwrap();
    let path = folder.path().join("playbook.yaml");
    std::fs::write(&path, playbook.replace("estate: side/estate.yaml", "estate: /dev/zero")).unwrap();
    let found = diagnostics(&path);
    assert!(found.contains("it is a pipe or a device, and no file"), "{found}");
    let found = diagnostics(std::path::Path::new("/dev/zero"));
    assert!(found.contains("has more than 32 MiB"), "{found}");
    let step = "  - { id: stack, uses: cloudformation.deploy, workload: orders, with: { name: x, template: /dev/zero } }\n\nchecks:";
    std::fs::write(&path, playbook_with(&corpus, step)).unwrap();
    let found = diagnostics(&path);
    assert!(found.contains("it is a pipe or a device, and no file"), "{found}");
}

#[cfg(unix)]
fn playbook_with(corpus: &std::path::Path, step: &str) -> String {
    let playbook = std::fs::read_to_string(corpus.join("cidr-no-room.yaml")).unwrap();
    playbook.replace("estate: side/estate.yaml\n", "").replace("\nchecks:", step)
}
