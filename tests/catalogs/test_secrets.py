"""Keys, tokens, passwords and signatures of URLs are found, and texts and items are shown without them."""

import pytest

from catalogs import secrets
from catalogs.errors import CatalogError
from catalogs.secrets import conceal, holds_secret, redact, split_signature, without_secrets

BASE = "https://store.example/a/B04.tif"


@pytest.fixture(autouse=True)
def nothing_concealed(monkeypatch):
    monkeypatch.setattr(secrets, "_concealed", {})


@pytest.mark.parametrize(
    "query",
    [
        "sig=abc",
        "sv=2022-11-02&sr=c&se=2024&sp=rl&sig=a%2Bb%3D",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F2&X-Amz-Signature=ab",
        "AWSAccessKeyId=A&Expires=1&Signature=b",
        "Expires=1&Signature=b&Key-Pair-Id=K",
        "X-Goog-Signature=ab",
        "api_key=abc",
        "apikey=abc",
        "API-KEY=abc",
        "key=abc",
        "token=abc",
        "access_token=abc",
        "subscription-key=abc",
        "x=1&password=abc",
        "url=https%3A%2F%2Fblob.example%2Fx.tif%3Fsig%3Dabc",
    ],
)
def test_a_signed_query_is_split_off(query):
    assert split_signature(f"{BASE}?{query}") == (BASE, query)
    assert without_secrets({"a": [f"{BASE}?{query}"]}) == {"a": [BASE]}
    assert holds_secret([f"{BASE}?{query}"])


@pytest.mark.parametrize("url", [BASE, f"{BASE}?x=1&versionId=3", "/data/a?sig=b.tif", "s3://bucket/key", f"{BASE}#a"])
def test_a_query_that_is_no_secret_stays(url):
    assert split_signature(url)[1] == "" or "://" not in url
    assert without_secrets(url) == url


def test_pages_may_be_named_by_tokens():
    link = {"url": "https://a.example/search?limit=10&token=next:abc"}
    assert not holds_secret(link, ("token",))
    assert holds_secret(link)
    assert holds_secret({"url": f"{link['url']}&api_key=abc"}, ("token",))


def test_users_passwords_fragments_and_secret_fields_are_left_out():
    item = {
        "href": "https://user:word@a.example/x.tif",
        "text": f"see {BASE}?sig=abc or {BASE}#access_token=abc",
        "auth": {"Authorization": "Bearer abc", "access_token": "abc", "name": "kept"},
        "number": 5,
    }
    assert without_secrets(item) == {
        "href": "https://...@a.example/x.tif",
        "text": f"see {BASE} or {BASE}",
        "auth": {"name": "kept"},
        "number": 5,
    }


def test_concealed_values_are_shown_by_their_names():
    conceal("s3cret", "${KEY}")
    conceal("v1", "${VERSION}")
    assert redact("https://a.example/v1/s3cret/stac is wrong") == "https://a.example/v1/${KEY}/stac is wrong"
    assert holds_secret({"url": "https://a.example/s3cret"})
    assert str(CatalogError("the server says: bad key s3cret")) == "the server says: bad key ${KEY}"


def test_messages_do_not_show_queries_users_or_passwords():
    shown = redact("'/vsicurl/https://a.example/b.tif?sv=1&sig=abc' failed; https://me:word@a.example/c.tif?sig=d bad")
    assert shown == "'/vsicurl/https://a.example/b.tif?...' failed; https://...@a.example/c.tif?... bad"
    assert redact("with url: /search?api_key=abc (Caused by") == "with url: /search?... (Caused by"
