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
    second_act: Annotated[
        bool,
        typer.Option("--second-act", help="of the finished demo in FOLDER: scenes of changed land arrive, update"),
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="only serve the catalog of the finished demo in FOLDER, for `update`")
    ] = False,
) -> None:
    """Simulates a region of two UTM zones, serves it as STAC, maps it on a local Ray, and compares the map with the
    truth.

    Example: `idgbr demo --json scores.json`
    """
    if serve and (second_act or json_file is not None):
        raise UserError("--serve makes no map: leave out --second-act and --json")
    if json_file is not None:
        check_writable(json_file)
    if serve:
        from pipeline.demo.serving import serve_demo

        serve_demo(folder)
    elif second_act:
        from pipeline.demo.second_act import run_second_act

        run_second_act(folder, json_file)
    else:
        from pipeline.demo.first_act import run_demo

        run_demo(folder, seed, json_file)
