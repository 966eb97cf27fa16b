"""What is kept of a training that is finished."""

import numpy as np

from pipeline.training.finished import Training, data_digest


def test_weights_that_were_changed_since_are_not_taken_for_finished(tmp_path):
    (tmp_path / "coarse").mkdir()
    (tmp_path / "coarse/weights").write_bytes(b"first")
    training = Training(tmp_path, "coarse", ("coarse/*",), {"coarse": {"steps": 2}}, "data")
    training.finish({"miou": 1.5})
    assert training.scores(dict[str, float]) == {"miou": 1.5}
    assert (
        Training(tmp_path, "coarse", ("coarse/*",), {"coarse": {"steps": 2}}, "other").scores(dict[str, float]) is None
    )
    (tmp_path / "coarse/weights").write_bytes(b"second")
    assert training.scores(dict[str, float]) is None
    training.file.write_text("half of")
    assert training.scores(dict[str, float]) is None


def test_a_digest_of_data_knows_types_shapes_and_values():
    image_BHW, label_HW = np.zeros((1, 2, 3)), np.zeros((2, 3), np.uint8)
    digests = {
        data_digest([(image_BHW, label_HW)]),
        data_digest([(image_BHW.astype(np.float32), label_HW)]),
        data_digest([(image_BHW.reshape(1, 3, 2), label_HW)]),
        data_digest([(image_BHW, label_HW + 1)]),
    }
    assert len(digests) == 4
