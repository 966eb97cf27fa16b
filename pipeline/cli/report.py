"""The verb that shows what a run did as a page."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import CubeFolder
from pipeline.console.output import check_writable, write_text

app = typer.Typer()


@app.command()
def report(
    cube: CubeFolder,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="id of a run; default: the newest version's")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="write this file; default: runs/RUN/report.html in the cube"),
    ] = None,
) -> None:
    """Writes the page of a run: its maps, areas, changes, blocks, costs, gates, accuracy and provenance; prints where.

    A run writes it at its end; written again, it has the accuracies that were estimated since.

    Example: `idgbr report cube --out report.html`
    """
    from pipeline.cube.cube import Cube
    from pipeline.execution.report_page import page_file, run_page

    if out is not None:
        check_writable(out)
    opened = Cube.open(cube)
    found, text = run_page(opened, run)
    if out is None:
        opened.files.write(page_file(found), text)
        print(f"{opened.location}/{page_file(found)}")
        return
    write_text(out, text)
    print(out)
