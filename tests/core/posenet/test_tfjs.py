"""Prove tfjs' decoder on maps of known people, and against a slow, plain oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgepose.core.families.posenet.maps import Maps
from edgepose.core.families.posenet.tfjs import decode_multi
from edgepose.core.families.posenet.tree import EDGES
from edgepose.skeleton import INDEX
from tests.core.posenet.conftest import STRIDE, Planted, empty, matched, person, plant


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
)
def test_multi_finds_people_anywhere(places: list[tuple[float, int, float]]) -> None:
    """Whoever stands apart from the others is found, complete, once."""
    people = [person(y, 80 + 160 * column, height) for y, column, height in places]
    found, _ = decode_multi(plant(*people).maps)
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
    assert len(decode_multi(planted.maps, nms_radius=20.0)[0]) == expected


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
    found, scores = decode_multi(planted.maps)
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
    planted = plant(person(240, 320))
    maps = Maps.of(planted.heatmaps, planted.offsets, None, STRIDE)
    with pytest.raises(ValueError, match="no displacements"):
        decode_multi(maps)


def test_maps_of_one_cell_decode() -> None:
    """The smallest maps there can be give one person at that cell."""
    planted = Planted(
        np.full((1, 1, 17), 2.0, np.float32), *(np.zeros((1, 1, n), np.float32) for n in (34, 64))
    )
    found, _ = decode_multi(planted.maps)
    assert found.shape == (1, 17, 3)


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
        root = said((y, x), k)
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
    found, scores = decode_multi(noise.maps, 1000)
    assert len(found) == len(expected) > 10
    for i, (keypoints, truth) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(keypoints, truth, atol=2e-3)
        far = [
            all(np.sum((truth[k, :2] - other[k, :2]) ** 2) > 400 for other in expected[:i])
            for k in range(17)
        ]
        assert scores[i] == pytest.approx((truth[:, 2] * far).sum() / 17, abs=1e-5)
