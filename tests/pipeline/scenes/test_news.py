"""Scenes compared with those that a run used, as its applied.json names them."""

import json
from types import SimpleNamespace

import pytest

from pipeline.errors import RunError
from pipeline.scenes.news import UsedScene, read_used, scene_news
from pipeline.storage.files import files_at

USED = [UsedScene(id=f"S{n}", acquisition=f"sentinel-2a/{n}/33UUP", baseline="05.09") for n in range(3)]


def scene(name, number, baseline="05.09"):
    return SimpleNamespace(id=name, acquisition=f"sentinel-2a/{number}/33UUP", baseline=baseline)


def test_another_item_or_baseline_of_an_acquisition_is_a_reprocessing_and_another_acquisition_is_new():
    scenes = [scene("S0", 0), scene("S1", 1, "05.10"), scene("S2b", 2), scene("S3", 3)]
    news = scene_news(scenes, USED, ["S9"])
    assert (news.new, news.reprocessed, news.withdrawn) == (["S3"], ["S1", "S2b"], ["S9"])
    assert scene_news(scenes[:1], USED, []).new == []
    assert scene_news(scenes, [], []).new == ["S0", "S1", "S2b", "S3"]


def test_the_used_scenes_are_those_of_the_file_and_a_damaged_one_is_told(tmp_path):
    files = files_at(tmp_path)
    assert read_used(files, "applied.json") == []
    rows = [{**used.model_dump(), "mask": {}} for used in USED]
    files.write("applied.json", json.dumps({"used": rows, "warnings": [], "left_out": {}}))
    assert read_used(files, "applied.json") == USED
    files.write("applied.json", "{")
    with pytest.raises(RunError, match=r"applied.json is damaged .* all scenes count as new"):
        read_used(files, "applied.json")
