"""Progress in a notebook: a bar for each stage, below the cell that works."""

import time
from collections.abc import Callable, Mapping
from html import escape

from pipeline.console.html import fragment

EVERY_SECONDS = 0.2


def notebook_bars() -> Callable[[str, int, int | None, str], None]:
    """Shows bars; returns a function to call with the stage, how many are done, of how many, and a note."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)
    stages: dict[str, tuple[int, int | None, str]] = {}
    last = 0.0

    def update(stage: str, done: int, total: int | None, note: str) -> None:
        nonlocal last
        begins = stage not in stages
        stages[stage] = done, total, note
        if begins or done == total or time.monotonic() - last > EVERY_SECONDS:
            last = time.monotonic()
            handle.update(HTML(bars(stages)))

    return update


def bars(stages: Mapping[str, tuple[int, int | None, str]]) -> str:
    """A bar for each stage: how many are done, of how many (None: unknown), and a note."""
    rows = []
    for stage, (done, total, note) in stages.items():
        known = "" if total is None else f'<progress value="{done}" max="{max(total, 1)}"></progress>'
        count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
        rows.append(f"<tr><th>{escape(stage)}</th><td>{known}</td><td>{count}</td><td>{escape(note)}</td></tr>")
    return fragment(f"<table>{''.join(rows)}</table>")
