"""Shipped models by their names."""

from pathlib import Path

from idgbr.shipped import model_folder, shipped_models


def test_a_name_is_a_shipped_model_and_any_other_text_a_path():
    assert shipped_models() == ["simulated-s2", "simulated-s2-change"]
    assert (model_folder("simulated-s2", Path("/maps")) / "model_index.json").is_file()
    assert model_folder("mine", Path("/maps")) == Path("/maps/mine")
    assert model_folder("/elsewhere/simulated-s2", Path("/maps")) == Path("/elsewhere/simulated-s2")
