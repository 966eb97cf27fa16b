import os
import sys
from pathlib import Path

import pytest
from screen import run

from pipeline.console.messages import message

LONG = Path(*["a-folder"] * 20, "region.yaml")
SENTENCE = (
    f"cannot read {LONG} (No such file or directory); give the path of a YAML file, or make one for your region "
    "with 'idgbr init'"
)
TELL = "import sys; from pipeline.console.messages import tell; tell(sys.argv[1])"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_terminal_shows_whole_words_and_paths(columns, tmp_path):
    code, output = run([sys.executable, "-c", TELL, SENTENCE], os.environ, tmp_path, columns)
    assert code == 0
    lines = output.splitlines()
    assert " ".join(lines) == f"idgbr: {SENTENCE}"
    assert str(LONG) in lines
    assert all(len(line) < columns for line in lines if line != str(LONG))


def test_a_file_and_no_file_get_a_line_for_each_line(tmp_path):
    with (tmp_path / "log").open("w") as log:
        assert message(f"{SENTENCE}\nanother", log.fileno()) == f"idgbr: {SENTENCE}\nidgbr: another"
    assert message(SENTENCE, None) == f"idgbr: {SENTENCE}"


def test_a_terminal_that_does_not_know_its_width_gets_whole_lines():
    ours, theirs = os.openpty()
    assert message(SENTENCE, theirs) == f"idgbr: {SENTENCE}"
    os.close(ours), os.close(theirs)
