"""Pretrained weights of encoders."""

import pytest
import torch
from safetensors.torch import save_file

from idgbr.coarse import CoarseUNet, DeepLabV3Plus, HRNet, SegFormer, Wrapped, load_backbone
from idgbr.errors import CheckpointError, InputError

BUILD = {
    "deeplab": lambda bands, classes: DeepLabV3Plus(bands, classes, (1, 1, 1, 1), 8, (1,), 8, 8),
    "segformer": lambda bands, classes: SegFormer(bands, classes, (8, 16, 40, 64), (1, 1, 1, 1), decoder=8),
    "hrnet": lambda bands, classes: HRNet(bands, classes, 8, (1, 1, 1, 1), 1, 8),
}


@pytest.fixture(params=BUILD)
def build(request):
    return BUILD[request.param]


def weights(network, path, change=lambda state: None, dtype=torch.float32):
    """A file such as published ones: the backbone's tensors and a classifier of a thousand classes."""
    state = {
        name: torch.randn_like(value).to(dtype)
        for name, value in network.state_dict().items()
        if name.startswith(network.backbone) and "num_batches" not in name
    }
    state["fc.weight"] = torch.zeros(1000, 4)
    change(state)
    save_file(state, path)
    return state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_backbone_takes_the_file_s_weights_and_the_rest_stays(build, tmp_path, dtype):
    network = build(3, 5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = weights(network, tmp_path / "it.safetensors", dtype=dtype)
    load_backbone(network, tmp_path / "it.safetensors")
    for name, value in network.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, state.get(name, before[name]).to(value.dtype)), name


@pytest.mark.parametrize("bands", [1, 4, 13])
def test_other_bands_answer_a_grey_picture_as_the_file_s_bands_do(build, tmp_path, bands):
    three, network = build(3, 2), build(bands, 2)
    weights(three, tmp_path / "it.safetensors")
    load_backbone(three, tmp_path / "it.safetensors")
    load_backbone(network, tmp_path / "it.safetensors")
    first = network.get_parameter(network.first)
    assert first.shape[1] == bands
    assert torch.allclose(first.sum(1), three.get_parameter(three.first).sum(1), atol=1e-5)
    assert torch.equal(first, first[:, :1].expand_as(first))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer1.0.bn1.bias"), r"1 of \d+ tensors .* first layer1.0.bn1.bias \(missing\)"),
        (
            lambda state: state.update({"layer2.0.conv1.weight": torch.zeros(3)}),
            r"1 of \d+ .* first layer2.0.conv1.weight \(\[3\], needed \[16, 32, 1, 1\]\)",
        ),
        (lambda state: state.update({"conv1.weight": torch.zeros(8, 3, 3, 3)}), r"first conv1.weight \(\[8, 3, 3, 3\]"),
        (lambda state: state.clear(), r"(\d+) of \1 tensors are missing"),
    ],
)
def test_weights_that_do_not_fit_are_told_in_one_sentence_and_change_nothing(tmp_path, change, message):
    network = BUILD["deeplab"](3, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights(network, tmp_path / "it.safetensors", change)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_backbone(network, tmp_path / "it.safetensors")
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_pickle_is_refused_unread(tmp_path):
    path = tmp_path / "resnet50.pth"
    path.write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(CheckpointError, match=r"resnet50.pth is not a .safetensors file, .* convert it"):
        load_backbone(BUILD["deeplab"](3, 2), path)


def test_a_pickle_under_another_name_and_a_truncated_file_are_refused(tmp_path):
    network, path = BUILD["deeplab"](3, 2), tmp_path / "it.safetensors"
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="truncated or not a safetensors file"):
        load_backbone(network, path)
    weights(network, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="truncated or not a safetensors file"):
        load_backbone(network, path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no file .*gone.safetensors"):
        load_backbone(BUILD["deeplab"](3, 2), tmp_path / "gone.safetensors")


@pytest.mark.parametrize(
    "network", [CoarseUNet(3, 2, (8, 8, 8, 8)), Wrapped(torch.nn.Conv2d(3, 2, 4, stride=4), bands=3, classes=2)]
)
def test_a_network_without_published_weights_says_so(network, tmp_path):
    with pytest.raises(InputError, match="has no backbone to load"):
        load_backbone(network, tmp_path / "it.safetensors")
