"""Windows that a device keeps for the blocks beside which they lie."""

from concurrent.futures import Future

import numpy as np
import torch

from idgbr import IDGBRPipeline
from pipeline.geometry.grid import Window
from pipeline.segment.batching import BatchingDevice
from pipeline.segment.block import segment
from pipeline.segment.kept import KeptWindows, RawWindow, key

IMAGE = np.arange(32, dtype=np.uint16).reshape(2, 4, 4)


def test_a_window_is_known_by_its_pixels_its_place_and_its_stage():
    other = IMAGE.copy()
    other[1, 3, 3] += 1
    same = key("coarse", RawWindow(np.asfortranarray(IMAGE), (0, 4)))
    keys = {
        key("coarse", RawWindow(IMAGE, (0, 4))),
        key("coarse", RawWindow(other, (0, 4))),
        key("coarse", RawWindow(IMAGE, (4, 0))),
    }
    assert same in keys
    assert len(keys | {key("refined", RawWindow(IMAGE, (0, 4)))}) == 4


def test_the_window_that_was_asked_for_longest_ago_goes_first():
    kept, futures = KeptWindows(2), [Future() for _ in range(3)]
    keys = [key("coarse", RawWindow(IMAGE, (0, number))) for number in range(3)]
    for at, future in zip(keys[:2], futures, strict=False):
        kept.keep(at, future)
    assert kept.get(keys[0]) is futures[0]
    kept.keep(keys[2], futures[2])
    assert kept.get(keys[1]) is None
    assert [kept.get(keys[number]) for number in (0, 2)] == [futures[0], futures[2]]


def test_a_window_whose_computation_failed_is_not_kept():
    kept, future, at = KeptWindows(2), Future(), key("coarse", RawWindow(IMAGE, (0, 0)))
    kept.keep(at, future)
    assert kept.get(at) is future
    future.set_exception(ValueError("no kernel"))
    assert kept.get(at) is None


def test_blocks_side_by_side_share_windows_and_have_the_maps_of_blocks_alone():
    torch.set_num_threads(1)
    mosaic_BHW = np.random.default_rng(0).integers(300, 3000, (4, 12, 24)).repeat(64, 1).repeat(64, 2).astype(np.uint16)

    def read(window):
        rows, cols = (range(low + 256, high + 256) for low, high in ((window.y0, window.y1), (window.x0, window.x1)))
        return mosaic_BHW.take(rows, 1, mode="clip").take(cols, 2, mode="clip")

    maps, counts = [], []
    for kept_bytes in (0, 2**28):
        device, windows = BatchingDevice(IDGBRPipeline.from_pretrained("simulated-s2").to("cpu"), kept_bytes), []
        maps.append([segment(device, read, Window(0, x, 64, x + 128), windows.append) for x in (0, 128)])
        counts.append(len(windows))
        device.close()
    assert counts[1] < counts[0]
    for alone, shared in zip(*maps, strict=True):
        for name in ("landcover_HW", "coarse_HW", "confidence_HW", "refined_HW"):
            assert getattr(alone, name).tobytes() == getattr(shared, name).tobytes()
