"""`idgbr evaluate` through the command: every score for coarse and refined, and one sentence for whatever is wrong.

Covers pipeline.training.evaluate and pipeline.training.dataset.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from json_schemas import check_json
from rasterio.errors import NotGeoreferencedWarning

from idgbr import CoarseUNet, IDGBRPipeline, Refiner, Settings, metrics
from idgbr.metrics.scores import LABELS
from pipeline import cli
from pipeline.errors import UserError
from pipeline.training import areas, dataset
from pipeline.training.labels import LabelValues, read_label

CLASSES = (
    {"code": 0, "name": "grass", "color": "#80c040"},
    {"code": 1, "name": "water", "color": "#2060c0"},
    {"code": 2, "name": "built", "color": "#c03020"},
)
SIZES = {"east": (70, 90), "west": (64, 64)}
PALETTE = {0: (9, 8, 7, 255), 1: (1, 1, 1, 255), 2: (0, 0, 0, 255), 5: (2, 2, 2, 255)}


def settings_of(classes=CLASSES, **changes):
    fields = {"window": 64, "overlap": 16, "uncertainty_threshold": 0.5, "no_label": 255, "blank": None} | changes
    return Settings(classes=tuple(classes), bands=("red", "green", "blue"), mean=(120,) * 3, std=(60,) * 3, **fields)


def save(folder, refiner=True, **changes):
    """An untrained model whose two networks disagree; of no more than six classes."""
    torch.manual_seed(0)
    settings = settings_of(**changes)
    count = len(settings.classes)
    widths = (16, 16, 16, 16)
    networks = [CoarseUNet(3, count, widths=widths), Refiner(3, count, widths=widths, full=8)]
    for network in networks:
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=0.2) if weight.ndim > 1 else None
    IDGBRPipeline(settings, *networks[: 1 + refiner]).save_pretrained(folder)
    return folder


def write(path, array_BHW, palette=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = {".png": "PNG", ".jpg": "JPEG", ".tif": "GTiff"}[path.suffix]
    count, height, width = array_BHW.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        profile = {"count": count, "height": height, "width": width, "dtype": array_BHW.dtype}
        with rasterio.open(path, "w", driver=driver, **profile) as target:
            target.write(array_BHW)
            if palette:
                target.write_colormap(1, palette)


def write_data(folder):
    """Two images of noise, one JPEG with a palette PNG label, one PNG with a GeoTIFF label; 5 marks what is unclear."""
    random = np.random.default_rng(3)
    for (stem, size), image, label in zip(SIZES.items(), ("jpg", "png"), ("png", "tif"), strict=True):
        write(folder / "images" / f"{stem}.{image}", random.integers(0, 255, (3, *size)).astype(np.uint8))
        label_HW = np.kron(random.integers(0, 3, (5, 6)), np.ones((16, 16)))[: size[0], : size[1]].astype(np.uint8)
        label_HW[:6] = 5
        write(folder / "labels" / f"{stem}.{label}", label_HW[None], PALETTE if label == "png" else None)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def own_data(data, tmp_path):
    return shutil.copytree(data, tmp_path / "own")


@pytest.fixture
def evaluate(monkeypatch, capsys):
    """Runs the command here: exit code, stdout, stderr."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["idgbr", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    return command


def refusal(done):
    """The one sentence of a command that was wrong use."""
    code, out, err = done
    assert code == 2, err
    assert out == ""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert lines[0].startswith("idgbr: ")
    return lines[0]


@pytest.fixture(scope="module")
def scores(model, data, tmp_path_factory):
    """What the command writes, run as a user does."""
    file = tmp_path_factory.mktemp("scores") / "scores.json"
    command = ["evaluate", "--model", model, "--data", data, "--ignore", "5,6", "--json", file]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, command)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "evaluate 2/2" in done.stderr
    assert "Warning" not in done.stderr

    def no_constant(name):
        pytest.fail(f"{name} is no JSON")

    written = json.loads(file.read_text(), parse_constant=no_constant)
    check_json(["evaluate"], written)
    return written


