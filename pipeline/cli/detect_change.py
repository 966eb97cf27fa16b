"""The verb that asks whether the ground changed: detect-change."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, ModelPlace, day
from pipeline.console.output import to_json
from pipeline.errors import UserError

app = typer.Typer()


@app.command("detect-change")
def detect_change(
    a: Annotated[str, typer.Argument(metavar="A", help="the earlier raster, or a cube")],
    b: Annotated[str | None, typer.Argument(metavar="[B]", help="the later raster; not with a cube")] = None,
    *,
    model: ModelPlace,
    out: Annotated[Path, typer.Option(metavar="FILE", help="a new GeoTIFF (COG), .tif, or folder of Zarr, .zarr")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="START", help="of a cube: first day of the earlier period")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="START", help="of a cube: first day of the later period")] = None,
    version: Annotated[
        str | None, typer.Option(help="of a cube: a version that `history` names, or a tag; default: the newest")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Writes the probability that the ground changed between two rasters on one grid, or two periods of a cube.

    Interrupted, it goes on where it stopped when the same command is given again.

    Example: `idgbr detect-change 2023.tif 2024.tif --model model --out change.tif`
    """
    from contextlib import AbstractContextManager, nullcontext

    import torch

    from idgbr.change import ChangePipeline
    from pipeline.change.dates import TwoDates, periods, rasters
    from pipeline.change.detect import detect
    from pipeline.config.model import model_at
    from pipeline.console.progress import progress_bar
    from pipeline.console.tables import print_table

    first, last = day(from_, "--from"), day(to, "--to")
    if (b is None) == (first is None or last is None) or (b is not None and (first, last, version) != (None,) * 3):
        raise UserError("give two rasters, A and B, or one cube with --from and --to")
    with model_at(model) as folder:
        pipeline = ChangePipeline.from_pretrained(folder).to("cuda" if torch.cuda.is_available() else "cpu")
    source: AbstractContextManager[TwoDates]
    if b is not None:
        source = rasters(Path(a), Path(b), pipeline.bands, pipeline.settings.blank)
    else:
        assert first is not None and last is not None
        source = nullcontext(periods(a, first, last, pipeline.bands, version))
    with source as dates, progress_bar("detect-change") as report:
        found = detect(pipeline, dates, out, report)
    if as_json:
        print(to_json(found))
        return
    share = 100 * found.changed / found.pixels if found.pixels else 0
    rows = [
        (
            "changed",
            f"{found.changed:,} of {found.pixels:,} pixels ({share:.2f} %), above {found.threshold:g}",
        ),
        ("no data in one of the dates", f"{found.no_data:,} pixels"),
        ("model", found.model),
        ("seconds of the model", f"{found.seconds:,.1f}"),
    ]
    print_table(f"written {found.out}", rows)
