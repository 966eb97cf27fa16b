"""Networks whose code is the user's own: what is imported from where, and what is told of wrong ones."""

import pickle
import re
import subprocess
import sys

import pytest
import torch

from idgbr import CheckpointError, IDGBRPipeline, Settings
from idgbr.coarse import CoarseUNet, read_code
from idgbr.errors import InputError

NETS = """
from torch import nn

def build(bands, classes):
    return nn.Sequential(nn.Conv2d(bands, 8, 4, stride=4), nn.ReLU(), nn.Conv2d(8, classes, 1))
"""
WITH_LOGITS = """
from dataclasses import dataclass
from torch import Tensor, nn
from .layers import stem

@dataclass
class SemanticSegmenterOutput:
    logits: Tensor
    hidden_states: None = None

class Segmenter(nn.Module):
    def __init__(self, bands, classes):
        super().__init__()
        self.stem, self.head = stem(bands), nn.Conv2d(8, classes, 1)

    def forward(self, pixel_values, labels=None):
        return SemanticSegmenterOutput(self.head(self.stem(pixel_values)))

def build(bands, classes):
    from . import late
    return Segmenter(bands, classes)
"""
CLASSES = tuple({"code": code, "name": f"class {code}", "color": "#112233"} for code in (1, 2, 3))


def code_of(folder, text, name="nets.py:build"):
    (folder / "nets.py").write_text(text)
    return read_code(name, folder)


def model_of(network):
    settings = Settings(classes=CLASSES, bands=("red", "nir"), mean=(0, 0), std=(1, 1), window=64, overlap=16)
    return IDGBRPipeline(settings, network)


@pytest.fixture
def package(tmp_path):
    """As of a model of transformers, whose answer has .logits at a stride of 8."""
    folder = tmp_path / "segmenters"
    folder.mkdir()
    (folder / "__init__.py").write_text(WITH_LOGITS)
    (folder / "late.py").write_text("")
    (folder / "layers.py").write_text(
        "from torch import nn\ndef stem(bands):\n    return nn.Conv2d(bands, 8, 8, stride=8)\n"
    )
    return tmp_path


def test_a_plain_module_becomes_a_coarse_network_at_the_stride_of_its_logits(tmp_path):
    network = code_of(tmp_path, NETS).network(2, 3)
    assert network.stride == 4
    assert network(torch.zeros(1, 2, 64, 96)).shape == (1, 3, 64, 96)


def test_an_answer_with_logits_is_upsampled_to_the_image(package):
    network = read_code("segmenters:build", package).network(2, 3)
    assert network.stride == 8
    assert network(torch.zeros(2, 2, 64, 64)).shape == (2, 3, 64, 64)


def test_a_segmentation_model_of_transformers_serves(tmp_path):
    pytest.importorskip("transformers")
    text = """
from transformers import SegformerConfig, SegformerForSemanticSegmentation

def build(bands, classes):
    return SegformerForSemanticSegmentation(SegformerConfig(num_channels=bands, num_labels=classes))
"""
    network = code_of(tmp_path, text).network(2, 3)
    assert network(torch.zeros(1, 2, 64, 64)).shape == (1, 3, 64, 64)


def test_it_is_imported_by_a_process_that_sees_neither_file_nor_folder(package, tmp_path):
    code = pickle.dumps(read_code("segmenters:build", package))
    for file in (package / "segmenters").iterdir():
        file.unlink()
    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer).network(2, 3).stride)"
    done = subprocess.run([sys.executable, "-c", script], input=code, capture_output=True, check=True)
    assert done.stdout == b"8\n"


def test_a_model_comes_back_with_its_code_alone_and_the_code_is_part_of_its_digest(tmp_path):
    code = code_of(tmp_path, NETS)
    model = model_of(code.network(2, 3))
    model.save_pretrained(tmp_path / "model")
    again = IDGBRPipeline.from_pretrained(tmp_path / "model", code=code)
    assert again.digest == model.digest
    image = torch.rand(1, 2, 64, 64)
    assert torch.equal(again.coarse_logits(image), model.coarse_logits(image))
    with pytest.raises(CheckpointError, match="not taken from a model folder; name the function"):
        IDGBRPipeline.from_pretrained(tmp_path / "model")
    changed = code_of(tmp_path, NETS.replace("nn.ReLU()", "nn.GELU()"))
    assert IDGBRPipeline.from_pretrained(tmp_path / "model", code=changed).digest != model.digest
    wider = code_of(tmp_path, NETS.replace("8", "9"))
    with pytest.raises(CheckpointError, match="does not fit"):
        IDGBRPipeline.from_pretrained(tmp_path / "model", code=wider)


def test_code_that_fails_again_and_again_leaves_one_finder(tmp_path):
    code = code_of(tmp_path, "import no_such_library")
    for _ in range(3):
        with pytest.raises(InputError, match="cannot be imported"):
            code.network(2, 3)
    assert sum(code.digest[:16] in str(getattr(finder, "texts", ())) for finder in sys.meta_path) == 1


def test_code_for_a_network_that_needs_none_is_refused(tmp_path):
    model_of(CoarseUNet(2, 3, widths=(8, 8, 8, 8))).save_pretrained(tmp_path / "model")
    with pytest.raises(CheckpointError, match="holds a CoarseUNet, which is no network of one's own; leave 'code' out"):
        IDGBRPipeline.from_pretrained(tmp_path / "model", code=code_of(tmp_path, NETS))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_library", "cannot be imported: ModuleNotFoundError: No module named 'no_such_library'"),
        ("def build(", "cannot be imported: SyntaxError"),
        ("import sys\nsys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("other = 1", "has no function build"),
        ("def build(bands):\n    return None", "fails for 2 bands and 3 classes: TypeError"),
        ("def build(bands, classes):\n    return 'net'", "gives a str, but it must give a torch.nn.Module"),
        (NETS.replace("classes, 1", "classes + 1, 1"), r"gives (1, 4, 16, 16) for an image (1, 2, 64, 64)"),
        (NETS.replace("Conv2d(bands", "Conv2d(bands + 1"), "fails for an image (1, 2, 64, 64): RuntimeError"),
        (NETS.replace("nn.Conv2d(8, classes, 1)", "nn.Flatten()"), "gives (1, 2048) for an image"),
        (NETS.replace("nn.ReLU()", "nn.Threshold(9.0, float('nan'))"), "gives NaN or infinity"),
    ],
)
def test_what_is_wrong_with_it_is_told_in_one_sentence(tmp_path, text, told):
    with pytest.raises(InputError, match=re.escape(told)) as error:
        code_of(tmp_path, text).network(2, 3)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nets.py", "must be a file or package and a function"),
        ("nets.py:a-b", "must be a file or package and a function"),
        ("gone.py:build", "gone.py is neither a file of Python nor a package"),
        (".:build", "is neither a file of Python nor a package, a folder with __init__.py"),
    ],
)
def test_a_name_of_no_code_is_told(tmp_path, name, told):
    with pytest.raises(InputError, match=told):
        code_of(tmp_path, NETS, name)
