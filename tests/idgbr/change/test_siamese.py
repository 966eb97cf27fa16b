"""The siamese U-Net of differences, alone and in a change model."""

import numpy as np
import pytest
import torch
from change_toys import BANDS, two_dates
from torch import nn

from idgbr.change import ChangePipeline, ChangeSettings, SiameseUNet
from idgbr.change.folding import folded
from idgbr.errors import InputError
from idgbr.training.loop import with_seed


def tiny(seed=0, **config):
    """With batch norms that have seen something."""
    network = with_seed(seed, lambda: SiameseUNet(3, **({"widths": (4, 8, 8)} | config)))
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(generator=random)
            module.running_var.uniform_(0.5, 2, generator=random)
    return network.eval().requires_grad_(False)


def images(seed=0, size=32):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, size, size, generator=random) for _ in range(2)]


def test_the_order_of_the_dates_does_not_matter_and_two_equal_dates_give_one_answer_whatever_they_show():
    network, (before_BCHW, after_BCHW) = tiny(), images()
    assert torch.equal(network(before_BCHW, after_BCHW), network(after_BCHW, before_BCHW))
    same_B1HW = network(before_BCHW, before_BCHW)
    assert torch.equal(same_B1HW, network(after_BCHW, after_BCHW))
    assert not torch.allclose(network(before_BCHW, after_BCHW), same_B1HW, atol=1e-2)


@pytest.mark.parametrize("shrink", [1, 2])
def test_there_is_one_logit_a_pixel_whatever_the_network_sees(shrink):
    network = tiny(shrink=shrink)
    assert network.multiple == 4 * shrink
    assert network(*images(size=40)).shape == (2, 1, 40, 40)
    with pytest.raises(InputError, match=f"multiples of {network.multiple}"):
        network(*images(size=38))


def test_with_a_shrink_it_sees_the_means_of_pixels():
    network, (before_BCHW, after_BCHW) = tiny(), images()
    stirred_BCHW = after_BCHW.clone()
    stirred_BCHW[..., ::2, ::2] += 3
    stirred_BCHW[..., 1::2, ::2] -= 3
    torch.testing.assert_close(
        network(before_BCHW, stirred_BCHW), network(before_BCHW, after_BCHW), rtol=1e-4, atol=1e-4
    )


def test_batch_norms_fold_into_convolutions():
    network = tiny()
    torch.testing.assert_close(folded(network)(*images()), network(*images()), rtol=1e-3, atol=1e-3)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded(network).modules())


def test_its_default_size():
    assert sum(weight.numel() for weight in SiameseUNet(4).parameters()) == 598_337


@pytest.mark.parametrize("config", [{"widths": (4,)}, {"widths": (4, 0)}, {"shrink": 0}])
def test_sizes_that_cannot_be_are_refused(config):
    with pytest.raises(InputError, match="a siamese U-Net has at least 1 band"):
        SiameseUNet(3, **config)


def model(**settings):
    values = {"before_mean": (1000,) * 3, "before_std": (800,) * 3, "after_mean": (1200,) * 3, "after_std": (900,) * 3}
    values |= {"bands": BANDS, "window": 32, "overlap": 8}
    return ChangePipeline(ChangeSettings(**{**values, **settings}), tiny())


def test_a_model_of_it_is_saved_loaded_and_answers_the_same_bytes_with_any_threads(tmp_path, threads):
    before_CHW, after_CHW, _ = two_dates(0, 72, 80)
    probability_HW = model()(before_CHW, after_CHW).probability_HW
    model().save_pretrained(tmp_path)
    for count in (1, 3):
        threads(count)
        loaded = ChangePipeline.from_pretrained(tmp_path)
        assert isinstance(loaded.network, SiameseUNet) and loaded.digest == model().digest
        assert np.array_equal(loaded(before_CHW, after_CHW).probability_HW, probability_HW)
