"""Networks as models place them: idgbr.layers.network."""

import numpy as np
import pytest
import torch
from idgbr_toys import landscape, small_model

from idgbr import IDGBRPipeline, Refiner


@pytest.fixture
def saved(tmp_path):
    model = small_model()
    model.save_pretrained(tmp_path)
    return tmp_path


def test_a_network_that_diffusers_maps_from_its_file_gives_the_same_bits(saved):
    model, image = IDGBRPipeline.from_pretrained(saved), landscape(1, 64)[0]
    refiner = Refiner.from_pretrained(saved, subfolder="refiner")
    assert any(value.data_ptr() % 64 for value in refiner.parameters()), "or this test shows nothing"
    made = IDGBRPipeline(model.settings, model.coarse, refiner)
    assert not any(value.data_ptr() % 64 for value in (*refiner.parameters(), *refiner.buffers()))
    assert made.digest == model.digest
    assert np.array_equal(made(image).confidence, model(image).confidence)


def test_weights_of_half_precision_become_float32(saved, tmp_path):
    model, image = IDGBRPipeline.from_pretrained(saved), landscape(1, 64)[0]
    refiner = Refiner.from_pretrained(saved, subfolder="refiner", torch_dtype=torch.bfloat16)
    made = IDGBRPipeline(model.settings, model.coarse, refiner)
    made.save_pretrained(tmp_path / "again")
    again = IDGBRPipeline.from_pretrained(tmp_path / "again")
    assert again.digest == made.digest != model.digest
    assert np.array_equal(again(image).confidence, made(image).confidence)
