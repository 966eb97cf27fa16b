"""params.py: the parameters of a region file, and what of them is part of fingerprints."""

from dataclasses import asdict

import pytest

from pipeline.mosaic.params import ANY_DAY, DEFAULT, MosaicParams, mosaic_params


def test_the_fields_are_those_that_fingerprints_of_old_cubes_were_made_of():
    """Renamed fields would map every cube again."""
    assert asdict(DEFAULT) == {"method": "median", "resampling": "bilinear", "day_of_year": 196}


@pytest.mark.parametrize(("method", "day"), [("median", ANY_DAY), ("best", 182)])
def test_the_day_counts_only_where_the_method_uses_it(region_of, method, day):
    mosaic = {"method": method, "resampling": "cubic", "target_day": "2023-07-01"}
    assert mosaic_params(region_of("params", mosaic=mosaic)) == MosaicParams(method, "cubic", day)
