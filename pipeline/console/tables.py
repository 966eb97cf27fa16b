"""Tables and lists on stdout."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text


def print_table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str] = ()) -> None:
    """Prints rows under `columns`; without columns a row is a name and its value."""
    console = Console(markup=False)
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    console.print(_table(rows, columns), soft_wrap=not columns)


@contextmanager
def live_table() -> Iterator[Callable[[str, Sequence[Sequence[str]]], None]]:
    """Yields a function that shows rows in place of those before. The last ones stay; a file gets only these."""
    with Live(console=Console(markup=False), auto_refresh=False) as live:
        yield lambda title, rows: live.update(Group(Text(title, style="bold"), _table(rows, ())), refresh=True)


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
