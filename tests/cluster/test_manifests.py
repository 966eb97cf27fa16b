"""The manifests, held against the schemas that packages publish, against the programs they call, and one another.

Kubernetes' objects: the schemas in kubernetes-validate. Machines of AWS: EC2's model in botocore. `ray up`, the KubeRay
autoscaler and `ray start`: Ray itself. ray.io/v1: see `kuberay_fields`.
"""

import copy
import json
import re
import shlex
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import botocore.session
import jsonschema
import pytest
import ray.autoscaler
import typer
import yaml
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator
from click import UsageError
from kuberay_fields import KINDS, RAY_KINDS
from kubernetes_validate import ValidationError, utils, validate
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.dashboard.modules.job.cli import submit
from ray.scripts.scripts import start

from pipeline.cli.command import app

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "cluster" / "manifests"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
README = (MANIFESTS / "README.md").read_text()
WITH_PODS = ["raycluster.yaml", "rayjob.yaml", "update.yaml"]
ON_KUBERNETES = [*WITH_PODS, "serviceaccount.yaml", "podmonitor.yaml"]
ON_AWS = "ray-cluster.yaml"
VERSIONS = ["1.30", "1.37"]
SCHEMAS = cache(utils.schema_contents)
NAMED_BY_THE_USER = {
    "annotations",
    "available_node_types",
    "file_mounts",
    "labels",
    "limits",
    "matchLabels",
    "rayStartParams",
    "requests",
}
(TyperUsageError,) = typer.BadParameter.__bases__
REFUSED = (
    ValidationError,
    jsonschema.ValidationError,
    ParamValidationError,
    UsageError,
    TyperUsageError,
    KeyError,
    ValueError,
)


def manifest(name):
    return yaml.safe_load((MANIFESTS / name).read_text())


def ray_spec(name):
    spec = manifest(name)["spec"]
    return spec.get("rayClusterSpec", spec)


def groups(spec):
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def templates(name):
    if name == "update.yaml":
        return [manifest(name)["spec"]["jobTemplate"]["spec"]["template"]]
    return [group["template"] for group in groups(ray_spec(name))]


def containers(name):
    return [container for template in templates(name) for container in template["spec"]["containers"]]


def pod(spec):
    return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "any"}, "template": {"spec": spec}}


def autoscaled(name):
    """The kinds of machines that the KubeRay autoscaler reads from a cluster."""
    cluster = manifest(name)
    cluster["metadata"]["namespace"] = "any"
    return _derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]


def check_on_kubernetes(resource, version):
    if resource["kind"] not in KINDS:
        validate(resource, version, strict=True)
        return
    jsonschema.validate(resource, KINDS[resource["kind"]])
    if resource["kind"] not in RAY_KINDS:
        return
    spec = resource["spec"].get("rayClusterSpec", resource["spec"])
    autoscaler = {k: v for k, v in spec["autoscalerOptions"].items() if k in ("resources", "securityContext")}
    validate(pod({"containers": [{"name": "autoscaler", **autoscaler}]}), version, strict=True)
    for group in groups(spec):
        validate(pod({}) | {"template": group["template"]}, version, strict=True)
        check_ray_start([f"--{name}={value}" for name, value in group["rayStartParams"].items()])


@cache
def ray_schema():
    return json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())["properties"]


@cache
def machine_shape():
    return botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape


def check_on_aws(config):
    validate_config(prepare_config(copy.deepcopy(config)))
    # Ray's schema leaves these two open, for other providers and resources.
    jsonschema.validate(config["provider"], ray_schema()["provider"] | {"additionalProperties": False})
    for kind in config["available_node_types"].values():
        jsonschema.validate(kind["resources"], {"propertyNames": {"enum": ["CPU", "GPU"]}})
        machine = {"MinCount": 1, "MaxCount": 1, **kind["node_config"]}
        report = ParamValidator().validate(machine, machine_shape())
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())


