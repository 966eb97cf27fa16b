"""Tables and lists on stdout."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

FILE_WIDTH = 10_000


def print_table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str] = ()) -> None:
    """Prints rows under `columns`; without columns a row is a name and its value."""
    console = _console()
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    console.print(_table(rows, columns), soft_wrap=not columns)


@contextmanager
def live_table() -> Iterator[Callable[[str, Sequence[Sequence[str]]], None]]:
    """Yields a function that shows rows in place of those before. The last ones stay; a file gets only these."""
    with Live(console=_console(), auto_refresh=False) as live:
        yield lambda title, rows: live.update(Group(Text(title, style="bold"), _table(rows, ())), refresh=True)


def _console() -> Console:
    """As wide as the terminal, or as COLUMNS says; a file or a pipe has no edge at which rows would have to fold."""
    console = Console(markup=False)
    if not console.is_terminal and not console.is_jupyter and "COLUMNS" not in os.environ:
        console.width = FILE_WIDTH
    return console


def _table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> Table:
    table = Table(*columns, box=box.SIMPLE, show_header=bool(columns))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def listing(values: Sequence[object], shown: int = 6) -> str:
    """ "none", or the values; of more than `shown` their number and the first."""
    first = ", ".join(map(str, values[:shown]))
    if len(values) <= shown:
        return first or "none"
    return f"{len(values)}, the first: {first}"


def number_of(number: int, noun: str) -> str:
    """Such as "1 block" and "2,000 blocks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
