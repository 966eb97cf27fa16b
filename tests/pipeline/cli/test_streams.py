"""Output that is closed, full or of another encoding, failures of the system and of libraries: one sentence each."""

import io
import json
import os
import pickle
import sys
from pathlib import Path

import icechunk
import pytest
import typer
from command import run_here

from pipeline import cli
from pipeline.cli import command, streams
from pipeline.cube.store import create_repository, find_repository
from pipeline.errors import RunError


@pytest.fixture
def idgbr(monkeypatch, capsys):
    """A function that runs the command in this process: its exit code and its lines on standard error."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["idgbr", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, [line for line in capsys.readouterr().err.splitlines() if line.strip()]

    return call


def test_a_full_output_is_told(idgbr, monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, (line,) = idgbr("--version")
    assert code == 1
    assert "No space left on device" in line


def test_an_output_that_nobody_reads_ends_the_command_in_silence(idgbr, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert idgbr("--version") == (1, [])


def test_a_closed_output_is_told_before_any_work(idgbr, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    code, (line,) = idgbr("run", "region.yaml")
    assert code == 2
    assert "the standard output is closed" in line


def test_what_an_encoding_lacks_is_printed_as_escapes(monkeypatch):
    ascii_output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_output)
    streams.prepare()
    print("Gräser caf\udce9")
    streams.flush()
    assert ascii_output.buffer.getvalue() == b"Gr\\xe4ser caf\\udce9\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("status", "m" * 5000), "File name too long"),
        (("status", "caf\udce9"), "not UTF-8"),
        (("query", "cube", "--point", "nan,48"), "give LON,LAT"),
        (("query", "cube", "--point", f"{'9' * 400},48"), "give LON,LAT"),
    ],
)
def test_names_and_numbers_that_cannot_be_are_told(idgbr, arguments, says):
    code, (line,) = idgbr(*arguments)
    assert code in (1, 2)
    assert says in line
    assert len(line) < 400


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "r.yaml", "--price-per-worker-hour", "nan"),
        ("run", "r.yaml", "--gpus", "inf"),
        ("run", "r.yaml", "--workers", "9" * 30),
        ("prune", "cube", "--keep", "1", "--older-than", "9" * 12),
        ("prune", "cube", "--keep", "9" * 30),
        ("demo", "--seed", "-1"),
    ],
)
def test_numbers_out_of_range_are_wrong_use(idgbr, arguments):
    code, (line,) = idgbr(*arguments)
    assert code == 2
    assert line.startswith("idgbr: Invalid value for '--")
    assert line.endswith(f"See 'idgbr {arguments[0]} --help'")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("runs",), "No such command 'runs'. Did you mean 'run', 'prune'? See 'idgbr --help'"),
        (("status", "--jsn"), "No such option: --jsn (Possible options: --json). See 'idgbr status --help'"),
        (("status",), "Missing argument 'CUBE'. See 'idgbr status --help'"),
    ],
)
def test_wrong_use_is_one_line_that_names_the_help(idgbr, arguments, says):
    assert idgbr(*arguments) == (2, [f"idgbr: {says}"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("status", "--json"), "Missing argument 'CUBE'. See 'idgbr status --help'"),
        (
            ("status", "cube", "--jsn", "--json"),
            "No such option: --jsn (Possible options: --json). See 'idgbr status --help'",
        ),
    ],
)
def test_wrong_use_is_told_as_json_where_json_is_asked_for(arguments, says):
    done = run_here(*arguments)
    assert done.returncode == 2
    assert json.loads(done.stdout) == {"error": says}


def test_a_file_that_ends_too_early_is_told(idgbr, monkeypatch):
    app = typer.Typer()
    app.command()(lambda: pickle.loads(b""))
    monkeypatch.setattr(command, "app", app)
    code, (line,) = idgbr()
    assert code == 1
    assert "a file ends too early" in line


def test_the_command_without_a_verb_shows_its_help():
    done = run_here()
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage: idgbr [OPTIONS] COMMAND" in done.stdout


def test_a_picture_of_no_known_format_is_told_before_the_run(idgbr, region_of):
    region = region_of()
    code, (line,) = idgbr("run", region.cube.parent / "region.yaml", "--plot", region.cube.parent / "map.xyz")
    assert code == 2
    assert "map.xyz is no picture's name; end it in one of" in line
    assert ".png" in line
    assert not region.cube.exists()


def test_a_panic_of_a_library_is_told(idgbr, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    storage = icechunk.local_filesystem_storage(str(tmp_path / "file" / "store"))
    monkeypatch.setattr(command, "app", lambda **_: icechunk.Repository.exists(storage))
    code, lines = idgbr()
    assert code == 1
    assert "a library failed (failed to create object store" in lines[-1]


def test_a_folder_that_cannot_be_used_as_a_cube_is_told_without_a_panic(tmp_path, capfd):
    (tmp_path / "file").touch()
    (tmp_path / "cube").mkdir()
    (tmp_path / "cube" / "store").touch()
    assert find_repository(tmp_path / "file") is None
    assert find_repository(tmp_path / "cube") is None
    for location in (tmp_path / "file", tmp_path / "cube"):
        with pytest.raises(RunError, match="cannot be made"):
            create_repository(location)
    assert "panicked" not in capfd.readouterr().err
