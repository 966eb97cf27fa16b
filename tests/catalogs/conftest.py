import pytest

from catalogs.sources import fetch


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Retries of HTTP requests wait milliseconds; test_fetch checks the pauses themselves."""
    monkeypatch.setattr(fetch, "FIRST_PAUSE_SECONDS", 0.002)
