import pytest

from pipeline.errors import UserError
from pipeline.serve.origin import check_origin


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "https://maps.example",
        "http://localhost:8080",
        "http://127.0.0.1:3000",
        "http://[::1]:8080",
        "capacitor://localhost",
    ],
)
def test_what_browsers_send_is_an_origin(origin):
    check_origin(origin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "maps.example",
        "https://maps.example/",
        "https://maps.example/page",
        "https://Maps.example",
        "HTTPS://maps.example",
        "https://maps.example:443",
        "http://maps.example:80",
        "https://",
        "https://*.maps.example",
        "https://user@maps.example",
        "https://maps.example,https://other.example",
        "https://maps.example\n",
    ],
)
def test_what_no_browser_sends_is_refused_before_it_is_waited_for_in_vain(text):
    with pytest.raises(UserError, match=r"such as https://maps.example"):
        check_origin(text)
