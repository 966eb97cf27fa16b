"""Covers idgbr.metrics.evaluation and idgbr.metrics.scores."""

import json
from dataclasses import asdict, fields
from functools import reduce
from operator import add

import numpy as np
import pytest
from metric_maps import CODES, blobs
from scipy.special import softmax

from idgbr import metrics
from idgbr.metrics import (
    BettiErrors,
    BoundaryAccuracy,
    BoundaryF1,
    BoundaryIoU,
    Calibrated,
    Calibration,
    CentrelineDice,
    ClassScores,
    ConnectedLength,
    Evaluation,
    MapScores,
)
from idgbr.metrics.scores import BOUNDARY_F1_PX, BOUNDARY_IOU_PX, LABELS

NAMES = ("grass", "water", "built")
ERRORS = {"betti0_error_256px", "betti1_error_256px", "mean_area_bias"}
PROBABILITIES = {"ece_15bins", "nll", "brier"}


def image(seed, size=64):
    """A truth with unlabelled pixels, a coarse map that is off, and a refined one that is less so."""
    true = blobs(seed, size)
    coarse, refined = np.roll(true, 3, 0), np.roll(true, 1, 1)
    true[:4] = 0
    return true, coarse, refined


def exactly(share):
    return pytest.approx(100 * share, rel=1e-12)


@pytest.fixture(scope="module")
def images():
    return [image(seed, 40 + 20 * seed) for seed in range(3)]


@pytest.fixture(scope="module")
def total(images):
    return reduce(add, (Evaluation.of(*maps, CODES) for maps in images))


def test_totals_come_from_the_summed_counts_and_wfm_is_the_mean_over_images(images, total):
    pairs = [(true, refined) for true, _, refined in images]
    confusion = sum(metrics.confusion_matrix(*pair, CODES) for pair in pairs)
    scores = total.scores(NAMES)
    refined = scores.refined
    assert refined.mean_iou == exactly(metrics.mean_iou(confusion))
    assert refined.mean_f1 == exactly(metrics.mean_f1(confusion))
    assert refined.overall_accuracy == exactly(metrics.overall_accuracy(confusion))
    assert refined.kappa == exactly(metrics.kappa(confusion))
    assert refined.boundary_iou_4px == exactly(reduce(add, (BoundaryIoU.of(*pair, CODES, 4) for pair in pairs)).mean)
    for px in (1, 3, 5):
        expected = reduce(add, (BoundaryF1.of(*pair, CODES, px) for pair in pairs)).mean
        assert getattr(refined, f"boundary_f1_{px}px") == exactly(expected)
    expected = reduce(add, (BoundaryAccuracy.of(*pair, CODES) for pair in pairs)).mean
    assert refined.mean_boundary_accuracy == exactly(expected)
    betti = reduce(add, (BettiErrors.of(*pair, CODES) for pair in pairs))
    assert (refined.betti0_error_256px, refined.betti1_error_256px) == (betti.components, betti.holes)
    assert refined.cldice == exactly(reduce(add, (CentrelineDice.of(*pair, CODES) for pair in pairs)).mean)
    connected = reduce(add, (ConnectedLength.of(*pair, CODES) for pair in pairs))
    assert refined.connected_length_256px == exactly(connected.mean)
    assert refined.mean_area_bias == exactly(metrics.mean_area_bias(confusion))
    assert refined.classes["water"].area_bias == exactly(metrics.area_bias(confusion)[1])
    assert refined.wfm_2px == pytest.approx(100 * np.mean([metrics.wfm(*pair) for pair in pairs]))
    counts = sum(metrics.repair_counts(*maps, CODES) for maps in images)
    broken = sum(metrics.new_fp_counts(*maps) for maps in images)
    assert scores.repair.iou_imp == exactly(np.mean(metrics.iou_imp(counts)))
    assert scores.repair.new_fp == exactly(metrics.new_fp_rate(broken))


def test_the_names_of_boundary_scores_say_the_radii_that_are_computed():
    expected = {f"boundary_iou_{BOUNDARY_IOU_PX}px", *(f"boundary_f1_{px}px" for px in BOUNDARY_F1_PX)}
    for kind in (MapScores, ClassScores):
        names = {field.name for field in fields(kind)}
        assert {name for name in names if name.startswith(("boundary_iou", "boundary_f1"))} == expected
    assert set(LABELS) == {field.name for field in fields(MapScores)} - {"classes"}
    for name in expected:
        px = name.rpartition("_")[2].removesuffix("px")
        assert LABELS[name].endswith(f"({px} px)")


def test_the_coarse_map_is_scored_apart_from_the_refined_one(images, total):
    confusion = sum(metrics.confusion_matrix(true, coarse, CODES) for true, coarse, _ in images)
    scores = total.scores(NAMES)
    assert scores.coarse.mean_iou == exactly(metrics.mean_iou(confusion))
    for name in LABELS.keys() - {"boundary_f1_3px", "boundary_f1_5px"} - ERRORS - PROBABILITIES:
        assert getattr(scores.refined, name) > getattr(scores.coarse, name)


