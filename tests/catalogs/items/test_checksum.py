"""Checksums by STAC's file extension."""

import hashlib

import pytest

from catalogs.items.checksum import FUNCTIONS, file_checksum, matches


@pytest.mark.parametrize(("prefix", "function"), FUNCTIONS.items())
def test_a_file_matches_the_multihash_of_its_bytes_alone(tmp_path, prefix, function):
    path = tmp_path / "band.tif"
    path.write_bytes(b"pixels" * 1_000)
    checksum = file_checksum({"file:checksum": (prefix + hashlib.new(function, path.read_bytes()).hexdigest()).upper()})
    assert checksum is not None
    assert int(prefix[-2:], 16) == hashlib.new(function).digest_size
    assert matches(path, checksum)
    path.write_bytes(b"pixelt" + b"pixels" * 1_000)
    assert not matches(path, checksum)


@pytest.mark.parametrize("value", [None, 7, "", "1220", "1220" + "0" * 63, "1220" + "g" * 64, "5b" * 32, "00" * 8])
def test_what_is_no_known_multihash_is_no_checksum(value):
    assert file_checksum({"file:checksum": value}) is None
