"""The client of a place on object storage, with the keys that the environment has when it is asked for."""

import os
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from obstore.store import S3Store

from pipeline.storage.location import Bucket, bucket

if TYPE_CHECKING:
    from obstore.store import S3Config


def client_of(url: str) -> S3Store:
    """Object names of the client count from the URL. Raises UserError for an endpoint that is none."""
    keys = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SESSION_TOKEN")
    return _client(bucket(url), *keys)


@lru_cache(maxsize=16)
def _client(at: Bucket, *keys: str | None) -> S3Store:
    """One client for each `keys`; S3Store reads them from the environment itself."""
    config: S3Config = {}
    if at.endpoint is not None:
        config["endpoint"] = at.endpoint
    if at.region is not None:
        config["region"] = at.region
    return S3Store(
        at.name,
        prefix=at.prefix or None,
        config=config,
        client_options={"allow_http": at.plain, "connect_timeout": timedelta(seconds=5)},
        retry_config={"max_retries": 6, "retry_timeout": timedelta(seconds=20)},
    )