def test_scores_of_the_classes_average_to_the_total(total):
    scores = total.scores(NAMES)
    classes = scores.refined.classes
    assert tuple(classes) == NAMES
    same = ("boundary_iou_4px", "boundary_f1_3px", "mean_boundary_accuracy")
    for whole, own in {"mean_iou": "iou", "mean_f1": "f1", **dict(zip(same, same, strict=True))}.items():
        expected = np.mean([getattr(each, own) for each in classes.values()])
        assert getattr(scores.refined, whole) == pytest.approx(expected)
    assert tuple(scores.repair.class_iou_imp) == NAMES
    assert scores.repair.iou_imp == pytest.approx(np.mean(list(scores.repair.class_iou_imp.values())))


def test_every_class_of_an_image_with_a_coarse_error_is_one_graded_case(images, total):
    repair = total.scores(NAMES).repair
    assert repair.complete + repair.partial + repair.error == len(images) * len(CODES)
    true, coarse, _ = images[0]
    assert Evaluation.of(true, coarse, true, CODES).repair.grades == {"complete": 3}
    assert Evaluation.of(true, coarse, coarse, CODES).repair.grades == {"partial": 3}
    assert Evaluation.of(true, true, np.full_like(true, 9), CODES).repair.grades == {"error": 3}
    assert Evaluation.of(true, true, true, CODES).repair.grades == {}


def test_an_image_without_true_edge_does_not_enter_wfm(total):
    plain = np.full((20, 20), CODES[0], np.uint8)
    busy = blobs(8, 20)
    alone = Evaluation.of(plain, busy, busy, CODES)
    assert alone.scores(NAMES).refined.wfm_2px is None
    before, after = (each.scores(NAMES).refined for each in (total, total + alone))
    assert after.wfm_2px == before.wfm_2px
    assert after.overall_accuracy < before.overall_accuracy


def test_calibration_is_scored_where_there_are_probabilities_of_both_maps_and_adds_up_over_images(images):
    evaluations, parts = [], {"coarse": [], "refined": []}
    for number, (true, coarse, refined) in enumerate(images):
        random = np.random.default_rng(number)
        found = Calibrated(true_HW=true, codes=CODES)
        both = [softmax(random.normal(size=(3, *true.shape)), 0) for _ in parts]
        for row in range(0, len(true), 16):
            found(0, slice(row, row + 16), *(each[:, row : row + 16] for each in both))
        assert found.seconds > 0
        for which, each in zip(parts, both, strict=True):
            parts[which].append(Calibration.of(true, each, CODES))
        evaluations.append(Evaluation.of(true, coarse, refined, CODES, calibration=found))
    scores = reduce(add, evaluations).scores(NAMES)
    for which, each in parts.items():
        expected = reduce(add, each)
        assert getattr(scores, which).ece_15bins == exactly(expected.expected_error)
        assert getattr(scores, which).nll == pytest.approx(expected.mean_nll)
        assert getattr(scores, which).brier == pytest.approx(expected.mean_brier)
    without = Evaluation.of(*images[0], CODES)
    assert (evaluations[0] + without).scores(NAMES).refined.nll is None


def test_without_a_refiner_there_are_coarse_scores_alone(images):
    true, coarse, refined = images[0]
    alone = Evaluation.of(true, coarse, None, CODES)
    scores = (alone + alone).scores(NAMES)
    assert scores.refined is None
    assert scores.repair is None
    assert list(scores.maps()) == ["coarse"]
    both = Evaluation.of(true, coarse, refined, CODES).scores(NAMES)
    assert alone.scores(NAMES).coarse == both.coarse
    assert list(both.maps()) == ["coarse", "refined"]


def test_the_value_for_no_label_is_that_of_the_model(images):
    codes = (0, 1, 2)
    true, coarse, refined = (np.searchsorted((1, 3, 7), maps.clip(1)).astype(np.uint8) for maps in images[1])
    true[:4] = 255
    scores = Evaluation.of(true, coarse, refined, codes, ignore=255).scores(NAMES)
    expected = Evaluation.of(*images[1], (1, 3, 7)).scores(NAMES)
    for name in ("mean_iou", "overall_accuracy", "boundary_iou_4px", "boundary_f1_3px", "mean_boundary_accuracy"):
        assert getattr(scores.refined, name) == getattr(expected.refined, name)
    assert scores.repair == expected.repair


def test_scores_are_json_with_null_where_undefined():
    plain = np.full((20, 20), CODES[0], np.uint8)
    scores = asdict(Evaluation.of(plain, plain, plain, CODES).scores(NAMES))
    text = json.dumps(scores, allow_nan=False)
    assert json.loads(text)["refined"]["boundary_iou_4px"] is None
    assert json.loads(text)["refined"]["classes"]["water"]["iou"] is None
    assert json.loads(text)["refined"]["overall_accuracy"] == 100
