"""The arrays of a published cube, and whether two cubes hold the same bytes."""

from pipeline.cube.open import open_cube

ARRAYS = ("mosaic", "coarse", "landcover", "confidence", "refined", "observations")


def bytes_of(region, version=None):
    cube = open_cube(region.cube, version)
    return {name: cube[name].values for name in ARRAYS}


def assert_same(a, b):
    for name in ARRAYS:
        assert a[name].shape == b[name].shape, name
        assert a[name].tobytes() == b[name].tobytes(), name
