"""retry.py, gdal.py and open_requests.py: reads over a failing network give right pixels or a ReadError, send no more
requests than needed and show no token.
"""

import logging
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import rasterio
from range_server import Faults, serving
from rasterio._env import del_gdal_config
from rasterio.enums import Resampling

from catalogs import access
from catalogs.access import Access, TokenEndpoint
from catalogs.sources import fetch
from pipeline.raster import gdal, open_requests, retry
from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError

SIDE = 1024
FORMATS = {
    "deflate.tif": {"driver": "COG", "compress": "deflate", "predictor": 2, "blocksize": 128, "nodata": 0},
    "plain.tif": {"driver": "COG", "compress": "none", "blocksize": 128},
    "jpeg.tif": {"driver": "COG", "compress": "jpeg", "blocksize": 128, "dtype": "uint8"},
    "strips.tif": {"driver": "GTiff", "compress": "deflate"},
    "wavelet.jp2": {"driver": "JP2OpenJPEG", "quality": 100, "reversible": "yes", "blockxsize": 256, "blockysize": 256},
}
WHOLE = Part((0, SIDE), (0, SIDE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One noisy image of 1024 x 1024 pixels in each format."""
    folder = tmp_path_factory.mktemp("rasters")
    value_HW = np.random.default_rng(5).integers(1, 255, (SIDE, SIDE))
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_400_000)}
    for name, options in FORMATS.items():
        profile = {"dtype": "uint16", "height": SIDE, "width": SIDE, "count": 1, **place, **options}
        with rasterio.open(folder / name, "w", **profile) as target:
            target.write(value_HW.astype(profile["dtype"]), 1)
    return folder


@pytest.fixture(scope="module")
def truth(folder):
    def of(name, overview=None):
        with rasterio.open(folder / name, **({} if overview is None else {"overview_level": overview})) as source:
            return source.read(1)

    return of


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Pauses of hundredths of a second, requests that may take one second, nothing remembered."""
    monkeypatch.setattr(retry, "RETRY_LIMITS", retry.RetryLimits(attempts=8, pause=0.001, delay=0.001))
    monkeypatch.setitem(gdal.ENVIRONMENT, "GDAL_HTTP_TIMEOUT", 1)
    inspect.cache_clear()


def random_parts(seed, count=3):
    dice = random.Random(seed)
    return [Part(*(tuple(sorted(dice.sample(range(SIDE + 1), 2))) for _ in "rc")) for _ in range(count)]


def inside(part):
    return slice(*part.rows), slice(*part.cols)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("kind", "rate"), [("503", 0.4), ("429", 0.4), ("404", 0.4), ("reset", 0.4), ("short", 0.4)])
def test_a_fault_that_passes_leaves_the_right_pixels(folder, truth, name, kind, rate):
    with serving(folder, Faults(rate=rate, kinds=(kind,), seed=1)) as server:
        href = f"{server.url}/{name}"
        raster = inspect(href, 10.0)
        for part in random_parts(kind):
            assert (read_part(href, raster, part) == truth(name)[inside(part)]).all()
        assert any(asked.fault for asked in server.asked)


def test_a_server_that_hangs_now_and_then_is_waited_for_no_longer_than_the_time_limit(folder, truth):
    with serving(folder, Faults(rate=0.5, kinds=("slow",), seed=1, seconds=60)) as server:
        href = f"{server.url}/deflate.tif"
        part = Part((300, 600), (200, 500))
        assert (read_part(href, inspect(href, 10.0), part) == truth("deflate.tif")[inside(part)]).all()
        assert any(asked.fault for asked in server.asked)


@pytest.mark.parametrize("name", FORMATS)
def test_under_any_faults_a_read_gives_the_right_pixels_or_an_error(folder, truth, monkeypatch, name):
    monkeypatch.setattr(retry, "RETRY_LIMITS", retry.RetryLimits(attempts=2, pause=0.001, requests=0))
    outcomes = []
    for seed in range(12):
        inspect.cache_clear()
        with serving(folder, Faults(rate=0.3, kinds=("short", "reset", "503"), most=99, seed=seed)) as server:
            href = f"{server.url}/{name}"
            for part in random_parts(seed):
                try:
                    found = read_part(href, inspect(href, 10.0), part)
                except ReadError as error:
                    outcomes.append(error.kind)
                else:
                    outcomes.append("read")
                    assert (found == truth(name)[inside(part)]).all()
    assert set(outcomes) == {"read", "retry"}


@pytest.mark.parametrize(
    ("fault", "kind", "attempts"),
    [
        ("503", "retry", 8),
        ("500", "retry", 8),
        ("reset", "retry", 8),
        ("404", "missing", 3),
        ("403", "forbidden", 2),
    ],
)
def test_a_fault_that_lasts_is_named_after_as_many_attempts_as_it_is_worth(folder, fault, kind, attempts):
    with serving(folder, Faults(lost={"plain": fault})) as server:
        with pytest.raises(ReadError, match=r"plain\.tif") as told:
            inspect(f"{server.url}/plain.tif", 10.0)
        assert told.value.kind == kind
        tries = 1 + retry.RETRY_LIMITS.requests if kind == "retry" else 1
        assert attempts <= len(server.asked) <= attempts * tries * 2


def test_tiles_that_never_come_whole_are_an_error_and_not_zeros(folder):
    with serving(folder) as server:
        href = f"{server.url}/plain.tif"
        raster = inspect(href, 10.0)
        server.fail(Faults(lost={"plain": "short"}))
        with pytest.raises(ReadError) as told:
            read_part(href, raster, Part((600, 700), (600, 1000)))
        assert told.value.kind == "retry"


def test_no_attempt_begins_after_the_longest_time(folder, monkeypatch):
    monkeypatch.setattr(retry, "RETRY_LIMITS", retry.RetryLimits(attempts=1000, longest=0.0, requests=0))
    with serving(folder, Faults(lost={"plain": "503"})) as server:
        with pytest.raises(ReadError):
            inspect(f"{server.url}/plain.tif", 10.0)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "fault", [MemoryError(), ValueError("odd metadata"), OverflowError("too large"), OSError(5, "I/O")]
)
def test_whatever_a_raster_makes_gdal_raise_is_an_error_of_that_raster(tmp_path, fault):
    def attempt(*_):
        raise fault

    with pytest.raises(ReadError, match=r"band\.tif cannot be read: \S+"):
        retry.with_retries(str(tmp_path / "band.tif"), access.ANYWHERE, attempt)


