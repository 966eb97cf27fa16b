"""Wrong use of `idgbr predict`; what it writes is tested in tests/pipeline/prediction/test_predict.py."""

import numpy as np
import pytest
from change_files import write_raster
from command import run_here, sentence
from map_model import save_model


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bands", "1,2,3"], "--bands names 3 bands, but the model takes 4"),
        (["--bands", "1,2,3,9"], "has no band '9'; it has 1, 2, 3, 4"),
        (["--model", "nothing"], "there is no model folder nothing"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(tmp_path, arguments, says):
    write_raster(tmp_path / "image.tif", np.full((4, 20, 20), 700, np.uint16))
    save_model(tmp_path / "model")
    line = ["predict", "image.tif", "out.tif", "--model", "model", *arguments]
    assert says in sentence(run_here(*line, folder=tmp_path), 2)
