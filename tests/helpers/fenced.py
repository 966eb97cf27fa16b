"""Fenced blocks of Markdown pages, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """line: of the page, from 1, where the text begins."""

    language: str
    line: int
    text: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page in their order. Raises ValueError where one is not closed."""
    if len(re.findall(r"^```", page, re.MULTILINE)) % 2:
        raise ValueError("a fenced block is not closed")
    found = re.finditer(r"^```([^\n]*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [Block(match[1].strip(), page[: match.start(2)].count("\n") + 1, match[2]) for match in found]


def shell_lines(block: Block) -> list[str]:
    """The commands of a block `sh`, each on one line; comments stay."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def idgbr_words(line: str) -> Iterator[list[str]]:
    """What follows `idgbr` in a shell command, also behind `ray job submit ... --`."""
    words = shlex.split(line, comments=True)
    starts = [n for n, word in enumerate(words) if word == "idgbr" and (n == 0 or words[n - 1] in ("--", "&&"))]
    yield from (words[start + 1 :] for start in starts)