@pytest.mark.parametrize("fault", ["503", "404", "403", "reset"])
def test_a_failure_is_not_remembered_once_it_has_passed(folder, truth, fault):
    with serving(folder, Faults(lost={"deflate": fault})) as server:
        href = f"{server.url}/deflate.tif"
        with pytest.raises(ReadError):
            inspect(href, 10.0)
        server.fail(Faults())
        assert (read_part(href, inspect(href, 10.0), WHOLE) == truth("deflate.tif")).all()


def runs(path, part, overview=None):
    """The runs of bytes that hold a part's tiles, from the file's own tile index."""
    spans = []
    with rasterio.open(path, **({} if overview is None else {"overview_level": overview})) as source:
        (height, width), level = source.block_shapes[0], {} if overview is None else {"ovr": overview}
    with rasterio.open(path) as source:
        for row in range(part.rows[0] // height, (part.rows[1] - 1) // height + 1):
            for col in range(part.cols[0] // width, (part.cols[1] - 1) // width + 1):
                start, size = (
                    int(source.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=1, **level))
                    for what in ("OFFSET", "SIZE")
                )
                spans.append((start, start + size))
    spans.sort()
    # A COG keeps 4 bytes before and after each tile: what is left between two neighbours is no gap.
    breaks = [i + 1 for i, (a, b) in enumerate(pairwise(spans)) if b[0] - a[1] > 8]
    edges = [0, *breaks, len(spans)]
    return [(spans[a][0], spans[b - 1][1]) for a, b in pairwise(edges)]


@pytest.mark.parametrize(
    ("part", "resolution"),
    [
        (Part((300, 800), (200, 500)), 10.0),
        (Part((0, SIDE), (0, SIDE)), 10.0),
        (Part((5, 6), (5, 6)), 10.0),
        (Part((100, 500), (100, 300)), 20.0),
    ],
)
def test_a_read_asks_for_the_header_and_each_run_of_its_tiles_and_no_more(folder, truth, part, resolution):
    with serving(folder) as server:
        href = f"{server.url}/deflate.tif"
        raster = inspect(href, resolution)
        found = read_part(href, raster, part)
        assert (found == truth("deflate.tif", raster.overview)[inside(part)]).all()
        needed = runs(folder / "deflate.tif", part, raster.overview)
        head, header, *tiles = server.asked
        assert (head.method, header.span) == ("HEAD", (0, 32_768))
        assert len(tiles) <= len(needed)
        assert sum(asked.sent for asked in tiles) <= sum(b - a for a, b in needed) + len(needed) * 2 * 16_384
        print(f"{resolution:g} m {part}: {len(server.asked)} requests, bound {2 + len(needed)}")


def test_a_second_read_of_a_raster_asks_for_its_tiles_alone(folder):
    with serving(folder) as server:
        href = f"{server.url}/deflate.tif"
        raster = inspect(href, 10.0)
        read_part(href, raster, Part((300, 800), (200, 500)))
        before = len(server.asked)
        read_part(href, raster, Part((300, 800), (600, 900)))
        assert len(server.asked) - before == len(runs(folder / "deflate.tif", Part((300, 800), (600, 900))))


def test_threads_read_side_by_side_with_a_bounded_number_of_open_requests(folder, truth, monkeypatch):
    monkeypatch.setattr(open_requests, "LIMIT", 6)
    names = ("deflate.tif", "plain.tif", "jpeg.tif")
    with serving(folder, Faults(rate=1, kinds=("slow",), most=99, seconds=0.05)) as server:

        def right(task):
            name, part = task
            href = f"{server.url}/{name}"
            return (read_part(href, inspect(href, 10.0), part) == truth(name)[inside(part)]).all()

        tasks = [(name, part) for seed in range(3) for name in names for part in random_parts(seed)]
        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(right, tasks))
        assert 1 < server.most_open <= 6


