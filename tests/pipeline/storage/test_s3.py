"""A cube on object storage: what a local folder gives, and one sentence where the storage fails. Covers `client.py`."""

import json
import os
import time
from dataclasses import asdict

import icechunk
import pytest
import yaml
import zarr
from command import answer, idgbr, run_here, sentence
from s3_server import Line, free_port
from sts_server import web_identity

from cluster import Finished
from pipeline.config.region_file import load
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.cube.status import status
from pipeline.errors import RunError, UserError
from pipeline.execution.run import run
from pipeline.planning import plan
from pipeline.scenes import resolve
from pipeline.storage.files import BucketFiles, files_at

ARRAYS = ("mosaic", "landcover", "coarse", "confidence", "refined", "observations", "first_clear", "last_clear")


@pytest.fixture
def bucket(s3):
    """The s3 URL of a new bucket."""
    return s3.bucket(f"maps-{time.time_ns()}")


def keys_of(s3, bucket):
    return s3.keys(bucket.removeprefix("s3://"))


def assert_same_maps(cube, expected):
    found, wanted = open_cube(cube), open_cube(expected)
    for name in ARRAYS:
        assert found[name].dtype == wanted[name].dtype
        assert found[name].values.tobytes() == wanted[name].values.tobytes(), name


def test_a_run_with_cube_and_model_in_a_bucket_gives_the_bytes_of_a_local_one_and_a_second_has_nothing_to_do(
    s3, bucket, region_of, undisturbed, model, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cube, stored = f"{bucket}/maps/bavaria", s3.upload(model, f"{bucket}/models/first")
    region = region_of(cube=f"{cube}/", model=stored)
    assert region.cube == cube
    report = run(region)
    assert_same_maps(cube, undisturbed[0].cube)
    assert report.areas_km2 == undisturbed[1].areas_km2
    assert report.run == undisturbed[1].run

    kept = {key.removeprefix("maps/bavaria/") for key in keys_of(s3, bucket)}
    names = ("region.json", "scenes.parquet", "offsets.json", "applied.json", "report.json")
    assert {f"runs/{report.run}/{name}" for name in names} <= kept
    assert [name for name in kept if name.startswith("scenes/") and name.endswith(".parquet")]
    (item,) = (json.loads(files_at(cube).read(name)) for name in kept if name.startswith("stac/"))
    assert item["assets"]["cube"]["href"] == f"{cube}/store"
    assert item["properties"]["version"] == report.version
    model_item = json.loads(files_at(cube).read(f"runs/{report.run}/model.json"))
    assert model_item["assets"]["model"]["href"] == stored

    again = run(region)
    assert again.version == report.version
    assert not again.done_anything

    assert answer("status", cube)["published"] == report.version
    assert [version["version"] for version in answer("history", cube)] == [report.version]
    (period,) = answer("query", cube, "--point", "12.0,48.5")["periods"]
    assert period["class"] in report.areas_km2


def test_the_scene_list_is_in_the_bucket_before_any_pixel_is_read(s3, bucket, region_of, monkeypatch):
    seen = []
    monkeypatch.setattr(resolve, "decide_offsets", lambda *_, **__: seen.append(keys_of(s3, bucket)) or {})
    plan.plan(region_of(cube=bucket))
    listed = [key for key in keys_of(s3, bucket) if key.endswith(".parquet")]
    assert len(listed) == 1
    assert all(listed[0] in keys for keys in seen)


def test_of_two_writers_of_one_branch_the_second_commit_is_refused(bucket):
    cube = Cube.create(f"{bucket}/cube")
    first, second = (cube.repository.writable_session("main") for _ in range(2))
    for session, value in ((first, 1), (second, 2)):
        zarr.open_group(session.store).attrs["writer"] = value
    first.commit("first")
    with pytest.raises(icechunk.ConflictError):
        second.commit("second")
    assert cube.group(branch="main").attrs["writer"] == 1


@pytest.mark.long
def test_a_run_whose_bucket_goes_away_says_so_and_continues_when_it_is_back(s3, bucket, region_of, whole, monkeypatch):
    monkeypatch.setattr(store, "TRIES", 2)
    region, line = region_of(cube=f"{bucket}/cube", commit_every=1, bbox=whole[0].bbox), Line(s3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
    blocks, mapped = whole[1].blocks.new, 0

    def cut_before_the_end(event):
        nonlocal mapped
        mapped += isinstance(event, Finished) and event.stage == "segment"
        if mapped == blocks - 2:
            line.cut()

    with pytest.raises(RunError, match=rf"{region.cube} cannot be reached at {line.url} .* run again") as told:
        run(region, listener=cut_before_the_end)
    assert "\n" not in str(told.value)

    line.mend()
    (kept,) = status(Cube.open(region.cube)).running.values()
    assert kept.landcover >= 1
    report = run(region)
    assert asdict(report.done) == {
        stage: blocks - getattr(kept, name) for stage, name in (("mosaic", "mosaic"), ("segment", "landcover"))
    }
    assert_same_maps(region.cube, whole[0].cube)
    line.cut()


def test_keys_that_may_only_read_show_a_cube_and_cannot_write_it(s3, bucket, region_of, undisturbed, monkeypatch):
    cube = f"{bucket}/cube"
    note = Cube.create(cube).files
    note.write("note", "here")
    with s3.guarded() as reader:
        for name, value in reader.items():
            monkeypatch.setenv(name, value)
        assert note.read("note") == b"here"
        assert status(Cube.open(cube)).published is None
        with pytest.raises(RunError, match="refuses this user; set AWS_ACCESS_KEY_ID"):
            note.write("note", "there")
        with pytest.raises(RunError, match="refuses this user"):
            run(region_of(cube=cube))


def test_a_pod_whose_service_account_has_a_role_needs_no_keys(s3, bucket, tmp_path):
    cube = f"{bucket}/cube"
    Cube.create(cube)
    with web_identity(s3, tmp_path, "token of the pod") as pod, s3.guarded():
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        environment = {name: value for name, value in os.environ.items() if name not in keys} | pod
        found, told = idgbr("status", cube, "--json", env=environment).communicate()
        assert json.loads(found)["published"] is None, told
        (tmp_path / "token").write_text("token of another")
        assert "refuses this user; set AWS" in sentence(idgbr("status", cube, env=environment), 1)


def test_wrong_keys_a_missing_bucket_and_a_server_that_is_not_there_end_in_one_sentence(s3, bucket, monkeypatch):
    assert "there is no cube at" in sentence(run_here("status", bucket), 2)
    assert "there is no such bucket" in sentence(run_here("history", "s3://no-such-bucket/cube"), 1)
    with s3.guarded():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        assert "refuses this user" in sentence(run_here("status", bucket), 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached at http://127.0.0.1" in sentence(run_here("status", bucket), 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret@127.0.0.1")
    told = sentence(run_here("status", bucket), 2)
    assert "AWS_ENDPOINT_URL must be" in told
    assert "secret" not in told


@pytest.mark.parametrize("region", [{}, {"region": "eu-west-1"}])
def test_a_bucket_of_amazons_own_needs_no_endpoint(monkeypatch, region):
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    if region:
        monkeypatch.setenv("AWS_REGION", region["region"])
    client = BucketFiles("s3://maps/cube")._client
    assert client.prefix == "cube"
    assert {name: value for name, value in client.config.items() if name in ("bucket", "endpoint", "region")} == {
        "bucket": "maps",
        **region,
    }


@pytest.mark.parametrize(
    "cube",
    [
        "s3://",
        "s3://B",
        "s3://bucket//cube",
        "s3://bucket/../other",
        "s3://bucket/cube?versionId=1",
        "s3://bucket/a b",
        "s3://key:secret@bucket/cube",
        "gs://bucket/cube",
        "http://bucket/cube",
    ],
)
def test_what_is_no_place_of_a_cube_is_refused_without_telling_a_secret(cube, region_of):
    with pytest.raises(UserError, match="s3://bucket/prefix") as refused:
        region_of(cube=cube)
    assert "secret" not in str(refused.value)
    with pytest.raises(UserError, match="s3://bucket/prefix"):
        open_cube(cube)


def test_a_region_file_names_a_bucket_as_it_is_and_a_folder_from_where_it_lies(tmp_path, region_of):
    assert region_of(cube="s3://bucket").cube == "s3://bucket"
    path = tmp_path / "region" / "region.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"cube": "map"}))
    assert load(path).cube == path.parent / "map"
