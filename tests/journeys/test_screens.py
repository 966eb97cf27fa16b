"""What plan, run, status, history and query show on terminals of 80 and 120 columns."""

import re

import pytest
from journey import README, full_lines, printed, text_of
from messages import REPR

pytestmark = pytest.mark.long
LINES = {
    "plan": printed(README, "idgbr plan"),
    "run": "idgbr run region.yaml --address none",
    "status": printed(README, "idgbr status"),
    "history": printed(README, "idgbr history"),
    "query": "idgbr query cube --point 12.005,48.49",
}


@pytest.mark.parametrize("name", LINES)
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken_or_cut(mapper, name):
    """A word that is broken or cut at 80 columns is another one at 120."""
    words = []
    for columns in (80, 120):
        lines = mapper.look(LINES[name], columns)
        print(*lines, sep="\n")
        assert full_lines(lines, columns) == []
        assert not REPR.search("\n".join(lines))
        without_bars = [line for line in lines if "━" not in line]
        words.append(re.sub(r"\d+", "0", text_of(without_bars)))
    assert words[0] == words[1] != ""


def test_what_to_do_after_the_mosaics_is_printed_so_that_it_can_be_copied(person):
    lines = person.look("idgbr run region.yaml --address none --mosaic-only")
    assert full_lines(lines, 80) == []
    look, go_on = [line.partition(": ")[2] for line in lines if line.startswith(("look at them: ", "go on: "))]
    assert person.python(f"import pipeline\nprint({look}.any().item())") == "True\n"
    assert go_on == "idgbr run region.yaml"
    person.type(f"{go_on} --address none")
    again = text_of(person.look("idgbr run region.yaml --address none --mosaic-only"))
    assert "upper-bavaria: nothing to do" in again
