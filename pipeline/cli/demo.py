"""The verb demo: a region that is simulated, mapped and compared with its truth."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.console.output import check_writable
from pipeline.errors import UserError

app = typer.Typer()


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="folder to write")] = Path("out/demo"),
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write scores and seconds to FILE")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="of the simulated world")] = 1,
    serve: Annotated[
        bool, typer.Option("--serve", help="only serve the catalog of the finished demo in FOLDER, for `update`")
    ] = False,
) -> None:
    """Simulates a region of two UTM zones, serves it as STAC, maps it on a local Ray, and compares the map with the
    truth.

    Example: `idgbr demo --json scores.json`
    """
    from pipeline.demo import run_demo, serve_demo

    if serve:
        if json_file is not None:
            raise UserError("--serve makes no map, so it has no scores for --json: leave one of them out")
        serve_demo(folder)
        return
    if json_file is not None:
        check_writable(json_file)
    run_demo(folder, seed, json_file)
