"""Prove Coral's decoder by hand, by its symmetries, and on maps that no model should give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgepose.core.families.posenet import coral
from edgepose.core.families.posenet.coral import decode_multi
from edgepose.core.families.posenet.maps import Maps
from edgepose.core.families.posenet.tree import EDGES
from edgepose.skeleton import INDEX
from tests.core.posenet.conftest import STRIDE, Planted, empty, matched, person, plant

MISREAD = (INDEX["left_eye"], INDEX["left_ear"])  # their way to the nose: see its own test


def shares(logit: float) -> float:
    """Return the score of a logit."""
    return float(1 / (1 + np.exp(-logit)))


def noise(seed: int, shape: tuple[int, int] = (9, 11), stride: float = STRIDE) -> Planted:
    """Return maps of nobody, with scores that tie; steeper offsets would multiply rounding."""
    random = np.random.default_rng(seed)
    return Planted(
        np.round(random.normal(-1, 2, (*shape, 17)) * 4).astype(np.float32) / 4,
        random.normal(0, stride / 8, (*shape, 34)).astype(np.float32),
        random.normal(0, stride / 2, (*shape, 64)).astype(np.float32),
        stride,
    )


# --- by hand


def test_a_score_is_read_between_the_cells() -> None:
    """A nose a quarter of the way from logit 4 to logit 0 has logit 3."""
    planted = empty((5, 5))
    planted.offsets[2, 2, 17] = 4.0
    planted.heatmaps[..., 0] = -8.0
    planted.heatmaps[2, 2:4, 0] = 4.0, 0.0
    planted.heatmaps[..., 1:] = 3.0
    found, _ = decode_multi(planted.maps, 1)
    np.testing.assert_allclose(found[0, 0], [32, 36, shares(3)], atol=1e-5)


def test_the_root_stays_where_its_own_cell_puts_it() -> None:
    """It isn't refined, although the next cell says that the nose is elsewhere."""
    planted = empty((5, 7))
    planted.heatmaps[..., 1:] = 3.0
    planted.heatmaps[2, 2, 0] = 9.0
    planted.offsets[2, 2, 17], planted.offsets[2, 3, 17] = 16.0, 16.0
    found, _ = decode_multi(planted.maps, 1)
    np.testing.assert_allclose(found[0, 0, :2], [32, 48], atol=1e-4)


def test_other_keypoints_take_five_interpolated_offsets() -> None:
    """With every offset 3 px to the right an eye moves 15 px on from the end of its step."""
    planted = empty((5, 9))
    planted.heatmaps[..., 1:] = 3.0
    planted.heatmaps[2, 2, 0] = 9.0
    planted.offsets[..., 17 + INDEX["left_eye"]] = 3.0
    planted.steps[2, 2, 0], planted.steps[2, 2, 16] = -8.0, 20.0
    found, _ = decode_multi(planted.maps, 1)
    np.testing.assert_allclose(found[0, INDEX["left_eye"], :2], [24, 32 + 20 + 15], atol=1e-3)


def test_keypoints_stay_inside_the_picture() -> None:
    """A step beyond the edge ends at the edge: cell 8 of 9, pixel 128."""
    planted = empty((5, 9))
    planted.heatmaps[..., 1:] = 3.0
    planted.heatmaps[2, 2, 0] = 9.0
    planted.steps[..., 0], planted.steps[..., 16] = 900.0, 900.0
    found, _ = decode_multi(planted.maps, 1)
    np.testing.assert_allclose(found[0, INDEX["left_eye"], :2], [64, 128], atol=1e-3)


def test_the_way_from_left_eye_to_nose_reads_the_operators_channels() -> None:
    """Channel 16 as y and 32 as x, where 32 and 48 would be right: as the operator does."""
    planted = empty((9, 9))
    planted.heatmaps[...] = 1.0
    planted.heatmaps[4, 4, INDEX["left_eye"]] = 9.0
    planted.steps[..., 16], planted.steps[..., 32], planted.steps[..., 48] = 5.0, 7.0, 11.0
    found, _ = decode_multi(planted.maps, 1)
    np.testing.assert_allclose(found[0, INDEX["nose"], :2], [64 + 5, 64 + 7], atol=1e-3)


def test_a_person_needs_the_threshold_on_average() -> None:
    """Of one sure keypoint and sixteen unknown ones the mean is 0.06: nobody at 0.2."""
    planted = empty()
    planted.heatmaps[5, 5, 0] = 9.0
    assert len(decode_multi(planted.maps)[0]) == 0
    found, scores = decode_multi(planted.maps, score_threshold=0.05)
    assert scores[0] == pytest.approx(found[0, :, 2].sum() / 17, abs=1e-6)


@pytest.mark.parametrize(("logit", "expected"), [(-1.38, 1), (-1.39, 0)])
def test_a_root_needs_the_threshold(logit: float, expected: int) -> None:
    """0.2 is the logit -1.386."""
    planted = empty((5, 5))
    planted.heatmaps[...] = logit
    assert len(decode_multi(planted.maps, 1)[0]) == expected