def check(name, resource):
    check_on_aws(resource) if name == ON_AWS else check_on_kubernetes(resource, VERSIONS[-1])


def check_ray_start(words):
    start.make_context("ray start", words)


def misspelt(tree, path=()):
    """Where each field is, whose name is the schema's to say."""
    if isinstance(tree, list):
        for at, item in enumerate(tree):
            yield from misspelt(item, (*path, at))
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if not path or path[-1] not in NAMED_BY_THE_USER:
                yield (*path, key)
            yield from misspelt(value, (*path, key))


@pytest.fixture(autouse=True)
def schemas_read_once(monkeypatch):
    monkeypatch.setattr(utils, "schema_contents", SCHEMAS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ON_KUBERNETES)
def test_kubernetes_takes_it(name, version):
    check_on_kubernetes(manifest(name), version)


def test_ray_up_and_ec2_take_it():
    check_on_aws(manifest(ON_AWS))


@pytest.mark.parametrize("name", [*ON_KUBERNETES, ON_AWS])
def test_any_misspelt_field_is_refused(name):
    whole = manifest(name)
    paths = list(misspelt(whole))
    assert len(paths) > (20 if name in [*WITH_PODS, ON_AWS] else 4)
    for path in paths:
        broken = copy.deepcopy(whole)
        inside = broken
        for step in path[:-1]:
            inside = inside[step]
        inside[f"{path[-1]}s"] = inside.pop(path[-1])
        with pytest.raises(REFUSED):
            check(name, broken)
            pytest.fail(f"{name} passes with {'.'.join(map(str, path))} misspelt")


@pytest.mark.parametrize("broken", ["num_cpus", "numcpus", "object-store"])
def test_a_parameter_that_ray_start_lacks_is_refused(broken):
    cluster = manifest("raycluster.yaml")
    cluster["spec"]["headGroupSpec"]["rayStartParams"] = {broken: "0"}
    with pytest.raises(UsageError):
        check_on_kubernetes(cluster, VERSIONS[-1])


def test_the_autoscaler_sees_a_head_without_cpus_and_groups_that_begin_at_nothing():
    kinds = autoscaled("raycluster.yaml")
    assert kinds["headgroup"]["resources"]["CPU"] == 0
    assert "GPU" not in kinds["cpu"]["resources"]
    assert kinds["gpu"]["resources"]["GPU"] == 1
    assert {kinds[name]["min_workers"] for name in ("cpu", "gpu")} == {0}
    on_aws = manifest(ON_AWS)["available_node_types"]
    assert {name: kind["max_workers"] for name, kind in on_aws.items() if name != "head"} == {
        name: kinds[name]["max_workers"] for name in ("cpu", "gpu")
    }


def test_the_job_has_the_cluster_of_the_standing_one():
    assert ray_spec("rayjob.yaml") == ray_spec("raycluster.yaml")


@pytest.mark.parametrize("name", WITH_PODS)
def test_pods_get_what_they_ask_for_and_no_privilege(name):
    for container in containers(name):
        resources = container["resources"]
        assert resources["limits"] == resources["requests"]
        assert set(resources["limits"]) <= {"cpu", "memory", "nvidia.com/gpu"}
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert ("nvidia.com/gpu" in resources["limits"]) == container["image"].endswith("-gpu")
    for template in templates(name):
        assert template["spec"]["securityContext"]["runAsNonRoot"]
        assert template["spec"]["restartPolicy"] == "Never"


def test_images_versions_and_wheel_are_those_of_the_project():
    version = PROJECT["project"]["version"]
    image = "registry.example.com/idgbr"
    used = {container["image"] for name in WITH_PODS for container in containers(name)}
    assert used == {f"{image}:{version}-cpu", f"{image}:{version}-gpu"}
    assert set(re.findall(r"-t (\S+)", README)) == set(re.findall(r"docker push (\S+)", README)) == used
    wheels = set(re.findall(r"idgbr-[^/\s]+\.whl", (MANIFESTS / ON_AWS).read_text()))
    assert wheels == {f"idgbr-{version}-py3-none-any.whl"}
    assert ray_spec("raycluster.yaml")["rayVersion"] == PINNED["ray"]
    assert re.findall(r"ray\[default\]==([\d.]+)", README) == [PINNED["ray"]]


