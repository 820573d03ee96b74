"""Prove PoseNet's decoders on tensors of known people, and against a slow, plain oracle."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgepose.core.families.posenet_decode import (
    EDGES,
    Grid,
    Maps,
    decode_multi,
    decode_single,
    interpolate,
    logit,
    sigmoid,
)
from edgepose.skeleton import INDEX, KEYPOINTS

STRIDE = 16
GRID = (31, 41)  # of a 481 x 641 input
REACH_PX = 32.0  # round a keypoint, in which the maps know of it
ROWS = np.array([-0.9, -1, -1, -0.95, -0.95, *np.repeat([-0.6, -0.3, 0.0, 0.0, 0.5, 1.0], 2)])
SIDES = np.array([0, 0.1, 0.1, 0.25, 0.25, 0.5, 0.5, 0.8, 0.8, 1, 1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
FIGURE = np.stack([ROWS, SIDES * np.array([0, *[1, -1] * 8])], 1)  # 2 x 2, round 0


@dataclass
class Planted:
    """Hold tensors (h, w, channels) that a perfect model would give for some people."""

    heatmaps: NDArray[np.float32]
    offsets: NDArray[np.float32]
    steps: NDArray[np.float32]
    stride: float = STRIDE

    @property
    def maps(self) -> Maps:
        """Return them ready to be decoded."""
        return Maps.of(self.heatmaps, self.offsets, self.steps, self.stride)


def person(y: float, x: float, height: float = 160.0) -> NDArray[np.float64]:
    """Return (17, 2) keypoints in input pixels of somebody standing round (y, x)."""
    return np.array([y, x]) + FIGURE * [height / 2, height / 4]


def empty(grid: tuple[int, int] = GRID, stride: float = STRIDE) -> Planted:
    """Return the tensors of a picture with nobody in it."""
    blank = [np.zeros((*grid, channels), np.float32) for channels in (17, 34, 64)]
    return Planted(blank[0] - 8, blank[1], blank[2], stride)


def plant(*people: NDArray[np.float64], best: float = 6.0, into: Planted | None = None) -> Planted:
    """Return tensors in which every cell near a keypoint points at it, and on to its neighbours.

    Heatmaps fall off with the distance; where people are close, the nearer one has the cell.
    """
    planted = into or empty()
    cells = np.stack(np.indices(planted.heatmaps.shape[:2]), 2) * planted.stride
    nearest = np.full(planted.heatmaps.shape, np.inf)
    for keypoints in people:
        for k, place in enumerate(keypoints):
            distance = np.hypot(*(cells - place).transpose(2, 0, 1))
            near = distance < np.minimum(REACH_PX, nearest[..., k])
            nearest[near, k] = distance[near]
            planted.heatmaps[near, k] = best - distance[near] / 8
            planted.offsets[near, k], planted.offsets[near, 17 + k] = (place - cells[near]).T
            for edge, (parent, child) in enumerate(EDGES):
                for end, other, first in ((parent, child, 0), (child, parent, 32)):
                    if end == k:
                        step = keypoints[other] - place
                        planted.steps[near, first + edge] = step[0]
                        planted.steps[near, first + 16 + edge] = step[1]
    return planted


def matched(found: NDArray[np.float32], people: list[NDArray[np.float64]]) -> list[int]:
    """Return for each found person which planted one it is, to within 0.01 px; -1 for none."""
    result = []
    for keypoints in found:
        near = [np.abs(keypoints[:, :2] - planted).max() < 0.01 for planted in people]
        result.append(near.index(True) if True in near else -1)
    return result


def test_edges_come_in_the_order_of_the_displacement_channels() -> None:
    """The sixteen edges of PoseNet's tree, parent first, as the models number them."""
    text = (
        "nose-left_eye left_eye-left_ear nose-right_eye right_eye-right_ear nose-left_shoulder "
        "left_shoulder-left_elbow left_elbow-left_wrist left_shoulder-left_hip left_hip-left_knee "
        "left_knee-left_ankle nose-right_shoulder right_shoulder-right_elbow "
        "right_elbow-right_wrist right_shoulder-right_hip right_hip-right_knee "
        "right_knee-right_ankle"
    )
    assert [f"{KEYPOINTS[a]}-{KEYPOINTS[b]}" for a, b in EDGES] == text.split()


# --- one person


