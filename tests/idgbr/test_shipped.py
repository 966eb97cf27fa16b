"""Shipped models by their names."""

from pathlib import Path

import numpy as np
from idgbr_toys import landscape

from idgbr import IDGBRPipeline
from idgbr.shipped import model_folder, shipped_models


def test_a_name_is_a_shipped_model_and_any_other_text_a_path():
    assert shipped_models() == ["simulated-s2", "simulated-s2-change"]
    assert (model_folder("simulated-s2", Path("/maps")) / "model_index.json").is_file()
    assert model_folder("mine", Path("/maps")) == Path("/maps/mine")
    assert model_folder("/elsewhere/simulated-s2", Path("/maps")) == Path("/elsewhere/simulated-s2")


def test_the_shipped_model_answers_in_one_step_without_noise():
    model = IDGBRPipeline.from_pretrained("simulated-s2")
    image_CHW = np.concatenate([landscape(0, 64)[0], landscape(1, 64)[0]])[:4]
    first = model.maps(image_CHW[None])
    assert model.settings.num_inference_steps == 1
    assert first.editable_BHW.any()
    assert np.array_equal(model.with_settings(seed=1).maps(image_CHW[None]).confidence_BHW, first.confidence_BHW)