def test_all_scores_are_told_for_coarse_and_refined_in_total_by_class_and_by_image(scores):
    assert set(scores["images"]) == set(SIZES)
    for found in (scores, *scores["images"].values()):
        for which in ("coarse", "refined"):
            assert set(LABELS) < set(found[which])
            assert list(found[which]["classes"]) == ["grass", "water", "built"]
            for own in found[which]["classes"].values():
                assert set(own) == {field.name for field in fields(metrics.ClassScores)}
        assert list(found["repair"]["class_iou_imp"]) == ["grass", "water", "built"]
        assert {"complete", "partial", "error"} <= set(found["repair"])
        assert -100 <= found["repair"]["iou_imp"] <= 100
        assert 0 <= found["repair"]["new_fp"] <= 100
        for which in ("coarse", "refined"):
            assert 0 < found[which]["ece_15bins"] <= 100
            assert found[which]["nll"] > 0
            assert 0 < found[which]["brier"] <= 2
    assert scores["seconds_per_megapixel"] > 0
    assert scores["coarse"]["overall_accuracy"] != scores["refined"]["overall_accuracy"]


def test_scores_are_those_of_the_maps_that_the_model_makes_of_the_whole_images(scores, model, data):
    made = IDGBRPipeline.from_pretrained(model)
    confusion = {"coarse": 0, "refined": 0}
    for stem, (image, label) in dataset.pairs(data).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(image) as i, rasterio.open(label) as t:
                image_BHW, true_HW = i.read(), t.read(1)
        maps = made.maps(image_BHW[None])
        for which, found_HW in (("coarse", maps.coarse_BHW[0]), ("refined", maps.refined_BHW[0])):
            confusion[which] += metrics.confusion_matrix(true_HW, found_HW, (0, 1, 2), ignore=5)
            wfm = metrics.wfm(true_HW, found_HW, ignore=5)
            assert scores["images"][stem][which]["wfm_2px"] == pytest.approx(100 * wfm, abs=1e-4)
    for which, counts in confusion.items():
        assert scores[which]["mean_iou"] == pytest.approx(100 * metrics.mean_iou(counts), abs=1e-4)
        assert scores[which]["overall_accuracy"] == pytest.approx(100 * metrics.overall_accuracy(counts), abs=1e-4)


def test_the_table_names_every_score_class_and_image(evaluate, model, data):
    code, out, err = evaluate("--model", model, "--data", data, "--ignore", "5")
    assert code == 0, err
    for word in ("mIoU", "WFm", "boundary IoU (4 px)", "IoU_imp", "coarse", "refined", "grass", "east", "west"):
        assert word in out


def test_a_model_without_refiner_has_coarse_scores_alone(evaluate, data, tmp_path):
    model = save(tmp_path / "model", refiner=False)
    file = tmp_path / "scores.json"
    assert evaluate("--model", model, "--data", data, "--ignore", "5", "--json", file)[0] == 0
    found = json.loads(file.read_text())
    assert found["refined"] is None
    assert found["repair"] is None
    assert found["coarse"]["mean_iou"] > 0
    code, out, err = evaluate("--model", model, "--data", data, "--ignore", "5")
    assert code == 0, err
    assert "refined" not in out


def test_the_tables_are_shown_beside_the_file(evaluate, model, data, tmp_path):
    def lines(*options):
        code, out, err = evaluate("--model", model, "--data", data, "--ignore", "5", *options)
        assert code == 0, err
        return [line for line in out.splitlines() if "seconds" not in line]

    assert lines("--json", tmp_path / "scores.json") == lines()


def test_undefined_scores_are_null(evaluate, model, tmp_path):
    write(tmp_path / "images" / "plain.png", np.full((3, 64, 64), 90, np.uint8))
    write(tmp_path / "labels" / "plain.png", np.zeros((1, 64, 64), np.uint8))
    file = tmp_path / "scores.json"
    assert evaluate("--model", model, "--data", tmp_path, "--json", file)[0] == 0
    found = json.loads(file.read_text())
    assert found["coarse"]["wfm_2px"] is None
    assert found["coarse"]["mean_boundary_accuracy"] is None
    assert not math.isnan(found["coarse"]["overall_accuracy"])
    assert evaluate("--model", model, "--data", tmp_path)[0] == 0


