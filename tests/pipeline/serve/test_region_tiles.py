from pipeline.serve.region_tiles import part_of, tiles_of


def test_a_part_of_a_region_across_the_antimeridian_may_lie_on_either_side():
    region = (179.0, -1.0, -178.0, 1.0)
    assert part_of(region, (-179.5, -2, -170, 0.5)) == (-179.5, -1, -178, 0.5)
    assert part_of(region, (170, -2, 180, 0.5)) == (179, -1, 180, 0.5)
    columns = [tile.x for tile in tiles_of(region, 8) if tile.z == 8]
    assert set(columns) == {255, 0, 1}
