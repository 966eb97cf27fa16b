import zarr
from block_source import source_of
from regional_cubes import SUMMER, layout_of

from pipeline.cube.create import add_period
from pipeline.cube.sources import (
    SOURCE,
    Source,
    cubes_of_blocks,
    is_joined,
    number_sources,
    prepare_sources,
    read_sources,
)
from pipeline.cube.store import array

OLD, NEW = (Source("/cubes/west", version, {"2024-05-01": "run"}) for version in ("OLD", "NEW"))


def test_a_version_keeps_its_number_and_blocks_tell_theirs():
    group = zarr.create_group({})
    add_period(group, layout_of((0, 0, 256, 512)), SUMMER)
    assert not is_joined(group)
    assert source_of(group, 0, (0, 0)) is None
    prepare_sources(group)
    assert is_joined(group)
    assert number_sources(group, [OLD]) == [1]
    assert number_sources(group, [NEW, OLD]) == [2, 1]
    assert read_sources(group) == [OLD, NEW]
    assert cubes_of_blocks(group) == set()
    array(group, SOURCE)[0, 0, 1] = 2
    assert cubes_of_blocks(group) == {"/cubes/west"}
    assert source_of(group, 0, (0, 1)) == NEW
    assert source_of(group, 0, (0, 0)) is None


def test_the_record_grows_with_the_periods():
    group, layout = zarr.create_group({}), layout_of((0, 0, 256, 512))
    for year in (2024, 2025):
        add_period(group, layout, tuple(day.replace(year=year) for day in SUMMER))
        prepare_sources(group)
    assert array(group, SOURCE).shape == array(group, "blocks/state").shape == (2, 1, 2)