def test_grey_labels_are_of_the_second_class_where_they_are_bright(evaluate, tmp_path):
    classes = ({"code": 3, "name": "other", "color": "#000000"}, {"code": 7, "name": "road", "color": "#ffffff"})
    model = save(tmp_path / "model", classes=classes, grey=127, no_label=255)
    grey_HW = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    write(tmp_path / "images" / "one.png", np.full((3, 64, 64), 90, np.uint8))
    write(tmp_path / "labels" / "one.png", grey_HW[None])
    file = tmp_path / "scores.json"
    assert evaluate("--model", model, "--data", tmp_path, "--json", file)[0] == 0
    (image_BHW, label_HW), *_ = areas.read_folder(
        tmp_path, {"classes": classes, "bands": ("red", "green", "blue")}, 255, grey=127
    )[0].values()
    assert np.array_equal(label_HW, np.where(grey_HW > 127, 7, 3))
    found_HW = IDGBRPipeline.from_pretrained(model).maps(image_BHW[None]).refined_BHW[0]
    share = 100 * (found_HW == label_HW).mean()
    assert json.loads(file.read_text())["refined"]["overall_accuracy"] == pytest.approx(share, abs=1e-4)


def test_label_values_with_no_meaning_are_named_with_their_file(evaluate, model, data):
    said = refusal(evaluate("--model", model, "--data", data))
    assert "east.png holds 5" in said
    assert "--ignore 5" in said
    said = refusal(evaluate("--model", model, "--data", data, "--ignore", "5,1"))
    assert "class code 1" in said


def other_size(data):
    write(data / "images" / "west.png", np.zeros((3, 64, 65), np.uint8))


def other_bands(data):
    write(data / "images" / "west.png", np.zeros((1, 64, 64), np.uint8))


def truncated(data):
    file = data / "labels" / "east.png"
    file.write_bytes(file.read_bytes()[:-60])


def truncated_image(data):
    file = data / "images" / "west.png"
    file.write_bytes(file.read_bytes()[:-60])


def no_image_at_all(data):
    (data / "images" / "west.png").write_text("hello")


def colours(data):
    write(data / "labels" / "east.png", np.zeros((3, *SIZES["east"]), np.uint8))


def without_label(data):
    (data / "labels" / "west.tif").unlink()


def two_of_a_stem(data):
    write(data / "images" / "east.png", np.zeros((3, *SIZES["east"]), np.uint8))


def without_images(data):
    shutil.rmtree(data / "images")


def empty(data):
    for file in (data / "images").iterdir():
        file.unlink()


def other_classes(data):
    about = {"classes": [{"code": 9, "name": "sand", "color": "#ffff00"}], "bands": ["red", "green", "blue"]}
    (data / "classes.json").write_text(json.dumps(about))


def other_band_names(data):
    about = {"classes": list(CLASSES), "bands": ["red", "green", "nir"]}
    (data / "classes.json").write_text(json.dumps(about))


def broken_about(data):
    (data / "classes.json").write_text("[]")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (other_size, ["west.png is 65 x 64 px", "label west.tif is 64 x 64 px"]),
        (other_bands, ["west.png has 1 bands", "the model takes 3: red, green, blue"]),
        (truncated, ["east.png cannot be read"]),
        (truncated_image, ["west.png cannot be read"]),
        (no_image_at_all, ["west.png cannot be read"]),
        (colours, ["east.png has 3 bands", "one band of class codes"]),
        (without_label, ["west.png has no label of the same stem"]),
        (two_of_a_stem, ["both east.jpg and east.png"]),
        (without_images, ["has no images;"]),
        (shutil.rmtree, ["has no images;"]),
        (empty, ["images has no images"]),
        (other_classes, ["class codes [9]", "the model [0, 1, 2]"]),
        (other_band_names, ["the bands red, green, nir", "red, green, blue"]),
        (broken_about, ["classes.json is not"]),
    ],
)
def test_data_that_cannot_be_evaluated_is_told_in_one_sentence(evaluate, model, own_data, tmp_path, spoil, says):
    spoil(own_data)
    file = tmp_path / "scores.json"
    said = refusal(evaluate("--model", model, "--data", own_data, "--ignore", "5", "--json", file))
    for words in says:
        assert words in said
    assert not file.exists()


