"""Paths of a region file that the system cannot look up."""

import pytest

from pipeline.config import region_file
from pipeline.config.paths import check_path
from pipeline.errors import UserError

GOOD = {"name": "here", "cube": "cube", "catalog": "c.json", "model": "simulated-s2", "polygon": "area.geojson"}


@pytest.mark.parametrize("key", ["cube", "catalog", "model", "polygon", "allowed_paths"])
@pytest.mark.parametrize(("name", "says"), [("m" * 5000, "File name too long"), ('"a\\0b"', "is no path")])
def test_a_name_that_no_file_can_have_is_an_error_of_its_key(tmp_path, key, name, says):
    path = tmp_path / "region.yaml"
    values = GOOD | {"period": "[2024-05-01, 2024-08-31]", "allowed_paths": "[]"}
    values[key] = f"[{name}]" if key == "allowed_paths" else name
    path.write_text("".join(f"{key}: {value}\n" for key, value in values.items()))
    with pytest.raises(UserError) as told:
        region_file.load(path)
    (line,) = [line for line in str(told.value).splitlines() if f": {key}" in line]
    assert says in line
    assert len(line) < 400


def test_a_file_that_is_not_there_may_come_to_be(tmp_path):
    (tmp_path / "file").touch()
    check_path(tmp_path / "none")
    check_path(tmp_path / "file" / "below")