def test_secrets_come_from_the_cluster_and_are_made_as_the_page_says():
    spec = ray_spec("raycluster.yaml")
    environment = {one["name"]: one for one in containers("update.yaml")[0]["env"]}
    token = environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]
    assert spec["authOptions"] == {"mode": environment["RAY_AUTH_MODE"]["value"], "secretName": token["name"]}
    assert f"kubectl create secret generic {token['name']} --from-literal={token['key']}=" in README
    for group in groups(spec):
        (container,) = group["template"]["spec"]["containers"]
        place, keys = container["envFrom"]
        assert f"kubectl create configmap {place['configMapRef']['name']} --from-literal=AWS_REGION=" in README
        assert keys["secretRef"]["optional"]
        assert f"kubectl create secret generic {keys['secretRef']['name']} --from-literal=AWS_ACCESS_KEY_ID=" in README
        (volume,) = group["template"]["spec"]["volumes"]
        assert f"kubectl create configmap {volume['configMap']['name']} --from-file=region.yaml" in README
        assert "env" not in container


def test_pods_have_the_service_account_with_the_role_and_workers_no_rights_in_kubernetes():
    account = manifest("serviceaccount.yaml")["metadata"]
    role = account["annotations"]["eks.amazonaws.com/role-arn"]
    assert re.fullmatch(r"arn:aws:iam::ACCOUNT_ID:role/\w+", role)
    assert f"--name {account['name']} --role-name {role.rpartition('/')[2]} " in README
    head, *workers = [group["template"]["spec"] for group in groups(ray_spec("raycluster.yaml"))]
    assert {pod["serviceAccountName"] for pod in (head, *workers)} == {account["name"]}
    assert [pod["automountServiceAccountToken"] for pod in workers] == [False, False]


def command_lines():
    yield manifest("rayjob.yaml")["spec"]["entrypoint"].split()
    yield after(containers("update.yaml")[0]["command"])
    for line in README.replace("\\\n", "").splitlines():
        if line.startswith("ray job submit"):
            yield after(shlex.split(line))


def after(words):
    """What is submitted, once Ray has parsed the words before it."""
    assert words[:3] == ["ray", "job", "submit"]
    submit.make_context("submit", words[3:])
    return words[words.index("--") + 1 :]


def parsed(words, region):
    assert words[0] == "idgbr"
    verb = typer.main.get_command(app).commands[words[1]]
    return verb.make_context(words[1], [str(region) if word.endswith(".yaml") else word for word in words[2:]]).params


def test_every_idgbr_command_parses_and_finds_its_region(tmp_path):
    region = tmp_path / "region.yaml"
    region.touch()
    lines = list(command_lines())
    assert [words[1] for words in lines] == ["run", "update", "run"]
    (mount,) = containers("raycluster.yaml")[0]["volumeMounts"]
    places = {f"{mount['mountPath']}/region.yaml", *manifest(ON_AWS)["file_mounts"]}
    kinds = autoscaled("raycluster.yaml").values()
    room = {
        name: sum(kind["max_workers"] * kind["resources"].get(name, 0) for kind in kinds) for name in ("CPU", "GPU")
    }
    for words in lines:
        found = parsed(words, region)
        assert found["address"] == "auto"
        assert 1 <= found["workers"] * found["gpus"] <= room["GPU"]
        assert 1 <= found["workers"] + found["mosaic_workers"] <= room["CPU"]
        assert next(word for word in words if word.endswith(".yaml")) in places