def test_wrong_options_are_told_in_one_sentence(evaluate, model, data, tmp_path):
    both = ("--model", model, "--data", data)
    assert "--ignore is '5;6'" in refusal(evaluate(*both, "--ignore", "5;6"))
    assert "--ignore is '5,'" in refusal(evaluate(*both, "--ignore", "5,"))
    assert "there is no folder" in refusal(evaluate(*both, "--json", tmp_path / "no" / "scores.json"))
    assert "cannot be written" in refusal(evaluate(*both, "--json", tmp_path))
    assert "model_index.json" in refusal(evaluate("--model", tmp_path, "--data", data))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_json_file_without_permission_is_told_before_anything_is_computed(evaluate, model, data, tmp_path):
    tmp_path.chmod(0o500)
    said = refusal(evaluate("--model", model, "--data", data, "--json", tmp_path / "scores.json"))
    assert "cannot be written" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_one_sentence(evaluate, model, data):
    code, _, err = evaluate("--model", model, "--data", data, "--ignore", "5", "--json", "/dev/full")
    assert code == 2
    assert err.splitlines()[-1].startswith("idgbr: /dev/full cannot be written (No space left")


def test_a_failing_command_shows_no_traceback(evaluate, model, data):
    assert refusal(evaluate("--model", model, "--data", data / "labels"))


def test_evaluate_has_help_with_an_example(evaluate):
    code, out, _ = evaluate("--help")
    assert code == 0
    assert "Example" in out
    assert "--ignore 5,6" in out


@pytest.mark.parametrize(
    ("name", "ignore", "grey", "classes"), [("dubai_aerial", (5, 6), None, 5), ("cil_roads", (), 127, 2)]
)
@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real images here")
def test_real_aerial_images_are_evaluated(evaluate, tmp_path, name, ignore, grey, classes):
    whole = Path(os.environ["IDGBR_DATA"]) / name
    files = dict(list(dataset.pairs(whole).items())[:2])
    for image, label in files.values():
        for file, part in ((image, "images"), (label, "labels")):
            (tmp_path / part).mkdir(exist_ok=True)
            shutil.copy(file, tmp_path / part)
    rows = [{"code": code, "name": f"class {code}", "color": "#000000"} for code in range(classes)]
    model = save(tmp_path / "model", classes=rows, grey=grey)
    file = tmp_path / "scores.json"
    ignored = ("--ignore", ",".join(map(str, ignore))) if ignore else ()
    code, _, err = evaluate("--model", model, "--data", tmp_path, *ignored, "--json", file)
    assert code == 0, err
    found = json.loads(file.read_text())
    assert set(found["images"]) == set(files)
    others = ("kappa", "mean_area_bias", "betti0_error_256px", "betti1_error_256px")
    assert all(0 <= found["refined"][score] <= 100 for score in LABELS if score not in others)


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real images here")
def test_palette_labels_are_read_as_indices_never_as_colours():
    files = dataset.pairs(Path(os.environ["IDGBR_DATA"]) / "dubai_aerial")
    values = LabelValues(tuple(range(5)), no_label=255, ignore=(5, 6))
    found = {int(value) for _, label in files.values() for value in np.unique(read_label(label, values))}
    assert {0, 1, 2, 3, 4} <= found <= {0, 1, 2, 3, 4, 255}
    with pytest.raises(UserError, match="--ignore 5"):
        for _, label in files.values():
            read_label(label, LabelValues(tuple(range(5)), no_label=255))
