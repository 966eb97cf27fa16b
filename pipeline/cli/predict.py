"""The verb that maps a raster of one's own: predict."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, ModelPlace, OwnCode
from pipeline.console.output import to_json

app = typer.Typer()


@app.command()
def predict(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="a GeoTIFF, PNG or JPEG of the model's bands")],
    out: Annotated[Path, typer.Argument(metavar="OUT.tif", help="a new GeoTIFF (COG) of class codes")],
    model: ModelPlace,
    bands: Annotated[
        str | None,
        typer.Option(
            metavar="3,2,1,4",
            help="the image's bands that the model's are, in its order, by number or name; default: by their names, or "
            "all where they have none",
        ),
    ] = None,
    code: OwnCode = None,
    as_json: AsJson = False,
) -> None:
    """Maps a raster of any size with a model: class codes with colours and names, placed as the raster is.

    Interrupted, it goes on where it stopped when the same command is given again.

    Example: `idgbr predict image.tif --model simulated-s2 landcover.tif`
    """
    import torch

    from idgbr import IDGBRPipeline
    from idgbr.coarse import read_code
    from pipeline.config.model import model_at
    from pipeline.console.progress import progress_bar
    from pipeline.console.tables import print_table
    from pipeline.prediction.image import image_windows
    from pipeline.prediction.predict import predict as predict_image

    own = None if code is None else read_code(code)
    with model_at(model) as folder:
        pipeline = IDGBRPipeline.from_pretrained(folder, code=own)
    pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
    chosen = None if bands is None else [band.strip() for band in bands.split(",")]
    with image_windows(image, pipeline.settings, chosen) as source, progress_bar("predict") as report:
        predicted = predict_image(pipeline, source, out, report)
    if as_json:
        print(to_json(predicted))
        return
    pixels = max(predicted.width * predicted.height, 1)
    rows = [
        (row.name, f"{row.pixels:,} px ({100 * row.pixels / pixels:.1f} %)") for row in predicted.classes if row.pixels
    ]
    rows.append(("no data", f"{predicted.no_data:,} px ({100 * predicted.no_data / pixels:.1f} %)"))
    print_table(f"{out}: {predicted.width:,} x {predicted.height:,} px", rows)
