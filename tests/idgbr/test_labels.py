import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from idgbr.errors import InputError
from idgbr.labels import corner_codes, decode, encode, expected_code


@given(st.integers(2, 40))
def test_codes_are_distinct_corners_in_the_fewest_dimensions(classes):
    code_KD = corner_codes(classes)
    assert code_KD.abs().eq(1).all()
    assert len({tuple(code) for code in code_KD.tolist()}) == classes
    assert 2 ** (code_KD.shape[1] - 1) < classes <= 2 ** code_KD.shape[1]


def test_two_classes_have_opposite_codes():
    first, second = corner_codes(2)
    assert torch.equal(first, -second)


@given(st.integers(2, 17), st.integers(0, 2**31))
def test_decoding_survives_noise_below_the_margin(classes, seed):
    random = torch.Generator().manual_seed(seed)
    index_BHW = torch.randint(classes, (2, 5, 4), generator=random)
    code_KD = corner_codes(classes)
    value_BDHW = encode(index_BHW, code_KD)
    shift = 1.98 * (torch.rand(value_BDHW.shape, generator=random) - 0.5)
    assert torch.equal(decode(value_BDHW + shift, code_KD), index_BHW)


def test_expected_code_of_certainty_is_the_code_and_of_a_tie_the_middle():
    code_KD = corner_codes(4)
    certain_BKHW = torch.eye(4)[:, :, None, None]
    assert torch.equal(expected_code(certain_BKHW, code_KD)[:, :, 0, 0], code_KD)
    assert torch.equal(expected_code(torch.full((1, 4, 1, 1), 0.25), code_KD), torch.zeros(1, 2, 1, 1))


def test_one_class_is_refused():
    with pytest.raises(InputError, match="at least 2 classes"):
        corner_codes(1)
