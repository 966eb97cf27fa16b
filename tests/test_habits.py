"""The files at the top level agree with each other: version, citation, pre-commit, Makefile, constraints."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import idgbr
import pipeline

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("catalogs", "cluster", "idgbr", "pipeline")


def test_the_version_is_that_of_the_metadata():
    assert idgbr.__version__ == pipeline.__version__ == version("idgbr")


def test_the_citation_names_this_version_and_has_the_keys_of_the_format():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version("idgbr") == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


def test_pre_commit_runs_what_make_lint_runs():
    recipe = re.search(r"^lint:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == recipe.replace("$(BIN)", ".venv/bin").replace("\t", "").splitlines()


def test_every_target_of_make_is_phony():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w-]*):", text, re.M))
    assert targets == set(re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split())


def test_every_dependency_is_pinned_within_its_range():
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    pins = {re.sub(r"[-_.]+", "-", name).lower(): pin for name, pin in pins.items()}
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(line for lines in project["optional-dependencies"].values() for line in lines),
    ]
    for requirement in map(Requirement, wanted):
        if requirement.name != project["name"]:
            assert requirement.specifier.contains(pins[re.sub(r"[-_.]+", "-", requirement.name).lower()]), requirement


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed_and_ships_the_mark(package):
    assert (ROOT / package / "py.typed").read_text() == ""
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"][package]


def test_a_version_costs_no_heavy_import():
    code = (
        "import idgbr as i, pipeline as p, sys; i.__version__, p.__version__; print({'torch', 'zarr'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
