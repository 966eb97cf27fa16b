"""The PodMonitor and the dashboard, held against the metrics that the exporter of a Ray exposes."""

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from ray.dashboard.modules.reporter.reporter_agent import METRICS_GAUGES

from cluster import Gauges
from pipeline.execution.metrics import DESCRIPTIONS

MANIFESTS = Path(__file__).parents[2] / "cluster" / "manifests"
DASHBOARD = json.loads((MANIFESTS / "dashboard.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
QUERIES = [*EXPRESSIONS, *(VARIABLES[name]["query"] for name in ("region", "run"))]
OF_RUNS = {f"ray_{name}" for name in DESCRIPTIONS}
OF_NODES = {f"ray_{name}" for name in METRICS_GAUGES}
LABELS = {"of", "region", "run"}


def names(query):
    """All names in a query but those of labels, functions and variables."""
    rest = re.sub(r"\{[^}]*\}|\bby \([^)]*\)", " ", query)
    rest = re.sub(r"label_values\((.*), \w+\)", r"\1", rest)
    return set(re.findall(r"[a-zA-Z_]\w*", rest)) - {"max"}


def labels(query):
    inside = re.findall(r"\{([^}]*)\}", query)
    return (
        {name for part in inside for name in re.findall(r"(\w+)=~", part)}
        | {name for part in re.findall(r"\bby \(([^)]*)\)", query) for name in part.split(", ")}
        | set(re.findall(r"label_values\(.*, (\w+)\)", query))
    )


def test_every_metric_of_the_dashboard_is_exported_and_every_one_of_a_run_is_on_it():
    shown = set().union(*map(names, QUERIES))
    assert shown <= OF_RUNS | OF_NODES
    assert shown >= OF_RUNS


def test_what_is_shown_of_runs_is_told_apart_by_region_and_run():
    for expression in EXPRESSIONS:
        found = labels(expression)
        assert found <= LABELS | {"ip", "GpuIndex"}
        if names(expression) & OF_RUNS:
            assert found >= {"region", "run"}
            assert names(expression) <= OF_RUNS


def test_the_dashboard_can_be_imported():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) == {*VARIABLES, "__all"}
    for panel in panels:
        for target in panel["targets"]:
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels(target["expr"])


def test_the_monitor_selects_the_pods_of_ray_by_their_port_of_metrics():
    monitor = yaml.safe_load((MANIFESTS / "podmonitor.yaml").read_text())["spec"]
    assert monitor["selector"] == {"matchLabels": {"ray.io/is-ray-node": "yes"}}  # set by KubeRay
    (endpoint,) = monitor["podMetricsEndpoints"]
    cluster = yaml.safe_load((MANIFESTS / "raycluster.yaml").read_text())["spec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports[endpoint["port"]] == 8080  # KubeRay's --metrics-export-port
        assert "metrics-export-port" not in group["rayStartParams"]


@pytest.mark.ray
@pytest.mark.long
def test_the_exporter_of_a_ray_has_every_metric_and_label_of_the_dashboard(local_ray):
    import ray

    gauges = Gauges(DESCRIPTIONS, {"region": "bavaria", "run": "abc"})
    (node,) = ray.nodes()
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    begun, found = time.monotonic(), {}
    while not set(found) >= OF_RUNS and time.monotonic() - begun < 90:
        for name in DESCRIPTIONS:
            gauges.set(name, 1.0, "mosaic")
        time.sleep(1)
        lines = urllib.request.urlopen(url, timeout=10).read().decode().splitlines()
        found = {line.partition("{")[0]: set(re.findall(r'(\w+)="', line)) for line in lines if "{" in line}
    for query in QUERIES:
        for name in names(query) - {"ray_node_gpus_utilization"}:
            assert found[name] >= labels(query), name
