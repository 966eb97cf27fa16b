"""What the verbs print for people: lines and tables without a Python repr. The values are those of `--json`."""

import json
import shutil
import sys

import pytest
import yaml
from messages import REPR

from pipeline import cli
from pipeline.cli import command


@pytest.fixture(scope="module")
def files(undisturbed, tmp_path_factory):
    """A region file and a copy of its cube."""
    folder = tmp_path_factory.mktemp("screens")
    region = undisturbed[0]
    shutil.copytree(region.cube, folder / "cube")
    content = yaml.safe_load((region.cube.parent / "region.yaml").read_text()) | {"cube": "cube"}
    (folder / "region.yaml").write_text(yaml.safe_dump(content))
    return folder / "region.yaml", folder / "cube"


@pytest.fixture
def screen(files, monkeypatch, capsys):
    """A function that runs a verb in this process and gives what it prints."""

    def printed(*arguments):
        names = {"REGION": str(files[0]), "CUBE": str(files[1])}
        monkeypatch.setattr(sys, "argv", ["idgbr", *(names.get(argument, argument) for argument in arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output = capsys.readouterr()
        assert ended.value.code == 0, output.err
        return output.out

    return printed


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "REGION"),
        ("plan", "REGION", "--price-per-worker-hour", "2.5"),
        ("run", "REGION", "--address", "none"),
        ("status", "CUBE"),
        ("history", "CUBE"),
        ("query", "CUBE", "--point", "12.0,48.5"),
        ("diff", "CUBE", "newest", "newest"),
        ("tag", "CUBE", "a-tag"),
        ("prune", "CUBE", "--keep", "1", "--dry-run"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_no_screen_shows_a_python_repr(screen, arguments):
    printed = screen(*arguments)
    assert printed.strip()
    assert not REPR.search(printed), printed


def test_the_screen_of_a_plan_says_what_its_json_says(screen):
    plan, printed = json.loads(screen("plan", "REGION", "--json")), screen("plan", "REGION")
    kinds = plan["blocks"]
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert f"run {plan['run']}" in lines
    assert f"blocks {kinds['new']} new, {kinds['changed']} changed, {kinds['same']} same" in lines
    assert any(line.startswith("estimate mosaic seconds 0") for line in lines)


def test_the_screen_of_a_query_says_what_its_json_says(screen):
    arguments = "query", "CUBE", "--point", "12.0,48.5"
    (period,) = json.loads(screen(*arguments, "--json"))["periods"]
    lines = [" ".join(line.split()) for line in screen(*arguments).splitlines()]
    assert f"class {period['class']} (code {period['landcover']})" in lines
    assert f"reflectance nir {period['reflectance']['nir']:.4f}" in lines


def test_the_command_prints_its_version(screen):
    from importlib.metadata import version

    assert screen("--version") == f"{version('idgbr')}\n"


def test_a_completion_script_is_printed(screen, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "complete" in screen("--show-completion", "bash")


@pytest.mark.parametrize(("module", "extra"), [("matplotlib", "demo"), ("ray", "map"), ("rasterio.errors", "map")])
def test_a_missing_module_names_the_extra_that_has_it(monkeypatch, capsys, module, extra):
    def fail(**_):
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(command, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert f"pip install 'idgbr[{extra}]'" in capsys.readouterr().err
