import json
import re

import pytest
from bit_rot import chunk_files, flip_bit
from made_versions import plain, published
from typer import Exit

from pipeline.cli import command
from pipeline.cli.check import check
from pipeline.cube.cube import Cube
from pipeline.errors import UserError


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def test_a_sound_cube_is_told_so(cube, capsys):
    published(cube, plain(10))
    check(str(cube.location))
    told = capsys.readouterr()
    assert "cube: sound" in told.out
    assert re.fullmatch(r"check (\d+)/\1, .*manifests\ncheck (\d+)/\2, .*\n", told.err), told.err


def test_damage_is_printed_as_json_and_is_exit_code_1(cube, capsys):
    (path, *_) = chunk_files(cube.location, lambda: published(cube, plain(10)))
    flip_bit(path)
    with pytest.raises(Exit) as exit:
        check(str(cube.location), as_json=True)
    assert exit.value.exit_code == 1
    (damage,) = json.loads(capsys.readouterr().out)["damage"].values()
    assert damage["why"] == "its checksum is another"


def test_only_the_newest_version_is_healed(cube):
    first = published(cube, plain(10), run="a")
    published(cube, plain(30), run="b")
    with pytest.raises(UserError, match="--heal takes the newest version alone"):
        check(str(cube.location), version=first, heal=True)


def test_damage_to_an_array_of_before_without_checksums_is_one_sentence(monkeypatch, capsys):
    def decode(**_):
        raise RuntimeError("error during blosc decompression: -1")

    monkeypatch.setattr(command, "app", decode)
    with pytest.raises(SystemExit) as exit:
        command.run_command()
    assert exit.value.code == 1
    assert "idgbr check CUBE --heal" in capsys.readouterr().err
