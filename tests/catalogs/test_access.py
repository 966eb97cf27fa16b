"""Which hrefs may be read, and how they are signed."""

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogs import access
from catalogs.access import ANYWHERE, PLANETARY_COMPUTER_TOKENS, Access, TokenEndpoint, resolve_href
from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.hosts import Reach

BLOB = "http://127.0.0.1:1/container/B04.tif"


@pytest.fixture(autouse=True)
def no_tokens():
    access._tokens.clear()


@pytest.fixture
def endpoint():
    """A signing endpoint on loopback: `answers` are (status, content) in turn, the last for ever; `asked` its paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            status, content = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/{{account}}/{{container}}"
    server.access = Access(token_endpoints=(TokenEndpoint("127.0.0.1", url),))
    yield server
    server.shutdown()
    server.server_close()


def token(name, **life):
    return 200, {"msft:expiry": (datetime.now(UTC) + timedelta(**life)).isoformat(), "token": name}


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("https://example.com/a/B04.tif?x=1", "/vsicurl/https://example.com/a/B04.tif?x=1"),
        ("http://127.0.0.1:8000/a.tif", "/vsicurl/http://127.0.0.1:8000/a.tif"),
        ("s3://sentinel-cogs/a/B04.tif", "/vsis3/sentinel-cogs/a/B04.tif"),
        ("/data/my scenes/B04.tif", "/data/my scenes/B04.tif"),
        ("file:///data/my%20scenes/B04.tif", "/data/my scenes/B04.tif"),
        ("file://localhost/data/B04.tif", "/data/B04.tif"),
    ],
)
def test_urls_and_whole_paths_are_opened(href, name):
    assert resolve_href(href).name == name


@pytest.mark.parametrize(
    "href",
    [
        "",
        "B04.tif",
        "../B04.tif",
        "/vsicurl/http://example.com/a.tif",
        "/vsizip/data/a.zip/a.tif",
        "//vsimem/a.tif",
        "file:///vsimem/a.tif",
        "file://other.example.com/a.tif",
        "file:B04.tif",
        "ftp://example.com/a.tif",
        "gs://bucket/a.tif",
        "https://user:word@example.com/a.tif",
        "https://good.example\\@evil.example/a.tif",
        "https:///a.tif",
        "https://example.com:99999/a.tif",
        "http://[::1/a.tif",
        "https://example.com/a\n.tif",
        "/data/a\x00.tif",
        "s3://bucket",
        "s3://bucket/../other/a.tif",
        "s3://user@bucket/a.tif",
        "GTIFF_DIR:1:/data/a.tif",
        "<VRTDataset/>",
        "zip+https://example.com/a.zip!a.tif",
    ],
)
def test_anything_else_is_refused_in_one_sentence(href):
    with pytest.raises(CatalogError, match="is not allowed"):
        resolve_href(href)


@given(st.text(max_size=60) | st.from_regex(r"(https?|s3|file|vsi):/{0,3}[\w@:/.\\?#%\[\] -]{0,40}", fullmatch=True))
def test_any_text_is_a_place_that_gdal_reads_as_meant_or_is_refused(href):
    try:
        found = resolve_href(href)
    except CatalogError:
        return
    assert found.name.startswith(("/vsicurl/http://", "/vsicurl/https://", "/vsis3/") if found.remote else "/")
    assert found.remote or not found.name.startswith("/vsi")


def test_local_files_are_read_below_the_named_folders_alone(tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "mine-too"
    for folder in (mine, other):
        folder.mkdir()
        (folder / "a.tif").touch()
    (mine / "link.tif").symlink_to(other / "a.tif")
    (tmp_path / "alias").symlink_to(mine)
    allowed = Access(allowed_paths=(str(mine),))
    assert resolve_href(str(mine / "a.tif"), allowed).name == str(mine / "a.tif")
    assert resolve_href(str(tmp_path / "alias" / "a.tif"), allowed).name == str(mine / "a.tif")
    by_alias = Access(allowed_paths=(str(tmp_path / "alias"),))
    assert resolve_href(str(mine / "a.tif"), by_alias).name == str(mine / "a.tif")
    for outside in (other / "a.tif", mine / ".." / "mine-too" / "a.tif", mine / "link.tif", mine / "link.tif"):
        with pytest.raises(CatalogError, match=r"outside the folders .*mine.* add its folder to 'allowed_paths'"):
            resolve_href(str(outside), allowed)
        with pytest.raises(CatalogError, match="outside the folders"):
            resolve_href(outside.as_uri(), allowed)
    with pytest.raises(CatalogError, match=r"\(none\)"):
        resolve_href(str(mine / "a.tif"), Access())


def test_buckets_say_what_they_need():
    assert resolve_href("s3://sentinel-cogs/a.tif").options["AWS_NO_SIGN_REQUEST"] == "YES"
    africa = resolve_href("s3://deafrica-sentinel-2/a.tif").options
    assert (africa["AWS_S3_ENDPOINT"], africa["AWS_NO_SIGN_REQUEST"]) == ("s3.af-south-1.amazonaws.com", "YES")
    assert resolve_href("s3://usgs-landsat/a.tif").options["AWS_REQUEST_PAYER"] == "requester"
    assert resolve_href("s3://eodata/a.jp2").options["AWS_S3_ENDPOINT"] == "eodata.dataspace.copernicus.eu"
    assert resolve_href("s3://my-own/a.tif").options == {}


def test_a_token_is_asked_once_and_kept(endpoint):
    endpoint.answers = [token("sig=one", hours=1)]
    for name in ("B02.tif", "B04.tif?x=1"):
        found = resolve_href(f"http://127.0.0.1:1/container/{name}", endpoint.access)
        assert found.name.endswith(f"{name}{'&' if '?' in name else '?'}sig=one")
    assert endpoint.asked == ["/127/container"]
    assert "sig=one" not in repr(found)
    resolve_href("http://127.0.0.1:1/other/B04.tif", endpoint.access)
    assert endpoint.asked == ["/127/container", "/127/other"]


def test_a_token_near_its_end_is_renewed(endpoint):
    endpoint.answers = [token("sig=one", seconds=59), token("sig=two", seconds=120)]
    assert [resolve_href(BLOB, endpoint.access).token for _ in range(3)] == ["sig=one", "sig=two", "sig=two"]


def test_a_refused_token_is_renewed_and_a_newer_one_is_not(endpoint):
    endpoint.answers = [token("sig=one", hours=1), token("sig=two", hours=1), token("sig=three", hours=1)]
    resolve_href(BLOB, endpoint.access)
    assert [resolve_href(BLOB, endpoint.access, rejected_token="sig=one").token for _ in range(3)] == ["sig=two"] * 3


@pytest.mark.parametrize(
    ("base", "signed"),
    [
        ("https://a.blob.example", True),
        ("https://a.blob.example:443", True),
        ("https://A.BLOB.EXAMPLE", True),
        ("https://a.blob.example:8443", False),
        ("http://a.blob.example", False),
        ("http://a.blob.example:443", False),
        ("http://127.0.0.1:1", True),
        ("https://127.0.0.1:1", False),
    ],
)
def test_a_token_goes_by_https_on_its_own_port_or_to_this_machine_alone(endpoint, base, signed):
    endpoint.answers = [token("sig=one", hours=1)]
    (signer,) = endpoint.access.token_endpoints
    here = TokenEndpoint(".blob.example", signer.url)
    found = resolve_href(f"{base}/container/B04.tif", Access(token_endpoints=(signer, here)))
    assert found.name == f"/vsicurl/{base}/container/B04.tif" + "?sig=one" * signed
    assert len(endpoint.asked) == signed
    assert bool(found.token) == signed


def test_what_has_a_signature_or_needs_none_is_left_alone(endpoint):
    endpoint.answers = [token("sig=one", hours=1)]
    for href in (f"{BLOB}?sv=1&sig=own", "http://localhost:1/container/B04.tif"):
        assert resolve_href(href, endpoint.access).name == f"/vsicurl/{href}"
    public = Access(token_endpoints=(TokenEndpoint("open.blob.core.windows.net", ""), PLANETARY_COMPUTER_TOKENS))
    assert resolve_href("https://open.blob.core.windows.net/c/a.tif", public).token == ""
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((503, {}), CatalogUnavailable),
        ((429, {}), CatalogUnavailable),
        ((404, {}), CatalogError),
        ((403, {}), CatalogError),
        ((200, {}), CatalogUnavailable),
        ((200, []), CatalogUnavailable),
        ((200, {"token": 5, "msft:expiry": "2024-01-01T00:00:00Z"}), CatalogUnavailable),
        ((200, {"token": "sig=a b", "msft:expiry": "2024-01-01T00:00:00Z"}), CatalogUnavailable),
        ((200, {"token": "sig=a", "msft:expiry": "soon"}), CatalogUnavailable),
    ],
)
def test_an_endpoint_that_gives_no_token_is_named(endpoint, answer, kind):
    endpoint.answers = [answer]
    with pytest.raises(CatalogError, match="/127/container") as told:
        resolve_href(BLOB, endpoint.access)
    assert type(told.value) is kind


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_token_is_asked_for_again_where_the_failure_is_transient(endpoint, status):
    endpoint.answers = [(status, {}), (status, {}), token("sig=one", hours=1)]
    assert resolve_href(BLOB, endpoint.access).token == "sig=one"
    assert len(endpoint.asked) == 3


def test_a_token_that_is_refused_is_not_asked_for_again(endpoint):
    endpoint.answers = [(403, {})]
    with pytest.raises(CatalogError):
        resolve_href(BLOB, endpoint.access)
    assert len(endpoint.asked) == 1


def test_an_endpoint_that_does_not_answer_may_later():
    with pytest.raises(CatalogUnavailable, match="does not answer"):
        resolve_href(
            BLOB, Access(token_endpoints=(TokenEndpoint("127.0.0.1", "http://127.0.0.1:1/{account}/{container}"),))
        )


@pytest.mark.parametrize("url", ["http://example.com/token", "file:///etc/passwd", "example.com"])
def test_an_endpoint_must_be_https_or_loopback(url):
    with pytest.raises(CatalogError, match="https"):
        TokenEndpoint("example.com", url)


def test_planetary_computer_signs_blobs_on_its_hosts_alone():
    assert PLANETARY_COMPUTER_TOKENS.serves("sentinel2l2a01.blob.core.windows.net")
    assert not PLANETARY_COMPUTER_TOKENS.serves("blob.core.windows.net.evil.example")
    assert ANYWHERE.token_endpoints == (PLANETARY_COMPUTER_TOKENS,)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "[::ffff:a9fe:a9fe]", "metadata.google.internal", "[fd00:ec2::254]"]
)
def test_services_that_give_credentials_are_refused_unless_they_are_allowed(host):
    href = f"http://{host}/latest/a.tif"
    with pytest.raises(CatalogError, match=r"credentials, which items .* may not name: add the host"):
        resolve_href(href)
    allowed = Access(allowed_hosts=("169.254.169.254", "Metadata.Google.Internal", "fd00:ec2::254"))
    assert resolve_href(href, allowed).name == f"/vsicurl/{href}"


def test_items_name_hosts_no_nearer_than_their_catalog():
    hrefs = {
        Reach.PUBLIC: "https://8.8.8.8/a.tif",
        Reach.PRIVATE: "http://10.0.0.5/a.tif",
        Reach.LOOPBACK: "http://127.0.0.1:8000/a.tif",
    }
    for nearest in hrefs:
        for near, href in hrefs.items():
            if near <= nearest:
                assert resolve_href(href, Access(nearest=nearest)).remote
            else:
                with pytest.raises(CatalogError, match=r"private network|this machine itself"):
                    resolve_href(href, Access(nearest=nearest))
    assert resolve_href("http://10.0.0.5/a.tif", Access(allowed_hosts=("10.0.0.5",), nearest=Reach.PUBLIC)).remote


def test_a_signed_href_is_opened_with_its_signature_alone(endpoint):
    endpoint.answers = [token("sig=one", hours=1)]
    found = resolve_href(BLOB, replace(endpoint.access, signatures={BLOB: "sv=1&sig=own"}))
    assert found.name == f"/vsicurl/{BLOB}?sv=1&sig=own"
    assert "own" not in repr((found, replace(endpoint.access, signatures={BLOB: "sig=own"})))
    assert endpoint.asked == []


def test_only_regular_files_are_opened(tmp_path):
    (tmp_path / "folder.tif").mkdir()
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "device.tif").symlink_to("/dev/zero")
    for name in ("folder.tif", "pipe.tif", "device.tif"):
        with pytest.raises(CatalogError, match="must be a regular file"):
            resolve_href(str(tmp_path / name))


def test_links_in_a_circle_and_names_too_long_are_sentences(tmp_path):
    (tmp_path / "a.tif").symlink_to(tmp_path / "b.tif")
    (tmp_path / "b.tif").symlink_to(tmp_path / "a.tif")
    for name in ("a.tif", "x" * 300):
        with pytest.raises(CatalogError, match="cannot be opened"):
            resolve_href(str(tmp_path / name))


@pytest.mark.parametrize(
    ("href", "opened"),
    [
        ("https://example.org/a b/\u00fc.tif?v=1 2", "https://example.org/a%20b/%C3%BC.tif?v=1%202"),
        ("https://example.org/a%20b%2Fc.tif?v=%2F&x=[1]", "https://example.org/a%20b%2Fc.tif?v=%2F&x=[1]"),
    ],
)
def test_a_url_is_encoded_for_curl_once(href, opened):
    assert resolve_href(href).name == f"/vsicurl/{opened}"
