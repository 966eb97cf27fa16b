import zarr

from pipeline.cube.block_runs import SCREENED, keeps_blocks, read_inputs


def test_blocks_of_earlier_runs_are_in_the_periods_that_an_update_with_a_change_model_mapped_last():
    group = zarr.create_group({})
    assert read_inputs(group, "2024-05-01") is None
    assert not keeps_blocks(group, "2024-05-01", None)
    inputs = {"inputs": {"2024-05-01": ["c2", "digest"]}}
    group.create_array(SCREENED, shape=(1, 2, 3), dtype="uint64", attributes=inputs)
    assert read_inputs(group, "2024-05-01") == ["c2", "digest"]
    assert keeps_blocks(group, "2024-05-01", "c2")
    assert not keeps_blocks(group, "2024-05-01", "d3"), "a run has mapped the period since"
    assert not keeps_blocks(group, "2025-05-01", "c2")
