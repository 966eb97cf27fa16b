"""YAML that would cost memory, time or a traceback is refused in one sentence, in region files and recipes alike."""

import os
from pathlib import Path

import pytest

from pipeline.config import document, region_file
from pipeline.errors import UserError
from pipeline.training import recipe

GOOD = """\
name: here
cube: cube
catalog: https://example.org/stac
period: [2024-05-01, 2024-08-31]
model: simulated-s2
bbox: [11, 48, 12, 49]
"""


def multiplied(open_, join, close):
    """Nine levels, each of nine aliases to the level below: 9**9 values."""
    levels = [f"a{n}: &a{n} {open_}{join(n)}{close}" for n in range(1, 10)]
    return f"a0: &a0 {{a: x}}\n{chr(10).join(levels)}\n"


LISTS = multiplied("[", lambda n: ", ".join([f"*a{n - 1}"] * 9), "]")
MAPPINGS = multiplied("{", lambda n: ", ".join(f"k{j}: *a{n - 1}" for j in range(9)), "}")
MERGES = multiplied("{<<: [", lambda n: ", ".join([f"*a{n - 1}"] * 9), "]}")


@pytest.mark.parametrize("load", [region_file.load, recipe.load])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LISTS.replace("a9: ", "months: ") + GOOD, "f.yaml:5 is not valid YAML: more than 10,000 values"),
        (GOOD + MAPPINGS, "more than 10,000 values, those of aliases included"),
        (GOOD + MERGES, "more than 10,000 values"),
        (GOOD + "x: &here {x: *here}\n", "f.yaml:7 is not valid YAML: an alias to what it stands in"),
        (GOOD + "x: &here [*here]\n", "an alias to what it stands in"),
        (GOOD + "x: &here {<<: *here}\n", "an alias to what it stands in"),
        (
            GOOD + "bbox: [20, 40, 21, 41]\n",
            "f.yaml:7 is not valid YAML: the key 'bbox' is in line 6 already",
        ),
        (GOOD + "grid: {resolution: 10, resolution: 30}\n", "f.yaml:7 .*: the key 'resolution' is in line 7 already"),
        (GOOD + "x: [{a: {b: 1,\n  b: 1}}]\n", "f.yaml:8 is not valid YAML: the key 'b' is in line 7 already"),
        (GOOD + "x: {1: a, '1': b}\n", "the key '1' is in line 7 already"),
        (GOOD + f"x: {'[' * 5000}{']' * 5000}\n", "f.yaml:7 is not valid YAML: more than 20 levels"),
        (GOOD + f"x: {'{a: ' * 5000}{'}' * 5000}\n", "more than 20 levels"),
        (GOOD + f"x:\n {'- ' * 5000}1\n", "f.yaml:8 is not valid YAML: more than 20 levels"),
        (GOOD + f"commit_every: 0x{'f' * 6000}\n", "f.yaml:7 is not valid YAML: a number of 6002 digits"),
        (GOOD + f"commit_every: {'9' * 6000}\n", "a number of 6000 digits; it may have 40"),
        (GOOD + f"commit_every: 1{':59' * 3000}\n", "a number of 9001 digits"),
        (
            GOOD + "months: [5, 010]\n",
            "f.yaml:7 is not valid YAML: 010 means 8 in YAML; write that number, or",
        ),
        (GOOD + "x: {mapping: {-07: 5}}\n", "f.yaml:7 is not valid YAML: -07 means -7 in YAML"),
        (GOOD.replace("[11,", "[11:30,"), "f.yaml:6 is not valid YAML: 11:30 means 690 in YAML"),
        (GOOD.replace("[11,", "[0:30.5,"), "f.yaml:6 is not valid YAML: 0:30.5 means 30.5 in YAML"),
        (GOOD + "x: !!python/object/apply:os.system [ls]\n", "f.yaml:7 is not valid YAML: .* the tag 'tag:yaml.org"),
        (
            GOOD.replace("here", "!!binary aGVyZQ=="),
            "f.yaml:1 is not valid YAML: .*:binary'",
        ),
        (GOOD + "months: !!set {5, 6}\n", "f.yaml:7 is not valid YAML: .* the tag 'tag:yaml.org,2002:set'"),
        (GOOD + "months: !!omap [5: 6]\n", "f.yaml:7 is not valid YAML: .* the tag 'tag:yaml.org,2002:omap'"),
        (GOOD.replace("2024-05-01", "2024-13-01"), "f.yaml:4 is not valid YAML: month must be in 1..12"),
        (GOOD + 'x: "\\ud800"\n', "f.yaml:7 is not valid YAML: half of a surrogate pair"),
        (GOOD + "? [a, b]\n: 1\n", "f.yaml:7 is not valid YAML: found unhashable key"),
        (GOOD + "---\na: 1\n", "f.yaml:7 is not valid YAML: but found another document"),
        (GOOD + "\tx: 1\n", "f.yaml:7 is not valid YAML: found character"),
        (GOOD.encode("utf-16"), r"f.yaml is not UTF-8 text \(byte 1\)"),
        (GOOD.encode() + b"x: \xe9\n", r"f.yaml is not UTF-8 text \(byte 136\)"),
        (b"\x89PNG\r\n\x1a\n\0\0", "f.yaml is not UTF-8 text"),
        (GOOD + "x: \0\n", "f.yaml is not valid YAML: unacceptable character"),
        (f"a: {'x' * 2**20}", "f.yaml has more than 1 MiB"),
        ("- a\n", "f.yaml holds no keys"),
        ("", "f.yaml holds no keys"),
    ],
)
def test_what_costs_too_much_or_is_no_yaml_is_refused(tmp_path, load, text, says):
    path = tmp_path / "f.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=says) as told:
        load(path)
    (line,) = str(told.value).splitlines()
    assert len(line) < 500


def test_aliases_and_merges_of_a_few_values_are_written_out(tmp_path):
    text = "a: &a {x: 1}\nb: {<<: *a, y: *a}\nc: [*a, *a]\nd: {<<: *a, x: 2}\n"
    read = {"a": {"x": 1}, "b": {"x": 1, "y": {"x": 1}}, "c": [{"x": 1}] * 2, "d": {"x": 2}}
    assert document.parse("f", text)[0] == read


def test_numbers_are_read_as_they_are_written(tmp_path):
    text = "[0, -0, 10, 1_000, 0x10, 0b11, 0.5, 007.5, 1e3, '010', 08]"
    assert document.parse("f", text)[0] == [0, 0, 10, 1000, 16, 3, 0.5, 7.5, "1e3", "010", "08"]


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert region_file.load(path).name == "here"


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UserError, match=r"cannot read .* \(not a file\)"):
            region_file.load(path)
    for path, reason in (
        (Path("x" * 5000), "too long"),
        (tmp_path / "no" / "f", "No such file"),
        (Path("a\0b"), "x00"),
    ):
        with pytest.raises(UserError, match=f"cannot read .*{reason}") as told:
            region_file.load(path)
        assert len(str(told.value)) < 350
