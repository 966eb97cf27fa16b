"""One tiling: plain arrays, `idgbr evaluate` and a cube get the same map of the same ground."""

import numpy as np
import pytest

from idgbr import IDGBRPipeline
from pipeline import open_cube
from pipeline.geometry.grid import Window
from pipeline.raster.strips import one_thread
from pipeline.segment.batching import BatchingDevice
from pipeline.segment.block import segment
from pipeline.training.evaluate import evaluate

SHAPE = (210, 230)


@pytest.fixture(scope="module")
def small(model):
    return IDGBRPipeline.from_pretrained(model)


@pytest.fixture(scope="module")
def cube(whole):
    """A cube made by a run, and the absolute corner of its arrays."""
    region, _ = whole
    window = region.extent.window
    return open_cube(region.cube).isel(time=0), (window.y0, window.x0)


@pytest.fixture(scope="module")
def image():
    random = np.random.default_rng(5)
    patches = random.integers(300, 4000, (4, 15, 13)).astype(np.uint16)
    image = np.kron(patches, np.ones((1, 20, 20), np.uint16))[:, : SHAPE[0], : SHAPE[1]]
    image += random.integers(0, 200, image.shape).astype(np.uint16)
    image[:, 150:, 180:] = 0
    return image


def percent(confidence):
    return np.floor(confidence * 100 + 0.5).astype(np.uint8)


def test_an_array_gets_the_map_of_the_cube(small, cube):
    """The whole cube, with a margin without data around it, on one thread as in a run: equal to the last pixel."""
    arrays, (y, x) = cube
    radius = small.settings.boundary_radius
    beyond = ((0, 0), (radius, radius), (radius, radius))
    with one_thread():
        maps = small.maps(np.pad(arrays.mosaic.values, beyond)[None], origin=(y - radius, x - radius))
    inner = (0, slice(radius, -radius), slice(radius, -radius))
    assert len(np.unique(maps.refined_BHW)) > 2
    assert (maps.refined_BHW != maps.coarse_BHW).any()
    assert np.array_equal(maps.coarse_BHW[inner], arrays.coarse.values)
    assert np.array_equal(maps.refined_BHW[inner], arrays.landcover.values)
    assert np.array_equal(percent(maps.confidence_BHW[inner]), arrays.confidence.values)
    assert np.array_equal(maps.editable_BHW[inner], arrays.refined.values > 0)


@pytest.mark.parametrize("shift", [0, 7])
def test_a_crop_of_the_cube_agrees_beyond_one_window_from_its_edge(small, cube, shift):
    arrays, (y, x) = cube
    reach = small.settings.window + small.settings.boundary_radius
    crop = slice(100 + shift, 420), slice(130 + shift, 430)
    image_BHW = arrays.mosaic.values[:, *crop]
    maps = small.maps(image_BHW[None], origin=(y + crop[0].start, x + crop[1].start))
    inner = slice(reach, -reach), slice(reach, -reach)
    assert maps.refined_BHW[0][inner].size > 10_000
    assert np.array_equal(maps.coarse_BHW[0][inner], arrays.coarse.values[crop][inner])
    assert np.array_equal(maps.refined_BHW[0][inner], arrays.landcover.values[crop][inner])
    assert np.array_equal(percent(maps.confidence_BHW[0][inner]), arrays.confidence.values[crop][inner])


def test_the_origin_decides_the_phase_of_the_lattice_and_the_noise(small, cube):
    """The same crop at another origin is another map; else the tests above would hold for any tiling."""
    arrays, (y, x) = cube
    image_BHW = arrays.mosaic.values[:, 100:400, 100:400]
    here, elsewhere = (
        small.maps(image_BHW[None], origin=origin) for origin in ((y + 100, x + 100), (y + 107, x + 107))
    )
    assert (here.coarse_BHW != elsewhere.coarse_BHW).any()
    assert (here.refined_BHW != elsewhere.refined_BHW).any()


def test_evaluation_scores_the_map_that_a_block_at_the_origin_gets(small, image, monkeypatch):
    device = BatchingDevice(small)

    def read_mosaic(window):
        found = np.zeros((4, *window.shape), np.uint16)
        part = window & Window(0, 0, *SHAPE)
        found[:, *part.slices((window.y0, window.x0))] = image[:, *part.slices((0, 0))]
        return found

    block = segment(device, read_mosaic, Window(0, 0, *SHAPE))
    device.close()
    scored = []
    own = IDGBRPipeline.maps
    monkeypatch.setattr(IDGBRPipeline, "maps", lambda *call, **more: scored.append(own(*call, **more)) or scored[-1])
    label_HW = np.where(image.any(0), small.settings.codes[0], 0).astype(np.uint8)
    evaluate(small, [("a", image, label_HW, (0, 0))], lambda *done: None)
    edge = small.settings.boundary_radius
    inner = slice(edge, -edge), slice(edge, -edge)
    assert np.array_equal(scored[-1].coarse_BHW[0], block.coarse_HW)
    assert np.array_equal(scored[-1].refined_BHW[0][inner], block.landcover_HW[inner])
    assert np.array_equal(percent(scored[-1].confidence_BHW[0])[inner], block.confidence_HW[inner])
