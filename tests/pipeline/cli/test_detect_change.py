"""Wrong use of `idgbr detect-change`; what it writes is tested in tests/pipeline/change/test_detect.py."""

import pytest
from change_files import write_raster
from change_toys import tiny_change_model, two_dates
from command import run_here, sentence


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("use")
    tiny_change_model().save_pretrained(folder / "model")
    for name, image in zip("ab", two_dates(3, 50, 60)[:2], strict=True):
        write_raster(folder / f"{name}.tif", image)
    return folder


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.tif"], "give two rasters, A and B, or one cube with --from and --to"),
        (["a.tif", "b.tif", "--from", "2023-05-01"], "give two rasters"),
        (["cube", "--from", "2023-05-01"], "give two rasters"),
        (["cube", "--from", "May", "--to", "2024-05-01"], "--from is 'May'"),
        (["cube", "--from", "2023-05-01", "--to", "2024-05-01"], "there is no cube at cube"),
        (["a.tif", "b.tif", "--out", "change.png"], "this export is named with .tif or .tiff or .zarr"),
        (["a.tif", "b.tif", "--model", "nothing"], "there is no model folder nothing"),
        (["a.tif", "b.tif", "--out", "b.tif"], "exists already"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(folder, arguments, says):
    line = ["detect-change", "--model", "model", "--out", "out.tif", *arguments]
    assert says in sentence(run_here(*line, folder=folder), 2)
