"""The verb provider: a draft that loads as the section of a region file."""

import yaml
from command import run_here
from made_items import made_catalog, made_item

from pipeline.config.provider import ProviderSettings


def test_a_draft_loads_as_it_is_printed(tmp_path):
    folder = made_catalog(tmp_path / "made", [made_item()])
    result = run_here("provider", str(folder), "--collection", "sentinel-2-l2a")
    assert result.returncode == 0, result.stderr
    assert "by the row 'Earth Search v1 sentinel-2-l2a'" in result.stdout
    assert "# Not known: which values of scl are clear" in result.stdout
    settings = ProviderSettings.model_validate(yaml.safe_load(result.stdout)["provider"])
    assert settings.bands["red"].asset == "red"
    assert (settings.scale, settings.offset, settings.nodata) == ("item", "item", "item")


def test_a_collection_that_the_catalog_lacks_is_one_sentence(tmp_path):
    folder = made_catalog(tmp_path / "made", [made_item()])
    result = run_here("provider", str(folder), "--collection", "other")
    assert result.returncode == 2
    assert "gives no items of 'other'" in result.stderr
    assert len(result.stderr.splitlines()) == 1
