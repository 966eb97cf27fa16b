"""Markdown pages: links lead somewhere, examples load; verbs, flags, keys, arrays and names are those of the code."""

import pkgutil
import re
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
import zarr
from hooks import references

from pipeline.cli.command import app
from pipeline.config.region import Region
from pipeline.config.region_file import load
from pipeline.config.sections import GateSettings, MosaicSettings
from pipeline.cube.create import add_period
from pipeline.cube.schema import Layout
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.training.change_recipe import ChangeRecipe
from pipeline.training.ddpm_recipe import DDPMRecipe
from pipeline.training.recipe import Recipe, load_as

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path for glob in ("*.md", "docs/*.md", "cluster/**/*.md", "idgbr/weights/**/*.md") for path in ROOT.glob(glob)
)
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in PAGES}
MADE = references()
"""Pages of the site that are no files: `make docs` checks the links into them."""
CURRENT = [name for name in TEXTS if name != "CHANGELOG.md"]
"""The changelog also has names of the past."""


def fences(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def inline(text):
    return re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(text):
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text):
    """The words of each `idgbr ...` in blocks and in running text, without its comment."""
    lines = [line for block in fences(text, "(?:sh)?") for line in block.replace("\\\n", "").splitlines()]
    for line in [*lines, *(" ".join(words.split()) for words in inline(text))]:
        if match := re.search(r"(?:^|-- )(idgbr [a-z].*)", line):
            yield shlex.split(match[1], comments=True)[1:]


def verb_of(words):
    """The command that words name; KeyError where there is none."""
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        command = command.commands[words[0]]
        words = words[1:]
    return command


def flags(command):
    return {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def all_flags(command):
    inner = getattr(command, "commands", {}).values()
    return flags(command).union(*map(all_flags, inner))


def test_there_are_pages():
    assert {"README.md", "CHANGELOG.md", "docs/design.md", "docs/operating.md", "docs/mosaics.md"} <= set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_files_and_headings_that_are_there(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if re.match(r"[a-z]+://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        if file.is_relative_to(ROOT / "docs") and str(file.relative_to(ROOT / "docs")) in MADE:
            continue
        assert file.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in anchors(file.read_text()), f"{name} links to {target}"


@pytest.mark.parametrize("name", CURRENT)
def test_verbs_and_their_flags_exist(name):
    for words in commands(TEXTS[name]):
        known = flags(verb_of(words))
        unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - known
        assert not unknown, f"{name}: idgbr {' '.join(words)}"


@pytest.mark.parametrize("name", CURRENT)
def test_flags_named_alone_exist(name):
    named = {words.split()[0].partition("=")[0] for words in inline(TEXTS[name]) if words.startswith("--")}
    assert named <= all_flags(typer.main.get_command(app)), name


@pytest.mark.parametrize("name", CURRENT)
def test_make_targets_exist(name):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:^|`)(?:[A-Z]+=\S+ )*make ([a-z-]+)", TEXTS[name], re.MULTILINE)
    assert set(named) <= set(targets), name


def complete(part):
    """A region file or recipe with a part of one, as pages show it that explain one key."""
    (key,) = part
    page = "docs/change.md" if key == "areas" else "docs/tutorial.md"
    return next(yaml.safe_load(block) for block in fences(TEXTS[page], "yaml")) | part


def recipe_kind(content):
    if content["areas"]["kind"] in ("pairs", "simulated-pairs"):
        return ChangeRecipe
    return DDPMRecipe if content["areas"]["kind"] in ("cube", "scenes", "images") else Recipe


@pytest.mark.parametrize("name", CURRENT)
def test_region_files_and_recipes_load(name, tmp_path):
    path = tmp_path / "example.yaml"
    for block in fences(TEXTS[name], "yaml"):
        content = yaml.safe_load(block)
        if not {"name", "title"} & set(content):
            content = complete(content)
        path.write_text(yaml.safe_dump(content))
        if "title" in content:
            kind: Any = recipe_kind(content)
            assert load_as(kind, path).title == content["title"]
        else:
            assert load(str(path)).name == content["name"]


def test_all_keys_of_a_region_file_are_on_the_page_and_no_others():
    table = TEXTS["docs/mosaics.md"].split("## Keys of a region file")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:4]] for row in table.splitlines() if row.startswith("| `")]
    named = [key for names, _, _ in rows for key in re.findall(r"`([\w.]+)`", names)]
    keys = [key for key in Region.model_fields if key != "mosaic"]
    assert sorted(named) == sorted([*keys, *(f"mosaic.{key}" for key in MosaicSettings.model_fields)])
    defaults = {names.strip("`"): default for names, _, default in rows}
    for key in ("max_cloud", "min_clear_share", "max_degraded", "commit_every"):
        assert float(defaults[key]) == Region.model_fields[key].default, key


def test_the_gates_and_their_limits_are_on_the_page():
    rows = re.findall(r"^\| `(max_\w+)` \|.*\| ([\d.]+) \|$", TEXTS["docs/operating.md"], re.MULTILINE)
    assert {key: float(limit) for key, limit in rows} == {
        key: field.default for key, field in GateSettings.model_fields.items()
    }


COORDINATES = {"time", "time_bnds", "y", "x", "spatial_ref"}


def test_all_arrays_of_a_cube_are_on_the_page():
    group = zarr.create_group(store={})
    row = {"code": 1, "name": "one", "color": "#000000"}
    layout = Layout(Extent(Grid("EPSG:3035", 10, 256), Window(0, 0, 1024, 256), None), ("red",), (row,))
    add_period(group, layout, (date(2024, 5, 1), date(2024, 5, 2)))
    named = {re.sub(r" \(.*", "", text) for text in inline(TEXTS["docs/operating.md"])}
    for path, _ in group.members(max_depth=None):
        if isinstance(group[path], zarr.Array):
            generic = re.sub(r"^[1-9]\d*/", "N/", path.removeprefix("0/"))
            assert generic in named or generic.removeprefix("N/") in COORDINATES & named, path


@pytest.mark.parametrize("name", CURRENT)
def test_modules_and_functions_exist(name):
    for text in inline(TEXTS[name]):
        if match := re.fullmatch(r"((?:idgbr|pipeline|cluster|catalogs)(?:\.[A-Za-z_]\w*)+)(?:\(.*\))?", text):
            assert pkgutil.resolve_name(match[1]) is not None, f"{name}: {text}"


def test_python_examples_compile_and_import_what_there_is():
    for name in CURRENT:
        for block in fences(TEXTS[name], "python"):
            compile(block, name, "exec")
            for line in re.findall(r"^(?:from|import) .*$", block, re.MULTILINE):
                exec(line, {})


def test_what_is_missing_is_seen():
    with pytest.raises(KeyError):
        verb_of(["paint", "cube"])
    assert list(commands("see `idgbr  plan\nregion.yaml --price 2`")) == [["plan", "region.yaml", "--price", "2"]]
    assert "--prise" not in all_flags(typer.main.get_command(app))
    assert anchors("## Gates: before `publication`") == {"gates-before-publication"}
