import numpy as np
import pytest
from metric_maps import CODES, blobs

from idgbr import metrics
from idgbr.metrics.evaluation import BOUNDARY_IOU_DISTANCE, Evaluation


def image(seed, size=64):
    """A truth with unlabelled pixels, a coarse map that is off, and a refined one that is less so."""
    true = blobs(seed, size)
    coarse, refined = np.roll(true, 3, 0), np.roll(true, 1, 1)
    true[:4] = 0
    return true, coarse, refined


@pytest.fixture(scope="module")
def images():
    return [image(seed, 40 + 20 * seed) for seed in range(3)]


@pytest.fixture(scope="module")
def total(images):
    first, *others = (Evaluation.of(*maps, CODES) for maps in images)
    return sum(others, first)


def test_totals_come_from_the_summed_counts_and_wfm_is_the_mean_over_images(images, total):
    pairs = [(true, refined) for true, _, refined in images]
    confusion = sum(metrics.confusion_matrix(*pair, CODES) for pair in pairs)
    found = total.refined.scores()
    assert found["miou"] == metrics.mean_iou(confusion)
    assert found["mf1"] == metrics.mean_f1(confusion)
    assert found["oa"] == metrics.overall_accuracy(confusion)
    assert found["kappa"] == metrics.kappa(confusion)
    boundaries = sum(metrics.boundary_counts(*pair, CODES, BOUNDARY_IOU_DISTANCE) for pair in pairs)
    assert found["biou"] == metrics.boundary_iou_of(boundaries)
    for tolerance in (1, 3, 5):
        contours = sum(metrics.contour_counts(*pair, CODES, tolerance) for pair in pairs)
        assert found[f"bf1_{tolerance}"] == metrics.boundary_f1_of(contours)
    around = sum(metrics.accuracy_counts(*pair, CODES) for pair in pairs)
    assert found["mba"] == metrics.mean_boundary_accuracy_of(around)
    assert found["wfm"] == pytest.approx(np.mean([metrics.wfm(*pair) for pair in pairs]))
    counts = sum(metrics.repair_counts(*maps, CODES) for maps in images)
    broken = sum(metrics.new_fp_counts(*maps) for maps in images)
    assert total.repair.scores() == {
        "iou_imp": np.mean(metrics.iou_imp(counts)),
        "new_fp": metrics.new_fp_rate(broken),
    }


def test_the_coarse_map_is_scored_apart_from_the_refined_one(images, total):
    confusion = sum(metrics.confusion_matrix(true, coarse, CODES) for true, coarse, _ in images)
    assert total.coarse.scores()["miou"] == metrics.mean_iou(confusion)
    for name in ("miou", "mf1", "oa", "kappa", "wfm", "biou", "bf1_1", "mba"):
        assert total.refined.scores()[name] > total.coarse.scores()[name]


def test_scores_of_the_classes_average_to_the_total(total):
    found = total.refined.class_scores()
    assert len(found) == len(CODES)
    for whole, own in {"miou": "iou", "mf1": "f1", "biou": "biou", "bf1_3": "bf1_3", "mba": "mba"}.items():
        assert total.refined.scores()[whole] == pytest.approx(np.mean([scores[own] for scores in found]))
    repair = [scores["iou_imp"] for scores in total.repair.class_scores()]
    assert total.repair.scores()["iou_imp"] == pytest.approx(np.mean(repair))


def test_every_class_of_an_image_with_a_coarse_error_is_one_graded_case(images, total):
    assert sum(total.repair.grades.values()) == len(images) * len(CODES)
    true, coarse, _ = images[0]
    assert Evaluation.of(true, coarse, true, CODES).repair.grades == {"complete": 3}
    assert Evaluation.of(true, coarse, coarse, CODES).repair.grades == {"partial": 3}
    assert Evaluation.of(true, true, np.full_like(true, 9), CODES).repair.grades == {"error": 3}
    assert Evaluation.of(true, true, true, CODES).repair.grades == {}


def test_an_image_without_true_edge_does_not_enter_wfm(total):
    plain = np.full((20, 20), CODES[0], np.uint8)
    busy = blobs(8, 20)
    assert np.isnan(Evaluation.of(plain, busy, busy, CODES).refined.scores()["wfm"])
    more = total + Evaluation.of(plain, busy, busy, CODES)
    assert more.refined.scores()["wfm"] == total.refined.scores()["wfm"]
    assert more.refined.scores()["oa"] < total.refined.scores()["oa"]


def test_without_a_refiner_there_are_coarse_scores_alone(images):
    true, coarse, refined = images[0]
    alone = Evaluation.of(true, coarse, None, CODES)
    assert alone.refined is None
    assert alone.repair is None
    assert alone.coarse.scores() == Evaluation.of(true, coarse, refined, CODES).coarse.scores()
    assert (alone + alone).repair is None


def test_the_value_for_no_label_is_that_of_the_model(images):
    codes = (0, 1, 2)
    true, coarse, refined = (np.searchsorted((1, 3, 7), maps.clip(1)).astype(np.uint8) for maps in images[1])
    true[:4] = 255
    found = Evaluation.of(true, coarse, refined, codes, ignore=255)
    expected = Evaluation.of(*images[1], (1, 3, 7))
    for name in ("miou", "oa", "biou", "bf1_3", "mba"):
        assert found.refined.scores()[name] == expected.refined.scores()[name]
    assert found.repair.scores() == expected.repair.scores()
