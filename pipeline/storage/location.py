"""Where a cube lies: in a local folder, or at s3://bucket/prefix.

Object storage is reached by the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or
the role of the machine; AWS_REGION or AWS_DEFAULT_REGION; AWS_ENDPOINT_URL for storage other than Amazon's, the only
one that may say http. Workers on other machines need the same environment.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from pipeline.errors import RunError, UserError

Location = Path | str
"""A folder as a Path, or object storage as a URL without a slash at its end."""

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"[\w.=+-]+", re.ASCII)

DENIED = re.compile(
    r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|Forbidden|Unauthorized|"
    r"CredentialsNotLoaded|NoCredentials|status code: 40[13]"
)
"""In messages of icechunk, whose errors have one class, and of obstore where it finds no credentials."""


@dataclass(frozen=True)
class Bucket:
    """What a client of object storage needs."""

    name: str
    prefix: str
    endpoint: str | None
    region: str | None

    @property
    def plain(self) -> bool:
        """Whether it is reached without TLS."""
        return self.endpoint is not None and self.endpoint.startswith("http://")


def parse_location(text: str | Path, what: str = "cube") -> Location:
    """The place of a cube, or of `what`. Raises UserError for what is neither a path nor s3://bucket or
    s3://bucket/prefix."""
    if isinstance(text, Path) or "://" not in text:
        if not str(text).isprintable() and any("\ud800" <= letter <= "\udfff" for letter in str(text)):
            raise UserError(f"the {what}'s path {str(text)!r:.200} is not UTF-8; give one whose path is")
        return Path(text)
    scheme, _, rest = text.rstrip("/").partition("://")
    name, *prefix = rest.split("/")
    if scheme == "s3" and BUCKET.fullmatch(name) and all(PREFIX.fullmatch(part) and part.strip(".") for part in prefix):
        return f"s3://{rest}"
    without_keys = re.sub(r"//.*@", "//...@", text)
    raise UserError(
        f"the {what} is {without_keys!r}, but a {what} has a path or lies at s3://bucket/prefix, of a-z, A-Z, 0-9 and "
        "._=+- alone; keys and endpoint are not written there but in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
        "AWS_ENDPOINT_URL"
    )


def bucket(url: str) -> Bucket:
    """The bucket of an s3 URL, with the endpoint and region of the environment. Raises UserError."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    if endpoint is not None and not re.fullmatch(r"https?://[^/@\s]+/?", endpoint):
        raise UserError("AWS_ENDPOINT_URL must be http://host:port or https://host:port, without user, path or query")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
    return _bucket(url, endpoint, region or (endpoint and "us-east-1"))


@lru_cache(maxsize=16)
def _bucket(url: str, endpoint: str | None, region: str | None) -> Bucket:
    name, _, prefix = url.removeprefix("s3://").partition("/")
    return Bucket(name, prefix, endpoint, region)


@contextmanager
def storage_errors(location: Location) -> Iterator[None]:
    """Turns an error of object storage in the block into a RunError of one sentence."""
    try:
        yield
    except Exception as error:
        sentence = storage_error(location, error)
        if sentence is None:
            raise
        raise sentence from error


def storage_error(location: Location, error: Exception) -> RunError | None:
    """The RunError for an error of a client of object storage; None for any other error."""
    client = type(error).__module__.partition(".")[0]
    text = str(error)
    missing = "NoSuchBucket" in text
    if isinstance(location, Path) or "://" not in location or not (missing or client in ("obstore", "icechunk")):
        return None
    if missing:
        return RunError(f"{location} cannot be used, for there is no such bucket; make the bucket, or name another")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or DENIED.search(text):
        return RunError(
            f"{location} refuses this user; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to keys, or use a role, "
            "that may list and read it, and for a run may write to it"
        )
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or "Amazon S3"
    return RunError(
        f"{location} cannot be reached at {endpoint} ({_reason(text)}); check AWS_ENDPOINT_URL, AWS_REGION and the "
        "network, and run again"
    )


def _reason(text: str) -> str:
    match = re.search(
        r"error sending request|dispatch failure|operation timed out|status code: \d+|service error", text
    )
    return match[0] if match else " ".join(text.split())[:100]