def test_single_takes_the_best_cell_times_the_stride_plus_its_offset() -> None:
    """Cells (2, 3) of stride 16 with offset (-5.25, 7.5) are 26.75, 55.5; sigmoid makes scores."""
    planted = empty((9, 11))
    planted.heatmaps[2, 3] = 2.0
    planted.offsets[2, 3, :17], planted.offsets[2, 3, 17:] = -5.25, 7.5
    found = decode_single(planted.maps)
    np.testing.assert_allclose(found[:, :2], [[26.75, 55.5]] * 17, atol=1e-3)
    np.testing.assert_allclose(found[:, 2], 1 / (1 + np.exp(-2)), rtol=1e-6)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_single_finds_a_planted_person_at_any_stride(stride: int) -> None:
    """Every keypoint comes out where it was put."""
    somebody = person(90, 100, 140)
    found = decode_single(plant(somebody, into=empty((33, 29), stride)).maps)
    np.testing.assert_allclose(found[:, :2], somebody, atol=1e-3)


def test_single_takes_the_first_of_equal_cells() -> None:
    """A tie, or a map that is the same all over, is no error: reading order decides."""
    planted = empty((9, 11))
    planted.heatmaps[4, 2] = planted.heatmaps[2, 7] = planted.heatmaps[2, 9] = 1.0
    np.testing.assert_array_equal(decode_single(planted.maps)[:, :2], [[32, 112]] * 17)
    np.testing.assert_array_equal(decode_single(empty().maps)[:, :2], np.zeros((17, 2)))


@pytest.mark.parametrize("cell", [(0, 0), (0, 10), (8, 0), (8, 10)])
def test_single_reads_border_cells(cell: tuple[int, int]) -> None:
    """The corners are cells like any other, also when the offset leaves the picture."""
    planted = empty((9, 11))
    planted.heatmaps[cell] = 3.0
    planted.offsets[cell] = -20.0
    found = decode_single(planted.maps)
    np.testing.assert_allclose(found[:, :2], [np.array(cell) * 16.0 - 20.0] * 17, atol=1e-3)


def test_single_scores_an_empty_picture_near_zero() -> None:
    """Logits of -8 are scores of 0.0003."""
    assert decode_single(empty().maps)[:, 2].max() < 0.001


def test_single_ignores_cells_that_are_no_number() -> None:
    """NaN never wins the argmax, and a keypoint that is NaN everywhere scores 0."""
    planted = plant(person(200, 300))
    planted.heatmaps[0, 0] = planted.offsets[0, 1] = np.nan
    planted.heatmaps[..., 3] = np.nan
    found = decode_single(planted.maps)
    assert np.isfinite(found).all()
    assert found[3, 2] < 1e-6
    np.testing.assert_allclose(
        np.delete(found[:, :2], 3, 0), np.delete(person(200, 300), 3, 0), atol=1e-3
    )


# --- several people


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_multi_finds_everybody_where_they_were_put(count: int) -> None:
    """Up to ten people in a row, different in size, each to a hundredth of a pixel."""
    people = [person(240, (i + 0.5) / count * 640, 120 + 12 * i) for i in range(count)]
    found, scores = decode_multi(plant(*people).maps)
    assert sorted(matched(found, people)) == list(range(count))
    assert scores.min() > 0.9


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(110, 370), st.integers(0, 3), st.floats(80, 200)),
        min_size=1,
        max_size=4,
        unique_by=lambda place: place[1],
    ),
    st.booleans(),
)
def test_multi_finds_people_anywhere(
    places: list[tuple[float, int, float]], interpolated: bool
) -> None:
    """Whoever stands apart from the others is found, complete, once."""
    people = [person(y, 80 + 160 * column, height) for y, column, height in places]
    found, _ = decode_multi(plant(*people).maps, interpolated=interpolated)
    assert sorted(matched(found, people)) == list(range(len(people)))


@pytest.mark.parametrize("root", range(17))
def test_multi_reaches_all_keypoints_from_any_of_them(root: int) -> None:
    """The tree is walked both ways: only one keypoint passes the threshold, all are found."""
    somebody = person(240, 320, 300)
    planted = plant(somebody, best=-1.0)
    planted.heatmaps[..., root] += 7.0
    found, _ = decode_multi(planted.maps)
    assert matched(found, [somebody]) == [0]


