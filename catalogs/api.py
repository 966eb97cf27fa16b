"""Items of a STAC API."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from catalogs import fields
from catalogs.errors import CatalogError, CatalogUnavailable

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TIMEOUT_SECONDS = 60
PAGE = 100


def ask(
    url: str, collection: str, bbox: tuple[float, float, float, float], start: datetime, end: datetime
) -> Iterator[dict[str, Any]]:
    """Every item the API at `url` gives for the collection, the bbox (degrees) and the period (both ends included).

    CatalogError when the API cannot be searched, or when one on another machine names files of this machine.
    """
    for item in _found(url, collection, bbox, start, end):
        if urlsplit(url).hostname not in LOOPBACK:
            _refuse_local_files(url, item)
        yield item


def _found(
    url: str, collection: str, bbox: tuple[float, float, float, float], start: datetime, end: datetime
) -> Iterator[dict[str, Any]]:
    from pystac.errors import STACError, STACTypeError
    from pystac_client import Client
    from pystac_client.errors import ClientTypeError
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO
    from urllib3 import Retry

    statuses = (408, 429, 500, 502, 503, 504)
    retry = Retry(total=5, connect=2, backoff_factor=0.5, status_forcelist=statuses, allowed_methods=None)
    try:
        client = Client.open(url, stac_io=StacApiIO(timeout=TIMEOUT_SECONDS, max_retries=retry))
        search = client.search(method="POST", collections=[collection], bbox=bbox, datetime=(start, end), limit=PAGE)
        for page in search.pages_as_dicts():
            for item in page["features"]:
                if not isinstance(item, dict):
                    raise CatalogError(f"the STAC API {url} gave {item!r:.80} among its items, which is none")
                yield item
    except (APIError, ClientTypeError, STACError, STACTypeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CatalogUnavailable(
            f"the STAC API {url} cannot be searched: check the address, or try again later ({reason:.300})"
        ) from error


def _refuse_local_files(url: str, item: Mapping[str, Any]) -> None:
    for key, asset in fields.assets(item).items():
        if urlsplit(str(asset.get("href"))).scheme in ("", "file"):
            raise CatalogError(
                f"item {fields.identity(item)} of {url} has href {asset.get('href')!r} for asset {key}, "
                "but a catalog on another machine must not name files of this one"
            )
