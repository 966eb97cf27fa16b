"""Results on stdout, as tables."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table


def table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str] = ()) -> None:
    """Prints rows under `columns`; without columns a row is what and how much."""
    shown = Table(*columns, box=box.SIMPLE, show_header=bool(columns))
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in rows:
        shown.add_row(*row)
    console = Console()
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    console.print(shown, soft_wrap=not columns)
