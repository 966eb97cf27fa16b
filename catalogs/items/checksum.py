"""Checksums of files: the `file:checksum` of STAC's file extension, a multihash in hexadecimal digits."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

# github.com/multiformats/multicodec: code of a hash function and length of its digest, both in hexadecimal digits.
FUNCTIONS = {
    "1114": "sha1",
    "1220": "sha256",
    "1340": "sha512",
    "2030": "sha384",
    "1440": "sha3_512",
    "1530": "sha3_384",
    "1620": "sha3_256",
    "d50110": "md5",
}


def file_checksum(asset: Mapping[str, Any]) -> str | None:
    """The checksum of an asset; None if it has none, or one of a hash function that is not known here."""
    value = asset.get("file:checksum")
    text = value.lower() if isinstance(value, str) else ""
    return text if _parse(text) is not None else None


def matches(path: str | Path, checksum: str) -> bool:
    """Whether a local file has the checksum. Each state of a file is read once in a process."""
    status = Path(path).stat()
    return _matches(str(path), checksum, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _matches(path: str, checksum: str, size: int, changed: int) -> bool:
    parsed = _parse(checksum)
    assert parsed is not None, f"{checksum} is no known multihash"
    function, digest = parsed
    with Path(path).open("rb") as source:
        return hashlib.file_digest(source, function).hexdigest() == digest


def _parse(multihash: str) -> tuple[str, str] | None:
    for prefix, function in FUNCTIONS.items():
        digest = multihash.removeprefix(prefix)
        if digest != multihash and re.fullmatch(rf"[0-9a-f]{{{hashlib.new(function).digest_size * 2}}}", digest):
            return function, digest
    return None
