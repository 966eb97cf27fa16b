"""Fenced blocks of README.md and docs/: each says its language, its commands are such as their verbs take, and run.

A page runs from its first command to its last in a folder that holds what it presupposes (`docs_folder.py`). What is
not run as it is printed is told in `pages_run.py`, and an entry there that fits nothing on its page fails.
"""

import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.request import urlopen

import docs_folder
import pytest
import typer
import yaml
from fenced import blocks, idgbr_words, shell_lines
from pages_run import ELSEWHERE, FILES, FIRST, MAPPED, NAMES, STANDS_FOR, TABLES, entry
from shared_folder import shared

from pipeline.cli.command import app

ROOT = Path(__file__).parents[1]
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
BLOCKS = {page: blocks(text) for page, text in sorted(PAGES.items())}
LINES = {
    page: [line for block in found if block.language == "sh" for line in shell_lines(block)]
    for page, found in BLOCKS.items()
}
RUN = [page for page, found in BLOCKS.items() if {block.language for block in found} & {"sh", "python"}]
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


@pytest.mark.parametrize("table", TABLES)
def test_exceptions_fit_what_is_on_their_page(table):
    for page, start in TABLES[table]:
        texts = [*LINES[page], *(block.text for block in BLOCKS[page] if block.language != "sh")]
        assert any(text.startswith(start) for text in texts), f"{table}: {page} has no {start!r}"


class Shell:
    """Runs commands one after another, each with the environment that the one before left."""

    def __init__(self, folder, activated):
        self.folder, self.kept = folder, folder / "home/environment"
        self.environment = docs_folder.clean_environment(folder, activated)

    def start(self, line):
        before = f"source {self.kept}\n" if self.kept.exists() else ""
        return subprocess.Popen(
            ["bash", "--norc", "-c", f"{before}{line}\ncode=$?\nexport -p >{self.kept}\nexit $code"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, line):
        process = self.start(line)
        told, _ = process.communicate(timeout=300)
        assert process.returncode == 0, f"{line}\n{told}"
        return told

    def serve(self, line):
        """A service that answers until it is interrupted."""
        process, told = self.start(f"exec {line}"), ""
        while "http://" not in told:
            new = process.stdout.readline()
            assert new, told
            told += new
        with urlopen(re.search(r"http://[\d.:]+", told)[0] + "/cube") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode in (0, 130)


@pytest.fixture
def folder(tmp_path_factory, tmp_path, page):
    """What a page presupposes, and the files that it shows."""
    made = shared(tmp_path_factory, "docs", docs_folder.make_folder)
    left_out = shutil.ignore_patterns("cube") if page in MAPPED else None
    shutil.copytree(made, tmp_path / "here", symlinks=True, ignore=left_out)
    for block in BLOCKS[page]:
        if block.language == "yaml" and (file := entry(FILES, page, block.text)):
            docs_folder.write_yaml(tmp_path / "here" / file[0], yaml.safe_load(block.text) | file[1])
    return tmp_path / "here"


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.parametrize("page", RUN)
def test_the_commands_and_examples_of_a_page_run(page, folder):
    shell = Shell(folder, activated="source .venv/bin/activate" not in PAGES[page])
    for block in BLOCKS[page]:
        if block.language == "python":
            (folder / "example.py").write_text(f"{entry(NAMES, page, block.text) or ''}\n{block.text}")
            shell.run(".venv/bin/python example.py")
        elif block.language == "sh":
            for line in shell_lines(block):
                if not entry(ELSEWHERE, page, line):
                    run_line(shell, page, line)


def run_line(shell, page, line):
    if happens := entry(FIRST, page, line):
        happens(shell.folder)
    if words := entry(STANDS_FOR, page, line):
        assert words[0] in line
        line = line.replace(*words)
    if line.startswith("idgbr serve"):
        shell.serve(line)
        return
    shell.run(line)
