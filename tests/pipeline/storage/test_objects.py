"""Objects on object storage that are read within limits."""

import time

import pytest

from pipeline.errors import RunError, UserError
from pipeline.storage.objects import fetch, list_objects, read_object


@pytest.fixture
def bucket(s3):
    return s3.bucket(f"objects-{time.time_ns()}")


@pytest.fixture
def put(s3, bucket):
    return lambda key, content=b"content": s3.put(bucket.removeprefix("s3://"), key, content)


def test_objects_below_a_prefix_are_listed_and_fetched_as_they_were_listed(bucket, put, tmp_path):
    put("model/a/deep")
    put("model/b")
    put("models/c")
    listed = list_objects(f"{bucket}/model", 2)
    assert [(item.name, item.size) for item in listed] == [("a/deep", 7), ("b", 7)]
    fetch(f"{bucket}/model", listed[1], tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"content"
    put("model/b", b"changed")
    with pytest.raises(RunError, match="/model/b was changed while it was fetched; run again"):
        fetch(f"{bucket}/model", listed[1], tmp_path / "b")


def test_a_prefix_of_more_objects_than_allowed_is_not_listed_to_its_end(bucket, put):
    for name in ("a", "b", "c"):
        put(f"model/{name}")
    with pytest.raises(UserError, match=f"more than 2 objects below {bucket}/model; name a longer prefix"):
        list_objects(f"{bucket}/model", 2)


def test_a_name_that_leads_out_of_a_folder_is_refused(bucket, put):
    put("model/../../escape.json")
    with pytest.raises(UserError, match=rf"an object below {bucket}/model has a name that is no path .*escape") as told:
        list_objects(f"{bucket}/model", 10)
    assert "\n" not in str(told.value)


def test_an_object_is_read_up_to_its_limit(bucket, put):
    put("area", b"x" * 2**20)
    assert read_object(f"{bucket}/area", 2**20, "polygon") == b"x" * 2**20
    put("area", b"x" * (2**20 + 1))
    with pytest.raises(UserError, match="has more than 1 MiB, too much for a polygon"):
        read_object(f"{bucket}/area", 2**20, "polygon")