def test_multi_orders_people_by_their_best_keypoint() -> None:
    """The surest comes first, whoever stands first in the picture."""
    people = [person(240, x) for x in (100, 320, 540)]
    planted = plant(*people)
    for column, bonus in ((20, 2.0), (34, 1.0)):
        near = np.s_[:, column - 5 : column + 6]
        planted.heatmaps[near] = np.where(
            planted.heatmaps[near] > -8, planted.heatmaps[near] + bonus, -8
        )
    found, scores = decode_multi(planted.maps)
    assert matched(found, people) == [1, 2, 0]
    assert (np.diff(scores) < 0).all()


def test_multi_stops_at_max_poses() -> None:
    """Of five people the three surest are reported."""
    people = [person(240, 64 + 128 * i) for i in range(5)]
    found, scores = decode_multi(plant(*people).maps, 3)
    assert found.shape == (3, 17, 3)
    assert scores.shape == (3,)


def test_multi_starts_nobody_below_the_threshold() -> None:
    """A best logit of 0 is a score of 0.5: enough at 0.5, too little at 0.51."""
    planted = empty()
    planted.heatmaps[5, 5, 0] = 0.0
    assert len(decode_multi(planted.maps, score_threshold=0.5)[0]) == 1
    assert len(decode_multi(planted.maps, score_threshold=0.51)[0]) == 0


@pytest.mark.parametrize(("distance", "expected"), [(19.5, 1), (20.5, 2)])
def test_multi_keeps_roots_apart_by_the_nms_radius(distance: float, expected: int) -> None:
    """Two noses 19.5 px apart are one person's, 20.5 px apart two people's."""
    planted = empty()
    for column, place in ((10, 160.0), (14, 160.0 + distance)):
        planted.heatmaps[10, column, 0] = 3.0
        planted.offsets[10, column, 17] = place - column * 16
        planted.offsets[10, round(place / 16), 17] = place - round(place / 16) * 16
    assert len(decode_multi(planted.maps, nms_radius=20.0, interpolated=False)[0]) == expected


def test_multi_starts_one_person_on_a_plateau() -> None:
    """Quantised maps have areas of equal scores: all their cells are maxima of one person."""
    planted = plant(person(240, 320))
    planted.heatmaps[planted.heatmaps > -8] = 5.0
    found, _ = decode_multi(planted.maps)
    assert matched(found, [person(240, 320)]) == [0]


def test_multi_tells_people_who_overlap_apart() -> None:
    """Somebody half behind another, 40 px aside: two complete people."""
    people = [person(240, 300, 200), person(250, 340, 190)]
    found, _ = decode_multi(plant(*people).maps)
    assert sorted(matched(found, people)) == [0, 1]


def test_multi_counts_a_keypoint_once() -> None:
    """A wrist within the radius of a better person's wrist adds nothing to the score."""
    people = [person(240, 200), person(240, 420)]
    wrist = INDEX["left_wrist"]
    people[1][wrist] = people[0][wrist] + [3.0, 4.0]
    planted = plant(*people)
    planted.heatmaps[:, :20] += np.float32(0.5)
    found, scores = decode_multi(planted.maps, interpolated=False)
    own = np.delete(found[1, :, 2], wrist).sum() / 17
    assert matched(found[:1], people) == [0]
    assert scores[0] == pytest.approx(found[0, :, 2].mean(), abs=1e-6)
    assert scores[1] == pytest.approx(own, abs=1e-6)


def test_multi_follows_people_out_of_the_picture() -> None:
    """Of somebody cut off at the knees the rest is exact, and the border guesses the legs."""
    somebody = person(440, 320, 200)
    found, _ = decode_multi(plant(somebody).maps)
    knee = INDEX["left_knee"]
    assert len(found) == 1
    np.testing.assert_allclose(found[0, :knee, :2], somebody[:knee], atol=0.01)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("corner", [(0, 0), (0, 640), (480, 0), (480, 640)])