@pytest.mark.parametrize("broken", ["idgbr run r.yaml --worker 8", "idgbr updates r.yaml", "idgbr run r.yaml s.yaml"])
def test_a_command_that_idgbr_lacks_is_refused(broken, tmp_path):
    with pytest.raises(REFUSED):
        parsed(broken.split(), tmp_path)


def test_the_schedule_calls_the_standing_cluster_and_forbids_two_at_once():
    spec = manifest("update.yaml")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    name, dashboard = manifest("raycluster.yaml")["metadata"]["name"], containers("raycluster.yaml")[0]["ports"][1]
    address = f"--address=http://{name}-head-svc:{dashboard['containerPort']}"
    assert containers("update.yaml")[0]["command"][3] == address


def test_the_commands_of_machines_parse_and_guard_ray_with_a_token():
    config = manifest(ON_AWS)
    started = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    for command in config["setup_commands"] + started:
        subprocess.run(["bash", "-n", "-c", command], check=True)
    for command in (command for command in started if "ray start" in command):
        assert {"RAY_AUTH_MODE=token", "RAY_USAGE_STATS_ENABLED=0"} <= set(command.split())
        check_ray_start(command.replace("$RAY_HEAD_IP", "10.0.0.1").partition("ray start ")[2].split())
    assert config["file_mounts"]["/home/ubuntu/.ray/auth_token"] == "~/.ray/auth_token"


def dockerfile():
    """Instructions and what follows them."""
    text = re.sub(r"^#.*\n", "", (MANIFESTS / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def of(instruction):
    return [rest for what, rest in dockerfile() if what == instruction]


def test_the_image_stands_on_a_pinned_python_and_is_not_root():
    (base,) = of("FROM")
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", base)
    *_, user = of("USER")
    assert int(user) > 0
    assert [what for what, _ in dockerfile()].index("USER") > max(
        at for at, (what, _) in enumerate(dockerfile()) if what == "RUN"
    )


def test_the_image_is_made_of_what_the_repository_has_and_the_project_needs():
    sources = {source for line in of("COPY") for source in line.split()[:-1]}
    assert all((ROOT / source).exists() for source in sources)
    packages = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    project = PROJECT["project"]
    assert sources == packages | {"pyproject.toml", "constraints.txt", project["readme"], *project["license-files"]}


def test_the_image_installs_an_extra_of_the_project_within_the_constraints():
    (line,) = [line for line in of("RUN") if "pip install" in line]
    words = shlex.split(line)
    assert re.fullmatch(r"\.\[(\w+)\]", words[-1])[1] in PROJECT["project"]["optional-dependencies"]
    assert words[words.index("--constraint") + 1] == "constraints.txt"
    assert words[words.index("--extra-index-url") + 1] == "$TORCH_INDEX"
    assert [name.partition("=")[0] for name in of("ARG")] == ["TORCH_INDEX"]
    assert "--build-arg TORCH_INDEX=" in README


def test_the_image_has_no_secret_and_what_wheels_and_probes_take_from_the_system():
    (installed,) = [line for line in of("RUN") if "apt-get" in line]
    assert {"libexpat1", "wget"} <= set(installed.split())
    assert any("RAY_USAGE_STATS_ENABLED=0" in line.split() for line in of("ENV"))
    assert not re.search(r"token|secret|password|access_key", (MANIFESTS / "Dockerfile").read_text(), re.IGNORECASE)


def test_every_manifest_is_on_the_page_and_in_the_package():
    files = {path.name for path in MANIFESTS.iterdir() if path.name != "README.md"}
    assert files == set(re.findall(r"^\| \[(\S+)\]\(\1\)", README, flags=re.MULTILINE))
    shipped = PROJECT["tool"]["setuptools"]["package-data"]["cluster"]
    assert set(MANIFESTS.iterdir()) <= {path for pattern in shipped for path in (ROOT / "cluster").glob(pattern)}
