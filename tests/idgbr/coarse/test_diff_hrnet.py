import numpy as np
import pytest
import torch
from idgbr_toys import CLASSES, landscape

from idgbr import IDGBRPipeline, Settings
from idgbr.checkpoint import digest, load_network
from idgbr.coarse import KINDS, DiffHRNet, DiffusionUNet, HRNet
from idgbr.errors import InputError
from idgbr.training.loop import with_seed

SMALL = {"width": 8, "modules": (1, 1, 1, 1), "blocks": 1, "stem": 8}
PRIOR = {"inner": 8, "multipliers": (1, 2, 2)}


def build(strength=0.5, **config):
    network = with_seed(0, lambda: DiffHRNet(3, 3, **SMALL, **PRIOR, **config)).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("strength"):
                weight.fill_(strength)
    return network


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def millions(network):
    return sum(weight.numel() for weight in network.parameters()) / 1e6


@pytest.mark.parametrize(
    ("width", "prior", "fusion"),
    [
        (48, {"inner": 128, "multipliers": (1, 2, 4, 8, 8)}, 2.72),
        (32, {"inner": 64, "multipliers": (1, 2, 4, 8, 8)}, 0.97),
        (18, {"inner": 64, "multipliers": (1, 2, 4, 4)}, 0.29),
    ],
)
def test_fusion_adds_as_many_parameters_as_designed(width, prior, fusion):
    with torch.device("meta"):
        plain, fused = HRNet(3, 5, width), DiffHRNet(3, 5, width, **prior)
    assert millions(fused) - millions(fused.diffusion) - millions(plain) == pytest.approx(fusion, abs=0.005)


@pytest.mark.parametrize("training", [False, True])
def test_before_training_it_answers_as_plain_hrnet_to_the_bit(training):
    plain = with_seed(0, lambda: HRNet(3, 3, **SMALL)).train(training)
    fused = build(strength=0.0).train(training)
    image = normal(0, 2, 3, 64, 64)
    assert torch.equal(fused(image), plain(image))
    own = plain.state_dict()
    assert all(torch.equal(fused.state_dict()[name], own[name]) for name in own)


def test_its_tensors_load_the_published_backbone_s_names():
    plain, fused = HRNet(3, 3, **SMALL), build()
    backbone = {name for name in plain.state_dict() if name.startswith(plain.backbone)}
    assert {name for name in fused.state_dict() if name.startswith(fused.backbone)} == backbone


