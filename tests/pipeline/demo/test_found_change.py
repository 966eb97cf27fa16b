import numpy as np

from pipeline.demo.found_change import ClassPixels, FoundChange, class_pixels


def ground():
    was_HW = np.full((40, 60), 40, np.uint8)
    is_HW = was_HW.copy()
    is_HW[2:12, 2:12] = 50
    is_HW[2:12, 30:40] = 80
    is_HW[30:33, 30:33] = 80
    return was_HW, is_HW


def test_a_place_of_half_a_hectare_is_found_where_half_its_pixels_are():
    was_HW, is_HW = ground()
    changed_HW = np.zeros(was_HW.shape, bool)
    changed_HW[2:7, 2:12] = True
    changed_HW[2:6, 30:40] = True
    changed_HW[20:21, 0:10] = True
    found = FoundChange.of(was_HW, is_HW, changed_HW, resolution=10)
    assert (found.places, found.places_found) == (2, 1)
    assert found.true_km2 == 0.0209
    assert found.share_found == 90 / 209
    assert found.share_true == 90 / 100


def test_without_change_there_is_no_share():
    was_HW, _ = ground()
    found = FoundChange.of(was_HW, was_HW, np.zeros(was_HW.shape, bool), resolution=10)
    assert (found.places, found.share_found, found.share_true) == (0, None, None)


def test_changes_from_class_to_class_count_where_change_was_found_and_in_truth():
    was_HW, is_HW = ground()
    old_HW, new_HW = was_HW.copy(), is_HW.copy()
    new_HW[2:12, 30:40] = 10
    new_HW[20] = 10
    changed_HW = np.zeros(was_HW.shape, bool)
    changed_HW[:15] = True
    names = {10: "trees", 40: "crops", 50: "houses", 80: "water"}
    assert class_pixels(np.stack([old_HW, new_HW]), np.stack([was_HW, is_HW]), changed_HW, names) == [
        ClassPixels("crops", "water", 0, 109),
        ClassPixels("crops", "houses", 100, 100),
        ClassPixels("crops", "trees", 100, 0),
    ]
