"""The site of docs/ (`make docs`): its links, and its references made from the code (`docs/site`)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from commands import commands_page
from keys import keys_page
from links import to_site
from notebooks import notebook_page
from pydantic import BaseModel, Field

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "docs/cube.md": "cube.md", "cluster/manifests/README.md": "cluster.md"}


@pytest.mark.parametrize(
    ("source", "link", "there"),
    [
        ("README.md", "[cube](docs/cube.md#arrays)", "[cube](cube.md#arrays)"),
        ("README.md", "![map](docs/pictures/demo.png)", "![map](pictures/demo.png)"),
        ("docs/cube.md", "[start](../README.md)", "[start](index.md)"),
        ("docs/cube.md", "[files](../cluster/manifests/)", "[files](cluster.md)"),
        ("docs/cube.md", "[rows](../catalogs/items/providers.py)", "rows"),
        ("docs/cube.md", "[paper](https://arxiv.org/abs/2507.01573)", "[paper](https://arxiv.org/abs/2507.01573)"),
        ("docs/cube.md", "[above](#arrays)", "[above](#arrays)"),
        ("docs/cube.md", "```\n[a](../b.py)\n```\n", "```\n[a](../b.py)\n```\n"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(source, link, there):
    assert to_site(link, source, PAGES) == there


class Lens(BaseModel):
    """What a camera looks through."""

    focal: float = Field(gt=0, description="mm")


class Camera(BaseModel):
    """A camera."""

    name: str = Field(description="its maker's")
    lens: Lens = Field(default=Lens(focal=50), description="the lens in use")
    places: list[int] = Field(default=[], description="numbers")


def test_a_page_of_keys_tells_value_default_and_meaning_of_each():
    page = keys_page("Cameras", {"Camera": Camera})
    assert "| `name` | text | required | its maker's |" in page
    assert "| `lens` | [lens](#lens) | its own defaults | the lens in use |" in page
    assert "| `places` | list of whole number | none | numbers |" in page
    assert "### lens { #lens }" in page
    assert "| `focal` | number, above 0 | required | mm |" in page


def test_a_key_without_a_description_is_refused():
    class Bare(BaseModel):
        width: int

    with pytest.raises(ValueError, match=r"Bare\.width has no description"):
        keys_page("Bare", {"Bare": Bare})


def test_an_option_without_help_is_refused():
    app = typer.Typer()

    @app.command()
    def draw(width: int = 3) -> None:
        """Draws."""

    with pytest.raises(ValueError, match="width of idgbr has no help"):
        commands_page(app)


def test_a_notebook_becomes_a_page_with_its_richest_results():
    cells = [
        {"cell_type": "markdown", "source": ["# Areas\n", "of a map"]},
        {
            "cell_type": "code",
            "source": "areas()",
            "outputs": [
                {"data": {"text/plain": "Areas(...)", "text/html": ["<table>\n", "\n", "<tr></table>"]}},
                {"data": {"text/plain": "<Figure>", "image/png": "aGk=\n"}},
                {"name": "stdout", "text": "a < b\n"},
            ],
        },
    ]
    page = notebook_page({"cells": cells}, "areas.ipynb")
    assert page.startswith("# Areas\nof a map\n\n")
    assert '<a href="../areas.ipynb" download>' in page
    assert "```python\nareas()\n```" in page
    assert '<div class="result"><table>\n<tr></table></div>' in page
    assert 'src="data:image/png;base64,aGk="' in page
    assert "<pre>a &lt; b\n</pre>" in page
    assert "Figure" not in page


def loads_from_elsewhere(text):
    """What a browser would fetch of another host to show a page or a style sheet; links that people follow are none."""
    elements = re.findall(r"<(?:script|img|iframe|source|video|audio|embed|object|link)\b[^>]*>", text)
    links = [tag for tag in elements if not re.search(r'rel="?(?:canonical|alternate|prev|next|edit|license)\b', tag)]
    addresses = [found for tag in links for found in re.findall(r'(?:src|href|srcset|data)=["\']?([^"\'\s>]+)', tag)]
    addresses += re.findall(r'(?:url\(|@import(?!\s*url))\s*["\']?([^"\')\s;]+)', text)
    return [address for address in addresses if re.match("(?:https?:)?//", address)]


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ('<link rel="stylesheet" href="https://fonts.example/a.css">', ["https://fonts.example/a.css"]),
        ("<script async src=//cdn.example/a.js></script>", ["//cdn.example/a.js"]),
        ("@import url('http://fonts.example/b.css');", ["http://fonts.example/b.css"]),
        ("@font-face { src: url(//fonts.example/c.woff2) }", ["//fonts.example/c.woff2"]),
        ('<link rel="stylesheet" href="../assets/a.css"><a href="https://arxiv.org">', []),
        ('<link rel="canonical" href="https://example.org/">', []),
    ],
)
def test_what_is_loaded_from_other_hosts_is_found(text, loads):
    assert loads_from_elsewhere(text) == loads


@pytest.mark.long
def test_the_site_is_built_without_a_dead_link_and_asks_nothing_of_other_hosts(tmp_path):
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "site/reference/commands/index.html").read_text()
    assert "idgbr train refiner" in commands
    assert "min_clear_share" in (tmp_path / "site/reference/region/index.html").read_text()
    assert "<svg" in (tmp_path / "site/notebooks/map-a-region/index.html").read_text()
    for file in (tmp_path / "site").rglob("*"):
        if file.suffix in (".html", ".css"):
            assert not loads_from_elsewhere(file.read_text()), file
