"""What every verb prints with `--json` is as its schema in docs/json-schemas.json says. Covers edited."""

import json
import shutil
from dataclasses import dataclass, replace

import pytest
import typer
import yaml
import zarr
from command import run_here
from json_schemas import FILE, check_json
from messages import REPR
from results import VERBS, results_page, schemas, told

from pipeline.cli.command import app
from pipeline.cube import versions
from pipeline.cube.cube import Cube

COMMANDS = {
    "status": "status cube",
    "history": "history cube",
    "check": "check cube",
    "query": "query cube --point 12.007,48.5045",
    "plan": "plan region.yaml",
    "run": "run region.yaml --address none",
    "update --dry-run": "update region.yaml --dry-run",
    "tag": "tag cube kept",
    "rollback": "rollback cube previous",
    "prune": "prune cube --keep 5 --dry-run",
    "diff": "diff cube previous newest",
    "export": "export cube --zarr out.zarr",
    "stats": "stats cube --zones zones.geojson",
    "stats --from-period, --from-version": "stats cube --zones zones.geojson --from-version previous",
    "reduce": "reduce fractions cube --pixels 64 --out fractions.tif",
    "sample": "sample cube --points 20 --minimum 2 --out sample.csv",
}
"""In this order, in one folder."""
WRITING = {"tag", "rollback", "export", "reduce", "sample"}
"""Those that refuse to do the same twice."""
ELSEWHERE = {
    "accuracy": "cli/test_sample.py",
    "demo": "demo/test_first_act.py",
    "demo --second-act": "demo/test_second_act.py",
    "detect-change": "change/test_detect.py",
    "discard": "execution/test_held.py",
    "evaluate": "training/test_evaluate.py",
    "evaluate --model CHANGE-MODEL": "training/test_train_change.py",
    "init": "test_init.py",
    "join": "cli/test_join.py",
    "predict": "prediction/test_predict.py",
    "publish": "execution/test_held.py",
    "update": "execution/test_update.py",
    "update --suggest-threshold": "change/test_threshold.py",
}
"""Verbs that need more than a small cube: their tests hold them against the same schemas."""
SQUARE = [[12.0, 48.5], [12.012, 48.5], [12.012, 48.508], [12.0, 48.508], [12.0, 48.5]]


def verbs(command, name=()):
    for word, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, (*name, word))
    if any("--json" in parameter.opts for parameter in command.params):
        yield name


def test_every_verb_with_json_has_a_schema_and_a_test_of_it():
    assert {name[0] for name in verbs(typer.main.get_command(app))} == {verb.split()[0] for verb in VERBS}
    assert {*COMMANDS, *ELSEWHERE} == VERBS.keys()


@pytest.fixture(scope="module")
def made():
    return schemas()


def test_the_schemas_in_the_tree_are_those_of_the_dataclasses(made):
    assert json.loads(FILE.read_text()) == made, "--json has changed; tell it in CHANGELOG.md and make schemas"


def test_every_verb_prints_what_its_schema_says_and_no_python_repr_for_people(undisturbed, tmp_path):
    region = undisturbed[0]
    shutil.copytree(region.cube, tmp_path / "cube")
    content = yaml.safe_load((region.cube.parent / "region.yaml").read_text()) | {"cube": "cube"}
    (tmp_path / "region.yaml").write_text(yaml.safe_dump(content))
    zone = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
    (tmp_path / "zones.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [zone]}))
    publish_again(Cube.open(tmp_path / "cube"))
    for verb, line in COMMANDS.items():
        arguments = line.split()
        done = run_here(*arguments, "--json", folder=tmp_path)
        assert done.returncode == 0, (verb, done.stderr)
        check_json(arguments, json.loads(done.stdout))
    for verb in COMMANDS.keys() - WRITING:
        done = run_here(*COMMANDS[verb].split(), folder=tmp_path)
        assert done.returncode == 0, (verb, done.stderr)
        assert not REPR.search(done.stdout), done.stdout


def publish_again(cube):
    """Makes a second version of the same map."""
    base = versions.start_branch(cube, "run-again")
    session = cube.repository.writable_session("run-again")
    zarr.open_group(session.store).attrs["again"] = True
    session.commit("again")
    versions.publish(cube, "run-again", base, replace(versions.origin_of(cube, base), run="again"))


@dataclass(frozen=True)
class Lens:
    """What a camera looks through. focal, depth (mm): lengths."""

    focal: int
    depth: int | None


@dataclass(frozen=True)
class Zoom(Lens):
    """A lens that changes.

    least: None where it is fixed; and most: the end.

    It needs light.
    """

    least: int | None
    most: int


def test_meanings_are_those_of_the_docstring_and_of_inherited_fields():
    description, meanings = told(Zoom)
    assert description == "A lens that changes. It needs light."
    assert meanings == {
        "focal": "lengths",
        "depth": "lengths",
        "least": "null where it is fixed",
        "most": "the end",
    }


def test_a_result_without_a_description_is_refused():
    with pytest.raises(ValueError, match="Bare has no docstring that says what it is"):
        told(dataclass(type("Bare", (), {"__annotations__": {"width": int}})))


def test_the_page_has_every_verb_and_key(made):
    page = results_page()
    for verb in VERBS:
        assert f"| `{verb}` | " in page
    keys = [key for schema in made["$defs"].values() for key in schema["properties"]]
    assert page.count("\n| `") == len(VERBS) + len(keys)