def test_a_keypoint_counts_for_the_better_person_only() -> None:
    """A wrist within the radius of a better person's wrist adds nothing to the score."""
    people = [person(240, 200), person(240, 420)]
    wrist = INDEX["left_wrist"]
    people[1][wrist] = people[0][wrist] + [3.0, 4.0]
    planted = plant(*people)
    planted.heatmaps[:, :20] += np.float32(0.5)
    found, scores = decode_multi(planted.maps)
    assert abs(found[0, 0, 1] - 200) < 1
    assert scores[0] == pytest.approx(found[0, :, 2].mean(), abs=1e-6)
    assert scores[1] == pytest.approx(np.delete(found[1, :, 2], wrist).sum() / 17, abs=1e-6)


def test_whoever_falls_below_the_threshold_by_suppression_is_dropped() -> None:
    """Somebody who shares all keypoints but one with a better person is no second person."""
    people = [person(240, 200), person(240, 202)]
    people[1][INDEX["left_ankle"]] += [0.0, 120.0]
    planted = plant(*people)
    found, scores = decode_multi(planted.maps)
    assert len(found) == 1
    assert scores[0] > 0.9


def test_the_better_person_on_average_comes_first() -> None:
    """One has the surest keypoint, the other the higher mean: the other comes first."""
    people = [person(240, 100), person(240, 420)]
    planted = plant(*people)
    planted.heatmaps[:, :13, 1:] -= np.float32(3.0)
    planted.heatmaps[:, :13, 0] += np.float32(3.0)
    found, scores = decode_multi(planted.maps)
    assert matched(found, people) == [1, 0]
    assert scores[0] > scores[1]


def test_the_surest_keypoints_decide_who_is_kept() -> None:
    """Of three people with room for two those with the best single keypoints stay."""
    people = [person(240, x) for x in (100, 320, 540)]
    planted = plant(*people)
    for column, bonus in ((20, 4.0), (34, 3.0)):
        near = np.s_[:, column - 5 : column + 6, 0]
        planted.heatmaps[near] += np.float32(bonus)
    found, _ = decode_multi(planted.maps, 2)
    assert sorted(matched(found, people)) == [1, 2]


# --- people


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_everybody_is_found_where_they_were_put(count: int) -> None:
    """Up to ten people in a row, different in size, each to a hundredth of a pixel."""
    people = [person(240, (i + 0.5) / count * 640, 100 + 2 * i) for i in range(count)]
    found, scores = decode_multi(plant(*people).maps)
    assert sorted(matched(found, people)) == list(range(count))
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("root", [k for k in range(17) if k not in MISREAD])
def test_all_keypoints_are_reached_from_any_of_them(root: int) -> None:
    """The tree is walked both ways, whichever keypoint is the surest."""
    somebody = person(240, 320, 300)
    planted = plant(somebody, best=0.0)
    planted.heatmaps[..., root] += np.float32(9.0)
    found, _ = decode_multi(planted.maps, 1)
    assert matched(found, [somebody]) == [0]


# --- symmetries


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 4), st.integers(0, 6), st.integers(0, 99))
def test_a_shift_by_whole_cells_shifts_the_people(down: int, right: int, seed: int) -> None:
    """Nobody is at the edge, so that nothing is cut off."""
    random = np.random.default_rng(seed)
    first = person(200 + random.uniform(0, 16), 160 + random.uniform(0, 16))
    second = person(180 + random.uniform(0, 16), 400 + random.uniform(0, 16), 130)
    move = np.array([down, right]) * STRIDE
    found, scores = decode_multi(plant(first, second).maps)
    moved, same = decode_multi(plant(first + move, second + move).maps)
    np.testing.assert_allclose(moved[..., :2], found[..., :2] + move, atol=0.01)
    np.testing.assert_allclose(same, scores, atol=1e-5)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_the_stride_only_scales(stride: int) -> None:
    """Maps of twice the stride, offsets and radius give the same people at twice the place."""
    planted = noise(3)
    scale = stride / STRIDE
    scaled = Planted(planted.heatmaps, planted.offsets * scale, planted.steps * scale, stride)
    found, scores = decode_multi(planted.maps)
    larger, same = decode_multi(scaled.maps, nms_radius=coral.NMS_RADIUS_PX * scale)
    np.testing.assert_allclose(larger[..., :2], found[..., :2] * scale, atol=0.01)
    np.testing.assert_allclose(same, scores, atol=1e-4)


def test_of_equal_scores_the_first_in_reading_order_comes_first() -> None:
    """Two people alike, side by side: the left one, every time."""
    people = [person(240, 160), person(240, 480)]
    found, scores = decode_multi(plant(*people).maps)
    assert matched(found, people) == [0, 1]
    assert scores[0] == scores[1]


# --- a plain walk, as the operator does it


def sampled(table: NDArray, place: NDArray) -> NDArray:
    """Return a table's channels at a place inside it."""
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, np.array(table.shape[:2]) - 1)
    y, x = place - low
    top = (1 - x) * table[low[0], low[1]] + x * table[low[0], high[1]]
    return (1 - y) * top + y * ((1 - x) * table[high[0], low[1]] + x * table[high[0], high[1]])