def test_multi_starts_people_in_border_cells(corner: tuple[int, int]) -> None:
    """A nose in the very corner is a local maximum like any other."""
    planted = empty()
    planted.heatmaps[corner[0] // 16, corner[1] // 16, 0] = 3.0
    found, _ = decode_multi(planted.maps)
    np.testing.assert_allclose(found[:, 0], [[*corner, 1 / (1 + np.exp(-3))]], atol=1e-4)


def test_multi_finds_nobody_in_an_empty_picture() -> None:
    """No candidate, no pose, the shapes kept."""
    found, scores = decode_multi(empty().maps)
    assert (found.shape, scores.shape) == ((0, 17, 3), (0,))


def test_multi_without_displacements_is_a_fault_of_the_caller() -> None:
    """Such a model has only a single-pose decoder."""
    maps = Maps.of(empty().heatmaps, empty().offsets, None, STRIDE)
    with pytest.raises(ValueError, match="no displacements"):
        decode_multi(maps)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("name", ["heatmaps", "offsets", "steps"])
def test_multi_survives_tensors_of_nonsense(name: str, value: float) -> None:
    """Whole tensors of NaN, infinities or absurd numbers: finite poses or none, no warning."""
    planted = plant(person(240, 320))
    getattr(planted, name)[:] = value
    found, scores = decode_multi(planted.maps)
    assert np.isfinite(found).all()
    assert np.isfinite(scores).all()


def test_a_nan_spoils_only_its_own_keypoint() -> None:
    """With NaN round the left wrist all others are found, and the wrist scores near 0."""
    somebody = person(240, 320)
    planted = plant(somebody)
    wrist = INDEX["left_wrist"]
    known = planted.heatmaps[..., wrist] > -8
    planted.heatmaps[known, wrist] = np.nan
    planted.offsets[known, wrist] = np.nan
    found, _ = decode_multi(planted.maps)
    rest = np.delete(np.arange(17), wrist)
    np.testing.assert_allclose(found[0, rest, :2], somebody[rest], atol=0.01)
    assert found[0, wrist, 2] < 1e-3


def test_maps_of_one_cell_decode() -> None:
    """The smallest maps there can be give one person at that cell."""
    planted = Planted(
        np.full((1, 1, 17), 2.0, np.float32), *(np.zeros((1, 1, n), np.float32) for n in (34, 64))
    )
    found, _ = decode_multi(planted.maps)
    assert found.shape == (1, 17, 3)
    assert decode_single(planted.maps)[:, :2].tolist() == [[0, 0]] * 17


def test_a_root_whose_offset_is_cut_off_moves_on_to_where_it_belongs() -> None:
    """The best cell is 18 px off but can say only 10: the next cell knows the rest."""
    somebody = person(240, 322)
    planted = plant(somebody)
    planted.offsets = planted.offsets.clip(-10, 10)
    nose = np.argwhere(planted.heatmaps[..., 0] > -8)
    far = max(nose.tolist(), key=lambda cell: cell[1])
    planted.heatmaps[(*far, 0)] = 9.0
    found, _ = decode_multi(planted.maps)
    assert abs(found[0, 0, 1] - somebody[0, 1]) < 1.0


def test_interpolated_scores_lie_between_those_of_the_cells() -> None:
    """Halfway between logits 4 and 0 the score is that of 2; the nearest cell's is that of 4."""
    planted = empty((5, 5))
    planted.heatmaps[2, 2, 0], planted.heatmaps[2, 3, 0] = 4.0, 0.0
    planted.offsets[2, 2:4, 17] = 7.9999, -8.0001
    for interpolated, expected in ((True, 2.0), (False, 4.0)):
        found, _ = decode_multi(planted.maps, interpolated=interpolated)
        assert found[0, 0, 2] == pytest.approx(1 / (1 + np.exp(-expected)), abs=1e-4)
        assert found[0, 0, 1] == pytest.approx(40.0, abs=1e-3)


def test_interpolated_places_weigh_what_the_cells_around_say() -> None:
    """A quarter of the way from a cell that says 36 to one that says 44 the place is 38."""
    planted = empty((5, 5))
    planted.heatmaps[2, 2, 0], planted.heatmaps[2, 3, 0] = 4.0, 0.0
    planted.offsets[2, 2:4, 17] = 4.0, -4.0
    for interpolated, expected in ((True, 38.0), (False, 36.0)):
        found, _ = decode_multi(planted.maps, interpolated=interpolated)
        assert found[0, 0, 1] == pytest.approx(expected, abs=1e-3)


# --- the plain oracle


def oracle(planted: Planted, max_poses: int, threshold: float, radius: float) -> list[NDArray]:
    """Decode by nested loops, one person after the other, as the algorithm is described."""
    height, width = planted.heatmaps.shape[:2]
    scores = 1 / (1 + np.exp(-planted.heatmaps.astype(float)))
    heat, stride = planted.heatmaps, planted.stride

    def cell(place: NDArray) -> tuple[int, int]:
        y, x = np.floor(place / stride + 0.5).astype(int)
        return min(max(y, 0), height - 1), min(max(x, 0), width - 1)

    def said(at: tuple[int, int], k: int) -> NDArray:
        return np.array(at) * stride + planted.offsets[at][[k, 17 + k]].astype(float)

    def refined(place: NDArray, k: int) -> NDArray:
        return said(cell(said(cell(place), k)), k)

    queue = []
    for y, x, k in np.argwhere(scores >= threshold).tolist():
        if heat[y, x, k] >= heat[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, k].max():
            queue.append((-heat[y, x, k], y, x, k))
    people: list[NDArray] = []
    for _, y, x, k in sorted(queue, key=lambda item: item[0]):
        root = refined(said((y, x), k), k)
        taken = any(np.sum((other[k, :2] - root) ** 2) <= radius**2 for other in people)
        if taken or len(people) == max_poses:
            continue
        places = {k: root}
        backward = [(child, parent, 32 + e) for e, (parent, child) in enumerate(EDGES)][::-1]
        forward = [(parent, child, e) for e, (parent, child) in enumerate(EDGES)]
        for source, target, channel in backward + forward:
            if source in places and target not in places:
                step = planted.steps[cell(places[source])][[channel, channel + 16]]
                places[target] = refined(places[source] + step, target)
        rows = [[*places[k], scores[(*cell(places[k]), k)]] for k in range(17)]
        people.append(np.array(rows))
    return people


@pytest.mark.parametrize("seed", range(6))
def test_multi_does_what_the_plain_oracle_does(seed: int) -> None:
    """On maps of pure noise, tied scores included, the same people come out in the same order."""
    random = np.random.default_rng(seed)
    stride = [8, 16, 32][seed % 3]
    shape = (7 + seed % 4, 9 + seed % 5)
    noise = Planted(
        np.round(random.normal(-2, 2, (*shape, 17)) * 4).astype(np.float32) / 4,
        random.normal(0, stride / 2, (*shape, 34)).astype(np.float32),
        random.normal(0, 3 * stride, (*shape, 64)).astype(np.float32),
        stride,
    )
    expected = oracle(noise, 1000, 0.5, 20.0)
    found, scores = decode_multi(noise.maps, 1000, interpolated=False)
    assert len(found) == len(expected) > 10
    for i, (keypoints, truth) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(keypoints, truth, atol=2e-3)
        far = [
            all(np.sum((truth[k, :2] - other[k, :2]) ** 2) > 400 for other in expected[:i])
            for k in range(17)
        ]
        assert scores[i] == pytest.approx((truth[:, 2] * far).sum() / 17, abs=1e-5)


# --- maps


@given(st.floats(-3, 12), st.floats(-3, 14))
def test_between_is_bilinear(y: float, x: float) -> None:
    """A table that is linear in the place is read back exactly, at the edge held."""
    grid = Grid.of(9, 11)
    cells = np.indices((9, 11)).reshape(2, -1).T
    table = (cells @ [[2.0], [-3.0]] + 1).astype(np.float32)
    value = interpolate(grid, table, np.array(0), np.array([y, x]))
    assert value == pytest.approx(2 * np.clip(y, 0, 8) - 3 * np.clip(x, 0, 10) + 1, abs=1e-4)


def test_the_nearest_cell_rounds_halves_up_and_stays_inside() -> None:
    """As JavaScript rounds; places beyond the border belong to the border."""
    places = np.array([[0.5, 1.5, -0.5, -9.0, 99.0], [0.0] * 5], np.float32)
    assert Grid.of(4, 3).nearest(places).tolist() == [3, 6, 0, 0, 9]


def test_sigmoid_and_logit_undo_each_other() -> None:
    """Also at the ends, without overflow."""
    assert sigmoid(np.array([-1e5, 0.0, 1e5])).tolist() == [0.0, 0.5, 1.0]
    for score in (0.01, 0.5, 0.97):
        assert sigmoid(logit(score)) == pytest.approx(score, abs=1e-6)
    assert (logit(0.0), logit(1.0)) == (-1e5, 1e5)
