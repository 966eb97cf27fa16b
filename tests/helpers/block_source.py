"""Which version a block of a joined cube was taken from."""

import numpy as np

from pipeline.cube.sources import SOURCE, is_joined, read_sources
from pipeline.cube.store import array


def source_of(group, time, slot):
    """None for a block that a run mapped into this cube, or that is not there."""
    if not is_joined(group):
        return None
    number = int(np.asarray(array(group, SOURCE)[time, *slot]))
    return read_sources(group)[number - 1] if number else None
