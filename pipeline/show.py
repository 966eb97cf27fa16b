"""Results on stdout, as tables."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table


def table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str] = ()) -> None:
    """Prints rows under `columns` (none: what and how much)."""
    shown = Table(*columns, title=title, title_justify="left", box=box.SIMPLE, show_header=bool(columns))
    for index, _ in enumerate(columns):
        shown.columns[index].justify = "left" if index == 0 else "right"
    for row in rows:
        shown.add_row(*row)
    Console(soft_wrap=not columns).print(shown)
