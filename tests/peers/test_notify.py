"""Shows metrics and traces to programs that are not ours: the parser of Prometheus's own client, its
promtool, and a collector of OpenTelemetry. tests/twin/notify.rs compares the golden files with what the program writes.
"""

import json
import math
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
GOLDEN = HERE.parent / "golden"


def checkers():
    found = subprocess.run([HERE / "setup", "--find-checkers"], capture_output=True, text=True)
    if found.returncode:
        raise AssertionError(found.stderr)
    return pathlib.Path(found.stdout.strip())


def golden(path):
    """A golden file without the head that insta writes."""
    return (GOLDEN / path).read_text().split("---\n", 2)[2]


PARSE = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value, s.timestamp] for s in f.samples]]
                  for f in families]))
"""


def parsed(text):
    done = subprocess.run(
        [checkers() / "python", "-c", PARSE], input=text, capture_output=True, text=True
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


METRICS = ("passed", "failed", "store")


def promtool(*arguments, **more):
    return subprocess.run([checkers() / "promtool", *arguments], capture_output=True, text=True, **more)


class Metrics(unittest.TestCase):
    def test_promtool_finds_no_fault(self):
        for name in METRICS:
            done = promtool("check", "metrics", input=golden(f"metrics/{name}.snap"))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), name)
        # It would say so.
        done = promtool("check", "metrics", input="# TYPE x_total gauge\nx_total 1\n")
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_prometheus_takes_its_configuration_from_the_documents(self):
        [text] = re.findall(r"```yaml file=prometheus.yml\n(.*?)```", (ROOT / "docs/notify.md").read_text(), re.S)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "prometheus.yml")
            path.write_text(text)
            done = promtool("check", "config", "--syntax-only", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("credentials_file", text)

    def test_prometheus_reads_them(self):
        for name in METRICS:
            families = parsed(golden(f"metrics/{name}.snap"))
            self.assertGreater(len(families), 15)
            seen = set()
            for family, kind, documentation, samples in families:
                self.assertEqual(kind, "gauge")
                self.assertTrue(documentation.endswith("."), family)
                self.assertTrue(samples, f"{family} has no sample")
                for sample, labels, value, at in samples:
                    self.assertIsNone(at, "node_exporter refuses a time stamp")
                    self.assertFalse(math.isnan(value))
                    if "on" in labels:
                        self.assertEqual(labels["simulated"], str(labels["on"] == "twin").lower())
                    key = (sample, tuple(sorted(labels.items())))
                    self.assertNotIn(key, seen, "a sample stands twice")
                    seen.add(key)

    def test_hostile_labels_are_whole(self):
        label = 'a"} 1\nb\\\u00fc'
        escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        [[_, _, _, [[_, labels, _, _]]]] = parsed(f'x{{a="{escaped}"}} 1\n')
        self.assertEqual(labels["a"], label)

    def test_the_dashboard_asks_for_what_there_is(self):
        dashboard = json.loads((ROOT / "packaging/grafana/drillmaster.json").read_text())
        known = {family[0] for name in METRICS for family in parsed(golden(f"metrics/{name}.snap"))}
        asked = set()
        for panel in dashboard["panels"]:
            self.assertTrue(panel["title"] and panel["description"])
            for target in panel["targets"]:
                asked |= set(re.findall(r"drillmaster_\w+", target["expr"]))
        self.assertGreater(len(asked), 8)
        self.assertLessEqual(asked, known)
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


class Traces(unittest.TestCase):
    def test_a_collector_takes_them(self):
        traces = golden("traces/failed.snap").encode()
        spans = json.loads(traces)["resourceSpans"][0]["scopeSpans"][0]["spans"]
        [agent] = checkers().parent.glob("lib/python*/site-packages/rotel/rotel-agent")
        with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "w+") as log:
            grpc, http = free_port(), free_port()
            command = [agent, "start", "--exporter", "blackhole", "--debug-log", "traces"]
            command += ["--debug-log-verbosity", "detailed", "--pid-file", f"{folder}/pid"]
            command += ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--otlp-http-endpoint", f"127.0.0.1:{http}"]
            collector = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            try:
                wait(lambda: socket.create_connection(("127.0.0.1", http)).close() or True)
                request = urllib.request.Request(
                    f"http://127.0.0.1:{http}/v1/traces", traces, {"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(request) as answer:
                    self.assertFalse(json.load(answer).get("partialSuccess"))
                seen = wait(lambda: whole(folder, len(spans)))
            finally:
                collector.kill()
                collector.wait()
        for span in spans:
            self.assertRegex(seen, rf"ID +: {span['spanId']}\n +Name +: {re.escape(span['name'])}\n")
            self.assertIn(f"Start time: {span['startTimeUnixNano']}\nEnd time: {span['endTimeUnixNano']}", seen)
        self.assertEqual(seen.count("drillmaster.simulated: Bool(true)"), len(spans))
        self.assertEqual(seen.count(f"Trace ID       : {spans[0]['traceId']}"), len(spans))
        failed = sum(span["status"].get("code") == 2 for span in spans)
        self.assertGreater(failed, 0)
        self.assertEqual(seen.count("STATUS_CODE_ERROR"), failed)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def whole(folder, spans):
    text = pathlib.Path(folder, "log").read_text()
    return text if text.count("    Status code    :") == spans else None


def wait(ready, limit=120):
    """Waits for a condition."""
    end = time.monotonic() + limit
    while True:
        try:
            found = ready()
        except OSError:
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("the collector is not ready")
        time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
