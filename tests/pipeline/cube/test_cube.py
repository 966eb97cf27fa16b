import icechunk
import pytest
import zarr
from made_versions import LAYOUT, SUMMER, plain, published

from pipeline.cube import versions
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError
from pipeline.storage import lease


def test_a_cube_that_is_not_there_is_not_found_and_not_opened(tmp_path):
    assert Cube.find(tmp_path / "cube") is None
    with pytest.raises(UserError, match=f"there is no cube at {tmp_path}/cube"):
        Cube.open(tmp_path / "cube")
    assert not (tmp_path / "cube").exists()


def test_a_cube_that_was_created_is_opened_by_its_path_as_text_too(tmp_path):
    Cube.create(tmp_path / "cube").files.write("note", "here")
    cube = Cube.open(str(tmp_path / "cube"))
    assert cube.location == tmp_path / "cube"
    assert cube.files.read("note") == b"here"
    assert (tmp_path / "cube" / "store").is_dir()
    assert Cube.create(tmp_path / "cube").repository.list_branches() == {"main"}


def test_a_cube_that_is_just_being_made_is_not_there_yet_and_is_not_made_twice(tmp_path):
    """Icechunk writes the first snapshot, then the branch `main`; a process may also die between them."""
    cube = Cube.create(tmp_path / "cube")
    (tmp_path / "cube" / "store" / "refs" / "branch.main" / "ref.json").rename(tmp_path / "ref.json")
    assert Cube.find(cube.location) is None
    with pytest.raises(RunError, match=r"another run is just making the cube .* delete .*/cube/store"):
        Cube.create(cube.location)
    (tmp_path / "ref.json").rename(tmp_path / "cube" / "store" / "refs" / "branch.main" / "ref.json")
    assert Cube.create(cube.location).repository.list_branches() == {"main"}


def test_what_is_no_location_is_refused(tmp_path):
    with pytest.raises(UserError, match="s3://bucket/prefix"):
        Cube.find("gs://bucket/cube")


def test_a_branch_has_no_group_before_its_arrays_are_made(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    assert cube.branch_group("run-a") is None
    assert cube.branch_group("main") is None
    session = cube.repository.writable_session("main")
    zarr.open_group(session.store).attrs["name"] = "here"
    session.commit("a group without arrays")
    assert cube.branch_group("main") is None
    session = cube.repository.writable_session("main")
    add_period(zarr.open_group(session.store), LAYOUT, SUMMER)
    snapshot = session.commit("arrays")
    group = cube.branch_group("main")
    assert group is not None
    assert group["0/mosaic"].shape == (1, 1, 512, 768)
    assert cube.group(snapshot=snapshot).attrs["name"] == cube.group(branch="main").attrs["name"] == "here"


def test_a_cube_with_the_paths_of_before_is_refused_and_not_taken_for_an_empty_one(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    session = cube.repository.writable_session("main")
    group = zarr.open_group(session.store)
    group.attrs.update(LAYOUT.as_attributes())
    group.create_array("mosaic", shape=(1, 1, 512, 768), dtype="uint16")
    session.commit("of before")
    for read in (cube.group, cube.branch_group):
        with pytest.raises(UserError, match=r"other paths of arrays; name another cube .* or read this one with"):
            read(branch="main")


def test_a_group_is_read_only(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    session = cube.repository.writable_session("main")
    zarr.open_group(session.store).attrs["name"] = "here"
    session.commit("a group")
    with pytest.raises(icechunk.IcechunkError, match=r"read.only"):
        cube.group(branch="main").attrs["name"] = "there"


def test_a_cube_is_held_by_one_lease_at_a_time(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    with cube.lease("first", "bavaria") as held:
        held.check()
        assert lease.holder(cube.files).run == "first"
        with (
            pytest.raises(RunError, match="is held by run first of region bavaria"),
            Cube.open(tmp_path / "cube").lease("second", "bavaria"),
        ):
            pass
    assert lease.holder(cube.files) is None


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"snapshot":"AAAAAAAAAAAAAAAAAAA0"}'])
def test_a_cube_whose_branch_main_is_lost_is_not_taken_for_a_new_one(tmp_path, content):
    version = published(Cube.create(tmp_path / "cube"), plain())
    ref = tmp_path / "cube" / "store" / "refs" / "branch.main" / "ref.json"
    good = ref.read_bytes()
    ref.unlink() if content is None else ref.write_bytes(content)
    for use in (Cube.find, Cube.open, Cube.create):
        with pytest.raises(RunError, match=r"store/refs/branch\.main/ref\.json .* restore it from a backup") as told:
            use(tmp_path / "cube")
        assert "\n" not in str(told.value)
    assert ref.exists() == (content is not None)
    ref.write_bytes(good)
    assert versions.resolve(Cube.open(tmp_path / "cube")) == version


def test_a_conflict_of_commits_becomes_one_sentence(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    first, second = (cube.repository.writable_session("main") for _ in range(2))
    for session, name in ((first, "first"), (second, "second")):
        zarr.open_group(session.store).attrs["writer"] = name
    first.commit("first")
    with pytest.raises(RunError, match=r"cannot be written .* what is committed is kept") as told, cube.writing():
        second.commit("second")
    assert "\n" not in str(told.value)
    assert cube.group(branch="main").attrs["writer"] == "first"
