"""Fenced blocks of README.md and docs/: each says its language, and command lines are such as their verbs take."""

import re
from pathlib import Path

import pytest
import typer
from fenced import blocks, idgbr_words, shell_lines

from pipeline.cli.command import app

ROOT = Path(__file__).parents[1]
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
BLOCKS = {page: blocks(text) for page, text in sorted(PAGES.items())}
LINES = {
    page: [line for block in found if block.language == "sh" for line in shell_lines(block)]
    for page, found in BLOCKS.items()
}
LANGUAGES = {"sh", "python", "yaml", "cron", "ini", "text"}
(USAGE_ERROR,) = typer.BadParameter.__bases__
"""Typer's own where it brings click with it."""


def parse(words):
    """Raises KeyError for an unknown verb and USAGE_ERROR for arguments that it does not take."""
    command = typer.main.get_command(app)
    if words == ["--install-completion"]:
        return
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words))


def verbs(command, name="idgbr"):
    inner = getattr(command, "commands", {})
    return [each for key in inner for each in verbs(inner[key], f"{name} {key}")] or [name]


@pytest.mark.parametrize("page", BLOCKS)
def test_every_block_says_its_language(page):
    for block in BLOCKS[page]:
        assert block.language in LANGUAGES, f"{page}:{block.line}"
        if block.language not in ("sh", "cron", "ini"):
            assert not re.search(r"^(idgbr|make|ray) ", block.text, re.MULTILINE), f"{page}:{block.line} is of sh"


@pytest.mark.parametrize("page", [page for page, lines in LINES.items() if lines])
def test_command_lines_have_the_arguments_of_their_verb(page):
    for line in LINES[page]:
        for words in idgbr_words(line):
            parse(words)


def test_a_wrong_command_line_is_seen():
    assert list(idgbr_words("ray job submit -- idgbr run region.yaml # maps")) == [["run", "region.yaml"]]
    for line in ("paint cube", "query", "query cube --pont 1,2", "sample cube --points many", "reduce fractions"):
        with pytest.raises((KeyError, USAGE_ERROR)):
            parse(line.split())


def test_every_verb_is_on_a_page():
    text = "\n".join(PAGES.values())
    named = verbs(typer.main.get_command(app))
    assert len(named) > 25
    assert [name for name in named if not re.search(rf"\b{name}\b", text)] == []