def test_the_u_net_is_frozen_and_in_evaluation_whatever_is_asked():
    network = build().train().requires_grad_(True)
    assert not any(weight.requires_grad for weight in network.diffusion.parameters())
    assert not any(module.training for module in network.diffusion.modules())
    before = digest({}, [network.diffusion])
    optimiser = torch.optim.AdamW([weight for weight in network.parameters() if weight.requires_grad], lr=0.1)
    network(normal(0, 2, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    assert digest({}, [network.diffusion]) == before


@pytest.mark.parametrize("stages", [(4,), (2, 3, 4), (1, 3)])
def test_fusions_stand_at_the_ends_of_the_stages_asked_for(stages):
    network = build(stages=stages)
    assert {int(stage): len(each) for stage, each in network.fusions.items()} == {stage: stage for stage in stages}
    image, silent = normal(0, 1, 3, 64, 64), build(strength=0.0, stages=stages)
    answer = network(image)
    assert not torch.equal(answer, silent(image))
    for stage in stages[1:]:
        for fusion in network.fusions[str(stage)]:
            fusion.strength.data.zero_()
    assert len(stages) == 1 or not torch.equal(network(image), answer)


@pytest.mark.parametrize("alpha_bars", [(0.975,), (0.994, 0.67)])
def test_the_u_net_sees_an_image_once_for_each_noise_level(alpha_bars, monkeypatch):
    network, seen = build(alpha_bars=alpha_bars), []
    whole = DiffusionUNet.features

    def counted(unet, noisy_BCHW, step_B, block):
        seen.append(step_B.tolist())
        return whole(unet, noisy_BCHW, step_B, block)

    monkeypatch.setattr(DiffusionUNet, "features", counted)
    network(normal(0, 2, 3, 64, 64))
    assert seen == [[network.diffusion.step_of(share)] * 2 for share in alpha_bars]


def test_weights_of_noise_levels_are_learned_and_add_up_to_one():
    network = build(alpha_bars=(0.994, 0.67))
    image = normal(0, 1, 3, 64, 64)
    before = network(image)
    with torch.no_grad():
        network.projections[0].weights.copy_(torch.tensor([9.0, -9.0]))
    assert not torch.equal(network(image), before)
    features = [level[:1] for level in network.prior_features(image)[0]]
    first = network.projections[0]([features[0], torch.zeros_like(features[1])])
    assert torch.allclose(network.projections[0](features), first, atol=1e-4)


def test_raw_numbers_reach_the_u_net_in_its_own_scale():
    network = build(alpha_bars=(1.0,))
    prior = DiffusionUNet(["0", "1", "2"], **PRIOR)
    prior.low_C.copy_(torch.tensor([100.0, 0, 0]))
    prior.high_C.copy_(torch.tensor([300.0, 10, 10]))
    network.load_prior(prior, (150.0, 5, 5), (25.0, 1, 1))
    seen = []
    network.diffusion.features = lambda noisy, step, block: seen.append(noisy) or [torch.zeros(1, 16, 8, 8)] * 4
    image = torch.tensor([0.0, 2.0])[:, None, None, None].expand(2, 3, 32, 32)
    network.prior_features(image, torch.zeros(2, 3, 32, 32))
    assert seen[0][0, 0, 0, 0].item() == pytest.approx(-0.5, abs=1e-3)
    assert seen[0][1, 0, 0, 0].item() == pytest.approx(0.0, abs=1e-3)


def pipeline(**config):
    settings = Settings(
        classes=CLASSES,
        bands=("red", "green", "nir"),
        mean=(1000,) * 3,
        std=(800,) * 3,
        window=64,
        overlap=16,
        batch=2,
    )
    network = build(**config)
    network.load_prior(DiffusionUNet(["0", "1", "2"], **PRIOR), settings.mean, settings.std)
    for buffer, value in ((network.diffusion.high_C, 3000.0), (network.diffusion.low_C, 0.0)):
        buffer.fill_(value)
    return IDGBRPipeline(settings, network)


def test_noise_belongs_to_the_ground_so_windows_of_one_place_share_it(windows):
    model = pipeline()
    image = windows[[0, 0, 0]]
    here, same, there = model.coarse_logits(image, [(48, 96), (48, 96), (48, 144)])
    assert torch.equal(here, same)
    assert not torch.equal(here, there)
    inner = [model.coarse.noise([corner], 64, 64)[0] for corner in ((48, 96), (48, 144))]
    assert torch.equal(inner[0][:, :, 48:], inner[1][:, :, :16])
    alone = model.coarse_logits(windows[:1], [(48, 96)])[0]
    assert torch.equal(alone, here)
    other = pipeline(seed=1)
    assert not torch.equal(other.coarse_logits(windows[:1], [(48, 96)])[0], here)


def test_two_cuts_of_one_ground_get_one_map():
    model, (image, _) = pipeline(), landscape(0, 192)
    whole = model.coarse_probabilities(image[None], (-32, 7))[0]
    part = model.coarse_probabilities(image[None, :, :, 24:], (-32, 31))[0]
    inner = np.s_[:, 64:128, 72:128]
    assert (whole[:, 64:128, 96:152] == part[inner]).all()


def test_a_model_folder_holds_the_u_net(tmp_path, windows):
    model = pipeline()
    model.save_pretrained(tmp_path)
    again = IDGBRPipeline.from_pretrained(tmp_path)
    assert again.digest == model.digest
    assert torch.equal(again.coarse_logits(windows), model.coarse_logits(windows))
    (tmp_path / "coarse" / "config.json").write_text(
        (tmp_path / "coarse" / "config.json").read_text().replace('"inner": 8', '"inner": 16')
    )
    with pytest.raises(Exception, match="does not fit"):
        load_network(KINDS, tmp_path / "coarse")


def test_in_training_noise_is_drawn_afresh_and_from_torch_s_seed():
    network, image = build().train(), normal(0, 1, 3, 64, 64)

    def answer(seed):
        torch.manual_seed(seed)
        return network.prior_features(image)[0][0]

    assert torch.equal(answer(0), answer(0))
    assert not torch.equal(answer(0), answer(1))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"stages": (5,)}, "stages of 1 to 4"),
        ({"stages": ()}, "stages of 1 to 4"),
        ({"decoder_block": 3}, "decoder_block of 0 to 2"),
        ({"alpha_bars": ()}, "shares of signal"),
        ({"alpha_bars": (20, 45)}, "shares of signal"),
    ],
)
def test_a_network_that_cannot_be_is_told_in_one_sentence(config, says):
    with pytest.raises(InputError, match=says):
        build(**config)
