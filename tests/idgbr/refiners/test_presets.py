from idgbr import Refiner
from idgbr.refiners.presets import BASE, PRESETS, TINY


def parameters(preset):
    return sum(weight.numel() for weight in Refiner(4, 6, **preset).parameters())


def test_the_presets_are_a_small_network_for_a_cpu_and_one_for_a_gpu():
    assert PRESETS == {"tiny": TINY, "base": BASE}
    assert 1e6 < parameters(TINY) < 3e6
    assert parameters(BASE) > 10 * parameters(TINY)