def grown(planted: Planted, k: int, root: NDArray) -> tuple[NDArray, NDArray]:
    """Return (17, 2) places and (17) scores of one person, by a queue of keypoints."""
    heat = planted.heatmaps.astype(float)
    short, mid = planted.offsets / planted.stride, planted.steps / planted.stride
    last = np.array(heat.shape[:2]) - 1
    places, logits = np.zeros((17, 2)), np.zeros(17)
    queue, known = [(sampled(heat, root)[k], k, root)], set()
    while queue:
        logit, k, place = queue.pop(max(range(len(queue)), key=lambda i: queue[i][0]))
        known.add(k)
        places[k], logits[k] = place, logit
        for edge, (parent, child) in enumerate(EDGES):
            for source, target, channel in ((parent, child, edge), (child, parent, 32 + edge)):
                if source != k or target in known:
                    continue
                y = 16 if channel == 32 else channel  # as the operator has it
                at = np.clip(place + sampled(mid, place)[[y, y + 16]], 0, last)
                for _ in range(5):
                    at = np.clip(at + sampled(short, at)[[target, 17 + target]], 0, last)
                queue.append((sampled(heat, at)[target], target, at))
    return places, 1 / (1 + np.exp(-logits))


def oracle(planted: Planted, most: int, least: float, radius: float) -> list[tuple]:
    """Return (score, places in pixels) of the people, decoded one after the other."""
    heat, stride = planted.heatmaps, planted.stride
    height, width = heat.shape[:2]
    starts = []
    for y, x, k in np.argwhere(1 / (1 + np.exp(-heat.astype(float))) >= least).tolist():
        if heat[y, x, k] >= heat[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, k].max():
            root = np.array([y, x]) + planted.offsets[y, x, [k, 17 + k]] / stride
            starts.append((heat[y, x, k], k, np.clip(root, 0, [height - 1, width - 1])))
    people: list[tuple[NDArray, NDArray]] = []
    for _, k, root in sorted(starts, key=lambda start: -start[0]):
        if any(np.hypot(*(places[k] - root)) <= radius / stride for places, _ in people):
            continue
        person = grown(planted, k, root)
        if len(people) < most and person[1].mean() >= least:
            people.append(person)
    people.sort(key=lambda person: -person[1].mean())
    result = []
    for i, (places, scores) in enumerate(people):
        shared = np.zeros(17, bool)
        for other, _ in people[:i]:
            shared |= np.hypot(*(places - other).T) <= radius / stride
        result.append(((scores * ~shared).sum() / 17, places * stride))
    return sorted((one for one in result if one[0] >= least), key=lambda one: -one[0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [3, 1000])
def test_the_plain_walk_gives_the_same_people(seed: int, most: int) -> None:
    """On maps of pure noise the same people come out in the same order, whatever the stride."""
    planted = noise(seed, (7 + seed % 4, 9 + seed % 5), [8, 16, 32][seed % 3])
    expected = oracle(planted, most, 0.3, 10.0)
    found, scores = decode_multi(planted.maps, most, score_threshold=0.3)
    assert len(found) == len(expected) > 0
    for keypoints, score, (truth, places) in zip(found, scores, expected, strict=True):
        assert score == pytest.approx(truth, abs=1e-4)
        np.testing.assert_allclose(keypoints[:, :2], places, atol=0.02)


# --- degenerate maps


def test_an_empty_picture_holds_nobody() -> None:
    """No candidate, no pose, the shapes kept."""
    found, scores = decode_multi(empty().maps)
    assert (found.shape, scores.shape) == ((0, 17, 3), (0,))


@pytest.mark.parametrize("corner", [(0, 0), (0, 640), (480, 0), (480, 640)])
def test_people_may_start_in_border_cells(corner: tuple[int, int]) -> None:
    """A nose in the very corner, and all else unknown."""
    planted = empty()
    planted.heatmaps[corner[0] // 16, corner[1] // 16, 0] = 3.0
    found, _ = decode_multi(planted.maps, score_threshold=0.05)
    np.testing.assert_allclose(found[:, 0], [[*corner, shares(3)]], atol=1e-4)


def test_maps_of_one_cell_decode() -> None:
    """The smallest maps there can be give one person at that cell."""
    cell = [np.zeros((1, 1, n), np.float32) for n in (17, 34, 64)]
    found, scores = decode_multi(Planted(cell[0] + 2, cell[1], cell[2]).maps)
    np.testing.assert_allclose(found, [[[0, 0, shares(2)]] * 17], atol=1e-5)
    assert scores == pytest.approx([shares(2)], abs=1e-5)


def test_maps_without_displacements_are_refused() -> None:
    """Such a model has only a single-pose decoder."""
    planted = plant(person(240, 320))
    maps = Maps.of(planted.heatmaps, planted.offsets, None, STRIDE)
    with pytest.raises(ValueError, match="no displacements"):
        decode_multi(maps)
