"""Sizes that no network has are told in one line (`sizes.py`), whichever network is built of them."""

import pytest

from idgbr.coarse import CoarseUNet
from idgbr.errors import InputError
from idgbr.refiners.refiner import Refiner
from idgbr.training.sizes import fitting

UNFIT = [[4, 4, 8], [4, 4, 8, [8]], [4, 4, 8, -1], [4, 4, 8, 2**63], "wide", None]


@pytest.mark.parametrize("network", [CoarseUNet, Refiner])
@pytest.mark.parametrize("widths", UNFIT, ids=str)
def test_widths_that_are_none_are_told_in_one_line(network, widths):
    with pytest.raises(InputError, match="do not fit a network: ") as told, fitting("network", {"widths": widths}):
        network(3, 2, widths=widths)
    assert len(str(told.value).splitlines()) == 1


def test_what_a_network_says_itself_stays():
    with pytest.raises(InputError, match=r"^process of a walk refiner"), fitting("refiner", {"process": "walk"}):
        Refiner(3, 2, process="walk")
