import pytest
from made_versions import landcover_of, plain, published

from pipeline.cube import tags, versions
from pipeline.cube.cube import Cube
from pipeline.errors import UserError


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


@pytest.fixture
def three(cube):
    """Three published versions, of class 10, 30 and 80."""
    return [published(cube, plain(code), run=str(code)) for code in (10, 30, 80)]


def test_a_tag_names_a_version_wherever_one_is_asked_for(cube, three):
    assert tags.add(cube, "delivered", three[1]) == three[1]
    assert tags.add(cube, "latest") == three[2]
    assert versions.resolve(cube, "delivered") == three[1]
    assert [v.tags for v in versions.history(cube)] == [("latest",), ("delivered",), ()]
    assert (landcover_of(cube, versions.rollback(cube, "delivered"))[0, :512, :700] == 30).all()


@pytest.mark.parametrize(
    "name", ["newest", "previous", "main", "withdrawn-a", "Upper", "a b", "", "-a", "a/b", "a" * 64]
)
def test_a_name_that_cannot_be_a_tag_is_refused(cube, three, name):
    with pytest.raises(UserError, match="a tag cannot be named"):
        tags.add(cube, name)
    assert cube.repository.list_tags() == set()


def test_a_tag_neither_moves_nor_comes_back(cube, three):
    tags.add(cube, "delivered", three[1])
    with pytest.raises(UserError, match=f"already names version {three[1]}"):
        tags.add(cube, "delivered", three[2])
    assert tags.remove(cube, "delivered") == three[1]
    with pytest.raises(UserError, match="a deleted tag cannot be made again"):
        tags.add(cube, "delivered", three[1])
    with pytest.raises(UserError, match="no tag 'delivered'; its tags: none"):
        tags.remove(cube, "delivered")
    assert [v.tags for v in versions.history(cube)] == [(), (), ()]
