import numpy as np
import pytest
import torch
from idgbr_toys import landscape, small_model


@pytest.fixture
def model():
    return small_model()


@pytest.fixture
def windows():
    """Five different windows NCHW of 64 px."""
    return np.stack([landscape(seed, 64)[0] for seed in range(5)])


@pytest.fixture
def threads():
    """Sets the number of threads; restored afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
