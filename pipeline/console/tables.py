"""Tables and lists on stdout."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table


def print_table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str] = ()) -> None:
    """Prints rows under `columns`; without columns a row is a name and its value."""
    table = Table(*columns, box=box.SIMPLE, show_header=bool(columns))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False)
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    console.print(table, soft_wrap=not columns)


def listing(values: Sequence[object], shown: int = 6) -> str:
    """ "none", or the values; of more than `shown` their number and the first."""
    first = ", ".join(map(str, values[:shown]))
    if len(values) <= shown:
        return first or "none"
    return f"{len(values)}, the first: {first}"