@pytest.mark.parametrize("target", ["file://{folder}/plain.tif", "ftp://127.0.0.1:1/plain.tif"])
def test_a_redirect_to_anything_but_http_is_not_followed(folder, tmp_path, target):
    with serving(tmp_path) as server:
        server.change(redirects={"/sly.tif": target.format(folder=folder)})
        with pytest.raises(ReadError):
            inspect(f"{server.url}/sly.tif", 10.0)


def test_a_redirect_to_another_server_is_followed(folder, truth, tmp_path):
    with serving(folder) as store, serving(tmp_path) as server:
        server.change(redirects={"/moved.tif": f"{store.url}/plain.tif"})
        href = f"{server.url}/moved.tif"
        assert (read_part(href, inspect(href, 10.0), WHOLE) == truth("plain.tif")).all()


@pytest.fixture
def credentials(monkeypatch):
    """In the environment, and gone afterwards also from GDAL's settings, where rasterio leaves what it found."""
    monkeypatch.setenv("GDAL_HTTP_HEADERS", "Authorization: Bearer secret")
    monkeypatch.setenv("GDAL_HTTP_BEARER", "secret")
    yield
    for name in ("GDAL_HTTP_HEADERS", "GDAL_HTTP_BEARER"):
        del_gdal_config(name)


def test_credentials_of_the_environment_are_sent_to_no_host(folder, tmp_path, credentials):
    with serving(folder) as store, serving(tmp_path) as server:
        server.change(redirects={"/moved.tif": f"{store.url}/plain.tif"})
        for href in (f"{server.url}/moved.tif", f"{store.url}/plain.tif"):
            read_part(href, inspect(href, 10.0), WHOLE)
        asked = [*store.asked, *server.asked]
    assert asked
    assert not any(row.signed for row in asked)


def test_a_remote_raster_cannot_name_a_file_of_this_machine(folder, tmp_path):
    """GDAL reads a GeoTIFF's own metadata for the name of the file with its overviews, any file."""
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_400_000)}
    profile = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": 1, "dtype": "uint16"}
    with rasterio.open(tmp_path / "sly.tif", "w", **profile, **place) as target:
        target.write(np.ones((SIDE, SIDE), np.uint16), 1)
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(folder / "plain.tif"))
    with rasterio.open(tmp_path / "sly.tif") as target:
        assert target.overviews(1)
    with serving(tmp_path) as server, pytest.raises(ReadError, match="names another file"):
        inspect(f"{server.url}/sly.tif", 20.0)
    with pytest.raises(ReadError, match="names another file"):
        inspect(str(tmp_path / "sly.tif"), 20.0, Access(allowed_paths=(str(tmp_path),)))


def test_a_raster_that_is_another_one_now_is_not_read(folder, tmp_path):
    shutil.copy(folder / "plain.tif", tmp_path / "changing.tif")
    href = str(tmp_path / "changing.tif")
    raster = inspect(href, 10.0)
    with rasterio.open(folder / "plain.tif") as source:
        profile = source.profile | {"height": 64, "width": 64, "driver": "GTiff", "blockxsize": 16, "blockysize": 16}
    with rasterio.open(href, "w", **profile) as target:
        target.write(np.ones((64, 64), np.uint16), 1)
        target.build_overviews([2], Resampling.average)
    with pytest.raises(ReadError, match="has changed"):
        read_part(href, raster, Part((0, 10), (0, 10)))


