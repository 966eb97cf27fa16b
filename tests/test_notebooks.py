"""The notebooks of the documentation hold their results, and give results of the same kinds when they are run anew."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NAMES = ("map-a-region", "query-and-judge")
"""In the order in which a reader runs them: the second reads what the first made."""


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    return [sorted(output.get("data", {output.get("name"): ""})) for output in cell.outputs]


def shown(cells, kind):
    return [output.data[kind] for cell in cells for output in cell.outputs if kind in output.get("data", {})]


def test_every_notebook_is_run_by_a_test():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_was_run_from_its_first_cell_to_its_last_and_names_no_folder_of_its_author(name):
    cells = code(read(name))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)
    text = (FOLDER / f"{name}.ipynb").read_text()
    assert not re.search(r"/(home|work|root|Users)/|Warning", text)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_notebooks_run_in_order_and_give_what_they_show(tmp_path):
    for name in NAMES:
        notebook = read(name)
        NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(tmp_path)}}).execute()
        assert [kinds(cell) for cell in code(notebook)] == [kinds(cell) for cell in code(read(name))]
        pages = shown(code(notebook), "text/html")
        assert any("<progress" in page for page in pages) == (name == NAMES[0])
        assert sum("data:image/png;base64" in page for page in pages) == 1
        assert len(shown(code(notebook), "image/png")) == (name == NAMES[0])
    assert "Accuracy</h2>" in (tmp_path / "report.html").read_text()
