"""What `python -m change` is asked for. Covers tests/benchmarks/change/__main__.py."""

import sys

import pytest

from change.__main__ import main


@pytest.mark.parametrize("option", ["--sets", "--methods"])
def test_a_name_that_there_is_none_of_is_refused_with_those_there_are(option, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["change", "--home", str(tmp_path), option, "simulated,houses"])
    with pytest.raises(SystemExit, match="2"):
        main()
    said = capsys.readouterr().err
    assert f"{option} names " in said and "houses" in said and "but there are" in said
