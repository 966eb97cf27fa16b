"""One block against plain calls of the model. Covers pipeline.segment.block and batching."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from map_model import save_model

from idgbr import IDGBRPipeline
from idgbr.inference.band import band
from idgbr.inference.tiling import WindowLattice
from idgbr.processes.noise import noise
from pipeline.geometry.grid import Window
from pipeline.segment.batching import BatchingDevice
from pipeline.segment.block import CHANGED, CONFIRMED, KEPT, lattice_windows, parts_that_see, reach, segment

SHAPE = (300, 260)
WHOLE = Window(-40, 1000, -40 + SHAPE[0], 1000 + SHAPE[1])


@pytest.fixture(scope="module")
def small(model):
    return IDGBRPipeline.from_pretrained(model)


@pytest.fixture(scope="module")
def device(small):
    device = BatchingDevice(small, kept_bytes=0)
    yield device
    device.close()


@pytest.fixture(scope="module")
def mosaic():
    random = np.random.default_rng(5)
    patches = random.integers(300, 4000, (4, 15, 13)).astype(np.uint16)
    image = np.kron(patches, np.ones((1, 20, 20), np.uint16)) + random.integers(0, 200, (4, *SHAPE)).astype(np.uint16)
    image[:, 200:, 180:] = 0
    return image


@pytest.fixture(scope="module")
def read(mosaic):
    def read_mosaic(window):
        result = np.zeros((4, *window.shape), np.uint16)
        part = window & WHOLE
        if not part.empty:
            inside = part.slices((WHOLE.y0, WHOLE.x0))
            result[:, *part.slices((window.y0, window.x0))] = mosaic[:, *inside]
        return result

    return read_mosaic


@pytest.fixture(scope="module")
def labels(device, read):
    return segment(device, read, WHOLE)


@pytest.mark.parametrize(
    "cut", [Window(-40, 1000, 90, 1100), Window(11, 1033, 150, 1260), Window(100, 1100, 101, 1101)]
)
def test_any_block_gives_the_same_bytes(device, read, labels, cut):
    part = segment(device, read, cut)
    inside = cut.slices((WHOLE.y0, WHOLE.x0))
    for name in ("landcover_HW", "coarse_HW", "confidence_HW", "refined_HW"):
        assert (getattr(part, name) == getattr(labels, name)[inside]).all(), name


def test_any_block_gives_the_same_bytes_with_a_coarse_network_that_draws_noise(read, tmp_path):
    model = IDGBRPipeline.from_pretrained(save_model(tmp_path, network="DiffHRNet"))
    ground, cut = Window(-40, 1000, 80, 1140), Window(11, 1033, 70, 1120)
    labels, parts = [], []
    for part, into in ((ground, labels), (cut, parts)):
        device = BatchingDevice(model)
        into.append(segment(device, read, part))
        device.close()
    inside = cut.slices((ground.y0, ground.x0))
    assert len(np.unique(labels[0].coarse_HW)) > 2
    for name in ("landcover_HW", "coarse_HW", "confidence_HW", "refined_HW"):
        assert (getattr(parts[0], name) == getattr(labels[0], name)[inside]).all(), name


def test_labels_depend_on_nothing_beyond_the_stated_reach(small, device, read, mosaic, labels):
    cut = Window(60, 1100, 120, 1160)
    near = cut.pad(reach(small.settings.window, small.settings.boundary_radius))
    part = segment(device, lambda window: np.where(inside_mask(window, near), read(window), 0), cut)
    assert (part.landcover_HW == labels.landcover_HW[cut.slices((WHOLE.y0, WHOLE.x0))]).all()


@pytest.mark.parametrize(
    ("ground", "share"),
    [
        ([Window(-40, 1000, -20, 1040)], 0.25),
        ([Window(-40, 1260, 260, 1300), Window(260, 1260, 300, 1300)], 0.5),
        ([Window(-140, 900, -40, 1000), Window(260, 1000, 300, 1100)], 0.5),
        ([Window(60, 1100, 100, 1140), Window(70, 1110, 80, 1120)], 0.5),
        ([Window(600, 1000, 700, 1100)], 0.0),
    ],
)
def test_the_parts_that_see_new_ground_are_all_that_differs_in_the_new_map(small, device, read, labels, ground, share):
    """A small part of the block is mapped, and with the rest of the old map it is the whole new map."""

    def read_new(window):
        mosaic_BHW = read(window)
        for part in (part & window for part in ground):
            if not part.empty:
                mosaic_BHW[:, *part.slices((window.y0, window.x0))] = 2500
        return mosaic_BHW

    whole = segment(device, read_new, WHOLE)
    parts = parts_that_see(small.settings, WHOLE, ground)
    assert sum(np.prod(part.shape) for part in parts) <= share * np.prod(WHOLE.shape)
    corner, names = (WHOLE.y0, WHOLE.x0), ("landcover_HW", "coarse_HW", "confidence_HW", "refined_HW")
    mapped = [(part, segment(device, read_new, part)) for part in parts]
    assert any((getattr(whole, name) != getattr(labels, name)).any() for name in names) == bool(parts)
    for name in names:
        together_HW = getattr(labels, name).copy()
        for part, found in mapped:
            together_HW[part.slices(corner)] = getattr(found, name)
        assert (together_HW == getattr(whole, name)).all(), name


def inside_mask(window, near):
    mask = np.zeros(window.shape, bool)
    mask[(window & near).slices((window.y0, window.x0))] = True
    return mask


def test_refinement_changes_labels_only_where_it_says_so(labels):
    differs = labels.landcover_HW != labels.coarse_HW
    assert (differs == (labels.refined_HW == CHANGED)).all()
    assert differs.any()
    assert (labels.refined_HW == CONFIRMED).any()


def test_refinement_stays_in_the_band_of_boundaries_where_no_doubt_is_allowed(small, read):
    certain = IDGBRPipeline(replace(small.settings, uncertainty_threshold=0.0), small.coarse, small.refiner)
    labels = segment(BatchingDevice(certain), read, WHOLE)
    r = small.settings.boundary_radius
    seen_to_the_edge_HW = np.pad(labels.coarse_HW[r:-r, r:-r], r)
    near_boundary = band(torch.from_numpy(seen_to_the_edge_HW), torch.ones(SHAPE), r, 0.0).numpy()
    near_boundary |= seen_to_the_edge_HW == 0
    assert (labels.refined_HW[~near_boundary] == KEPT).all()
    assert (~near_boundary & (labels.coarse_HW > 0)).any()
    assert (labels.landcover_HW[~near_boundary] == labels.coarse_HW[~near_boundary]).all()


def test_the_noise_of_every_window_is_a_part_of_one_field_over_the_absolute_grid(small, device, read, monkeypatch):
    field = noise(small.settings.seed, [(-200, 800)], 500, 600, small.refiner.codec.channels)[0].numpy()
    draw, seen = small.noise, []

    def watched(*asked):
        drawn_BDHW = draw(*asked)
        seen.extend(drawn_BDHW.numpy())
        return drawn_BDHW

    monkeypatch.setattr(small, "noise", watched)
    cut = Window(60, 1100, 120, 1160)
    segment(device, read, cut)
    side = small.settings.window
    windows = lattice_windows(WindowLattice(side, small.settings.overlap), cut.pad(4))
    parts = [field[:, w.y0 + 200 :, w.x0 - 800 :][:, :side, :side] for w in windows]
    assert seen
    assert all(any(np.array_equal(one, part) for part in parts) for one in seen)


def test_no_observation_is_no_data_in_every_label(labels, mosaic):
    unseen = ~mosaic.any(0)
    for name in ("landcover_HW", "coarse_HW", "confidence_HW", "refined_HW"):
        assert (getattr(labels, name)[unseen] == 0).all()
    assert (labels.landcover_HW[~unseen] > 0).all()


def test_a_block_of_one_sure_class_costs_no_refinement(small, device, monkeypatch):
    calls = []
    monkeypatch.setattr(small, "refine_logits", lambda *arguments: calls.append(arguments))
    sure_1KHW = torch.tensor([9.0, 0, 0, 0, 0, 0])[None, :, None, None]
    monkeypatch.setattr(
        small, "coarse_logits", lambda image, corners: sure_1KHW.expand(len(image), 6, *image.shape[2:])
    )
    found = segment(device, lambda window: np.full((4, *window.shape), 1000, np.uint16), Window(0, 0, 64, 64))
    assert not calls
    assert (found.landcover_HW == small.settings.codes[0]).all()
    assert (found.refined_HW == KEPT).all()