# Damage can take a file's georeference, or put bytes that are no text into GDAL's messages.
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["deflate.tif", "wavelet.jp2"])
def test_a_damaged_file_is_read_or_refused_but_never_a_traceback(folder, tmp_path, name):
    whole = (folder / name).read_bytes()
    dice = random.Random(name)
    for i in range(150):
        damaged = bytearray(whole)
        for at in dice.choices(range(1200), k=dice.choice((1, 4, 40))):
            damaged[at] = dice.randrange(256)
        path = tmp_path / f"{i}-{name}"
        path.write_bytes(damaged)
        try:
            raster = inspect(str(path), 10.0)
            read_part(str(path), raster, Part((0, min(raster.height, 9)), (0, min(raster.width, 9))))
        except ReadError as error:
            assert name in str(error)
        path.unlink()


@pytest.fixture
def signed(folder):
    """A server whose tokens are good for 12 requests each, and what may be read there."""
    access._tokens.clear()
    with serving(folder, uses=12) as server:
        yield server, Access(token_endpoints=(TokenEndpoint("127.0.0.1", server.token_url),))


def test_an_expired_signature_is_renewed_and_the_read_goes_on(signed, truth):
    server, allowed = signed
    href = f"{server.url}/deflate.tif"
    raster = inspect(href, 10.0, allowed)
    for part in random_parts(3, 6):
        assert (read_part(href, raster, part, allowed) == truth("deflate.tif")[inside(part)]).all()
    assert len(server.tokens) > 2
    assert any(asked.fault == "403" for asked in server.asked)


def test_threads_that_meet_an_expired_signature_renew_it_once(signed, truth):
    server, allowed = signed
    href = f"{server.url}/deflate.tif"
    inspect(href, 10.0, allowed)
    server.change(spent=True, uses=10_000)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: read_part(href, inspect(href, 10.0, allowed), WHOLE, allowed), range(8)):
            assert (found == truth("deflate.tif")).all()
    assert len(server.tokens) == 2


def test_a_signature_that_is_refused_again_is_forbidden(signed):
    server, allowed = signed
    server.change(spent=True, uses=0)
    with pytest.raises(ReadError) as told:
        inspect(f"{server.url}/deflate.tif", 10.0, allowed)
    assert told.value.kind == "forbidden"
    assert len(server.tokens) == 2


def test_a_token_is_shown_in_no_message_and_no_log(signed, caplog):
    server, allowed = signed
    caplog.set_level(logging.DEBUG)
    href = f"{server.url}/deflate.tif"
    read_part(href, inspect(href, 10.0, allowed), WHOLE, allowed)
    server.fail(Faults(lost={"jpeg": "503"}))
    with pytest.raises(ReadError) as told:
        inspect(f"{server.url}/jpeg.tif", 10.0, allowed)
    server.change(spent=True, uses=0)
    with pytest.raises(ReadError) as refused:
        inspect(f"{server.url}/gone/deflate.tif", 10.0, allowed)
    for error in (told.value, refused.value):
        assert (error.__cause__, error.__context__) == (None, None)
        assert "secret" not in str(error)
    assert caplog.records
    assert not [record for record in caplog.records if "secret" in record.getMessage() + repr(record.args)]


def test_a_token_endpoint_that_fails_for_a_while_is_asked_again(signed, truth, monkeypatch):
    server, allowed = signed
    asked, calls = access._fetch_token, []

    def failing_twice(endpoint):
        calls.append(endpoint)
        return asked(endpoint if len(calls) > 2 else endpoint.replace("127.0.0.1:", "127.0.0.1:1"))

    monkeypatch.setattr(access, "_fetch_token", failing_twice)
    monkeypatch.setattr(fetch, "FIRST_PAUSE_SECONDS", 0.0)
    href = f"{server.url}/plain.tif"
    assert (read_part(href, inspect(href, 10.0, allowed), WHOLE, allowed) == truth("plain.tif")).all()


def test_an_s3_object_is_read_with_the_keys_of_the_environment_or_unsigned(folder, truth, tmp_path, monkeypatch):
    (tmp_path / "bucket").symlink_to(folder)
    with serving(tmp_path) as server:
        monkeypatch.setenv("AWS_S3_ENDPOINT", server.url.removeprefix("http://"))
        monkeypatch.setenv("AWS_HTTPS", "NO")
        monkeypatch.setenv("AWS_VIRTUAL_HOSTING", "FALSE")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "name")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "word")
        assert (
            read_part("s3://bucket/plain.tif", inspect("s3://bucket/plain.tif", 10.0), WHOLE) == truth("plain.tif")
        ).all()
        assert all(asked.signed for asked in server.asked)
        server.change(forget=True)
        monkeypatch.setitem(access.BUCKETS, "bucket", {"AWS_NO_SIGN_REQUEST": "YES"})
        inspect("s3://bucket/jpeg.tif", 10.0)
        assert not any(asked.signed for asked in server.asked)
        with pytest.raises(ReadError) as told:
            inspect("s3://bucket/gone.tif", 10.0)
        assert told.value.kind == "missing"
