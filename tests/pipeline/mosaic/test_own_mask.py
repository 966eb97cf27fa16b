"""Masks that somebody made, such as those of a learned cloud mask: from files to the mosaic. Covers scene, region."""

import json

import numpy as np
import pytest
import rasterio

from pipeline.cube.open import open_cube
from pipeline.execution.run import run
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.params import mosaic_params
from pipeline.planning.plan import plan

SCL = {"clear": [4, 5, 6, 7, 11], "cloud": [8, 9, 10]}
OCM = {"clear": [0], "cloud": [1, 2], "dilate": 60}
"""OmniCloudMask: 0 clear, 1 thick cloud, 2 thin cloud, 3 shadow; 3 is not clear, and does not grow."""


def as_ocm(scl_HW):
    made_HW = np.full_like(scl_HW, 3)
    made_HW[np.isin(scl_HW, SCL["clear"])] = 0
    made_HW[np.isin(scl_HW, SCL["cloud"])] = 1
    return made_HW


def as_bits(scl_HW):
    """Bit 0: seen and no cloud; bit 5: cloud."""
    return (as_ocm(scl_HW) == 0) * np.uint8(1) + (as_ocm(scl_HW) == 1) * np.uint8(32)


def items_of(world):
    return [json.loads(line) for line in (world.folder / "items.ndjson").read_text().splitlines()]


def write_masks(folder, world, made, twice=False):
    """A file of each item, named by its id, from its scene classification; `twice` as fine as that."""
    folder.mkdir(parents=True)
    for item in items_of(world):
        with rasterio.open(item["assets"]["scl"]["href"]) as scl:
            mask_HW, profile = made(scl.read(1)), scl.profile
        if twice:
            mask_HW = mask_HW.repeat(2, 0).repeat(2, 1)
            height, width = mask_HW.shape
            transform = profile["transform"] @ rasterio.Affine.scale(0.5)
            profile |= {"height": height, "width": width, "transform": transform}
        with rasterio.open(folder / f"{item['id']}.tif", "w", **profile | {"nodata": None}) as file:
            file.write(mask_HW, 1)


def mosaic_of(region):
    """The mosaic of all the region, and the scenes lost."""
    planned = plan(region)
    extent, params = region.extent, mosaic_params(region)
    block = mosaic_block(
        extent.grid, extent.window, planned.scenes, planned.bands, params, area=extent.area, access=region.access
    )
    return block.mosaic_BHW, block.lost


def test_a_run_with_files_of_classes_makes_the_mosaic_of_the_providers_mask_that_says_the_same(
    region_of, undisturbed, world
):
    region = region_of("own", mask={"path": "masks/{id}.tif", **OCM})
    write_masks(region.cube.parent / "masks", world, as_ocm)
    made = run(region, mosaic_only=True)
    mosaic = open_cube(region.cube, version=f"run-{made.run}").mosaic.values
    assert np.array_equal(mosaic, open_cube(undisturbed[0].cube).mosaic.values)


@pytest.mark.parametrize(
    ("made", "rule", "twice"),
    [(as_ocm, OCM | {"dilate": 0}, True), (as_bits, {"bits": True, "clear": [0], "cloud": [5], "dilate": 60}, False)],
    ids=["finer pixels", "bits"],
)
def test_a_mask_may_be_finer_than_the_providers_and_be_of_bits(region_of, world, made, rule, twice):
    region = region_of("own", mask={"path": "masks/{id}.tif", **rule})
    write_masks(region.cube.parent / "masks", world, made, twice)
    expected, _ = mosaic_of(region_of("scl", mask={"asset": "scl", **SCL, "dilate": rule["dilate"]}))
    mosaic, lost = mosaic_of(region)
    assert (np.array_equal(mosaic, expected), lost) == (True, {})


def test_files_and_an_asset_that_say_otherwise_give_another_mosaic(region_of, world):
    def west(scl_HW):
        made_HW = as_ocm(scl_HW)
        made_HW[:, : made_HW.shape[1] // 2] = 1
        return made_HW

    region = region_of("files", mask={"path": "masks/{id}.tif", **OCM})
    masks = region.cube.parent / "masks"
    write_masks(masks, world, west)
    files, _ = mosaic_of(region)
    assert not np.array_equal(files, mosaic_of(region_of("scl"))[0])
    items = items_of(world)
    for item in items:
        item["assets"]["ocm"] = {"href": str(masks / f"{item['id']}.tif")}
    catalog = region.cube.parent / "items.ndjson"
    catalog.write_text("\n".join(map(json.dumps, items)))
    allowed = [str(world.folder), str(masks)]
    named = region_of("asset", catalog=str(catalog), allowed_paths=allowed, mask={"asset": "ocm", **OCM})
    assert np.array_equal(mosaic_of(named)[0], files)


def test_a_scene_whose_file_is_not_there_is_lost_by_name(region_of, world):
    region = region_of("gaps", mask={"path": "masks/{id}.tif", **OCM})
    masks = region.cube.parent / "masks"
    write_masks(masks, world, as_ocm)
    first = plan(region).scenes[0].id
    (masks / f"{first}.tif").unlink()
    _, lost = mosaic_of(region)
    assert list(lost) == [first]
    assert f"masks/{first}.tif" in lost[first]


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (
            {"path": "masks/all.tif", "clear": [0]},
            r"mask: the mask's path is .*masks/all.tif', but it must be whole and hold {id}",
        ),
        ({"path": "{id}.tif", "asset": "ocm", "clear": [0]}, "mask: give one of 'asset' and 'path'"),
        ({"clear": [0]}, "mask: give one of 'asset' and 'path': where the mask of each item is"),
    ],
)
def test_a_mask_has_one_place(region_of, mask, says):
    with pytest.raises(ValueError, match=says):
        region_of("wrong", mask=mask)
