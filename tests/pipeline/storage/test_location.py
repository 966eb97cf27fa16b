from pathlib import Path

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError

from pipeline.errors import RunError, UserError
from pipeline.storage.location import Bucket, bucket, parse_location, storage_error, storage_errors

CUBE = "s3://maps/cube"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_folder_is_a_path_and_object_storage_a_url_without_a_slash_at_its_end(tmp_path):
    assert parse_location(tmp_path) == parse_location(str(tmp_path)) == tmp_path
    assert parse_location("maps/cube") == Path("maps/cube")
    assert parse_location("s3://maps") == "s3://maps"
    assert parse_location("s3://maps/a/b/") == "s3://maps/a/b"


def test_a_key_is_not_repeated_in_the_sentence():
    with pytest.raises(UserError, match=r"'s3://\.\.\.@bucket/cube'") as refused:
        parse_location("s3://key:secret@bucket/cube")
    assert "secret" not in str(refused.value)


def test_a_bucket_is_reached_as_the_environment_says(environment):
    assert bucket(f"{CUBE}/deep") == Bucket("maps", "cube/deep", None, None)
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert bucket(CUBE).region == "eu-west-1"
    environment.setenv("AWS_REGION", "eu-north-1")
    assert bucket(CUBE).region == "eu-north-1"
    environment.setenv("AWS_ENDPOINT_URL", "https://store:9000")
    assert bucket(CUBE) == Bucket("maps", "cube", "https://store:9000", "eu-north-1")
    assert not bucket(CUBE).plain


def test_other_storage_than_amazons_needs_no_region_and_may_be_plain(environment):
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert bucket("s3://maps") == Bucket("maps", "", "http://127.0.0.1:9000", "us-east-1")
    assert bucket("s3://maps").plain


@pytest.mark.parametrize("endpoint", ["store:9000", "http://user:secret@store", "http://store/path", "ftp://store"])
def test_an_endpoint_that_is_none_is_refused_without_telling_a_secret(environment, endpoint):
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(UserError, match="AWS_ENDPOINT_URL must be") as refused:
        bucket(CUBE)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PermissionDeniedError("no"), "refuses this user"),
        (UnauthenticatedError("no"), "refuses this user"),
        (GenericError("status code: 403"), "refuses this user"),
        (GenericError("NoSuchBucket"), "there is no such bucket"),
        (FileNotFoundError("NoSuchBucket"), "there is no such bucket"),
        (GenericError("error sending request for url"), r"cannot be reached at Amazon S3 \(error sending request\)"),
    ],
)
def test_an_error_of_object_storage_becomes_one_sentence(error, sentence):
    with pytest.raises(RunError, match=f"^{CUBE} .*{sentence}") as told, storage_errors(CUBE):
        raise error
    assert "\n" not in str(told.value)


def test_other_errors_and_those_of_a_folder_pass(tmp_path):
    assert storage_error(CUBE, ValueError("status code: 403")) is None
    assert storage_error(tmp_path, GenericError("status code: 403")) is None
    with pytest.raises(ValueError, match="mine"), storage_errors(CUBE):
        raise ValueError("mine")
