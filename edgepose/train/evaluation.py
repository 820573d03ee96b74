"""Run a model over annotated pictures or a clip with truth, and measure it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose import jsonio
from edgepose.core import metrics
from edgepose.core.metrics import Detection, Instance
from edgepose.errors import UserError
from edgepose.skeleton import INDEX, KEYPOINTS, MPII_PARTS
from edgepose.system import plain_file
from edgepose.train.data.annotations import AnnotatedPerson, Picture, cut, extent, load_picture
from edgepose.train.data.pseudo_labels import Estimate, frames_of
from edgepose.train.synth.people import OUTSIDE
from edgepose.types import Frame, Image, Pose, Size

MARGIN: Final = 1.4  # of a person's box: about what the smart crop gives at best
NOWHERE: Final = -1e4  # pixels, where the keypoints of somebody who was missed are
_CROP: Final = 256  # pixels; models scale it to their own input
_HEAD: Final = (MPII_PARTS.index("upper_neck"), MPII_PARTS.index("head_top"))


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """A model's figures. keypoints: by figure and keypoint. Missing figures are left out."""

    people: int
    totals: dict[str, float]
    keypoints: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what could not be measured is null."""
        return {
            "people": self.people,
            **{name: _number(value) for name, value in self.totals.items()},
            "keypoints": {
                name: {k: _number(v) for k, v in row.items()}
                for name, row in self.keypoints.items()
            },
        }


def _number(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def instance(person: AnnotatedPerson) -> Instance:
    """Return an annotated person as an Instance for the metrics; ignored without keypoints.

    Who is beside another person in a crop is measured in their own crop.
    """
    ignored = person.crowd or person.beside or not person.known.any()
    return Instance(person.keypoints, person.known, person.area, person.box, ignored, person.crowd)


def find_in_box(
    estimate: Estimate, image: Image, box: tuple[float, float, float, float]
) -> Detection:
    """Return what a model finds in a square around a person's box, in the picture's pixels.

    Nobody found gives keypoints far outside and score 0: a miss, not an omission.
    """
    pixels, (scale, y, x) = cut(image, box, _CROP, MARGIN)
    poses = estimate(pixels)
    if not poses:
        return Detection(np.full((17, 2), NOWHERE), 0.0)
    points = poses[0].keypoints[:, :2].astype(float) * _CROP - 0.5
    return Detection(points * scale + (y, x), poses[0].score)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One person: the truth and what was found. head: PCKh's norm, NaN when unknown."""

    found: Detection
    person: Instance
    head: float


def score_crops(estimate: Estimate, pictures: Iterable[Picture]) -> tuple[list[Scored], list[Any]]:
    """Return everyone scored in their own crop, and (detections, people) of each picture for AP."""
    scored, grouped = [], []
    for named in pictures:
        image, picture = load_picture(named)
        people = [instance(person) for person in picture.people]
        found = [find_in_box(estimate, image, one.box) for one in people if not one.ignored]
        counted = [(a, p) for a, p in zip(people, picture.people, strict=True) if not a.ignored]
        scored += [
            Scored(detection, truth, _head_norm(picture, person))
            for detection, (truth, person) in zip(found, counted, strict=True)
        ]
        grouped.append((found, people))
    return scored, grouped


def _head_norm(picture: Picture, person: AnnotatedPerson) -> float:
    """Return the head's length: 0.6 of neck to head top, as MPII's toolkit; else ear to ear."""
    if picture.scheme == MPII_PARTS and (person.parts_visible[list(_HEAD)] > OUTSIDE).all():
        neck, top = person.parts[list(_HEAD)]
        return 0.6 * float(metrics.distances(neck, top))
    return _ear_distance(person)


def summarise(scored: Sequence[Scored], grouped: Sequence[Any]) -> EvaluationReport:
    """Return the figures of scored people: OKS, AP, PCK at .05 to .2, PCKh and pcp@25px."""
    if not scored:
        raise UserError("nobody to evaluate: no person with keypoints in the data")
    found = np.stack([np.asarray(s.found.keypoints, float)[:, :2] for s in scored])
    truth = np.stack([np.asarray(s.person.keypoints, float) for s in scored])
    known = np.stack([np.asarray(s.person.known, bool) for s in scored])
    people = list(zip(truth, known, strict=True))
    torsos = [metrics.study_norm(*person) for person in people]
    norms = {
        "pck@0.2": (0.2, torsos),
        "pck@0.1": (0.1, torsos),
        "pck_box@0.05": (0.05, [metrics.box_norm(*person) for person in people]),
        "pckh@0.5": (0.5, [s.head for s in scored]),
    }
    rows = {name: _pck(found, truth, known, *norm) for name, norm in norms.items()}
    rows["pcp@25px"] = _row(metrics.pcp_25px(found, truth, known), known)
    similar = [metrics.similarity(s.found, s.person) for s in scored]
    totals = {"oks": float(np.nanmean(similar)), **asdict(metrics.average_precision(grouped))}
    totals |= {name: row[0] for name, row in rows.items()}
    return EvaluationReport(len(scored), totals, {name: row[1] for name, row in rows.items()})


def _pck(found: Any, truth: Any, known: Any, share: float, norm: Any) -> Any:
    measured = np.isfinite(np.asarray(norm, float))
    known = known & measured[:, None]
    filled = np.where(measured, norm, 1.0)
    return _row(metrics.pck(found, truth, known, filled, share), known)


def _row(shares: NDArray[np.float64], known: Any) -> tuple[float, dict[str, float]]:
    by_name = dict(zip(KEYPOINTS, map(float, shares), strict=True))
    return metrics.total(shares, known), by_name


def read_results(path: Path, pictures: Sequence[Picture]) -> list[Any]:
    """Return (detections, people) a picture from a COCO results file; raise UserError.

    The file: a list of {image_id, keypoints (x, y, score) x 17, score}.
    """
    try:
        entries = jsonio.loads(plain_file.read(path).decode("utf-8-sig"))
        by_key: dict[str, list[Detection]] = {}
        for entry in entries:
            points = np.array(entry["keypoints"], float).reshape(17, 3)[:, 1::-1]
            found = Detection(points, float(entry["score"]))
            by_key.setdefault(str(entry["image_id"]), []).append(found)
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(
            f"{path}: expected COCO results, a list of image_id, keypoints and score ({error!r})"
        ) from error
    return [
        (by_key.get(str(p.key), []), [instance(person) for person in p.people]) for p in pictures
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The truth of a clip: keypoints (frames, 17, 2) of (y, x) pixels, known (frames, 17)."""

    fps: float
    keypoints: NDArray[np.float64]
    known: NDArray[np.bool_]
    expected: dict[str, int]


def read_truth(path: Path) -> Truth:
    """Return a clip's truth as `demo_clip` writes it; raise UserError for anything else."""
    try:
        document = jsonio.loads(plain_file.read(path).decode("utf-8-sig"))
        poses = np.array(document["poses"], float).reshape(-1, 17, 3)
        expected = {str(k): int(v) for k, v in document.get("expected", {}).items()}
        fps = float(document["fps"])
        if not (len(poses) and fps > 0 and np.isfinite(poses).all()):
            raise ValueError("no poses, or no frames a second")
        return Truth(fps, poses[..., :2], poses[..., 2] > OUTSIDE, expected)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"{path}: expected a clip's truth: fps and poses ({error!r})") from error


Follow = Callable[[Frame], tuple[Pose, ...]]
"""Given the next frame of a clip, return the poses: `Detector.detect`, with its smart crop."""


def score_clip(follow: Follow, path: Path, truth: Truth) -> EvaluationReport:
    """Return the figures of a model that follows the person through a clip, frame by frame."""
    frames = [
        follow(Frame(image, index / truth.fps, index))
        for index, image in enumerate(frames_of(path))
    ]
    return score_followed(frames, _size_of(path), truth)


def score_followed(
    frames: Sequence[tuple[Pose, ...]], size: Size, truth: Truth
) -> EvaluationReport:
    """Return the figures of what was found in each frame of a clip of `size` pixels.

    Adds jitter (pixels/s^2) of what was found and of the truth, and lag in seconds.
    """
    count = min(len(frames), len(truth.keypoints))
    found = np.stack([pose_pixels(poses, size) for poses in frames[:count]])
    people = [
        Instance(points, known, *extent(points, known))
        for points, known in zip(truth.keypoints[:count], truth.known[:count], strict=True)
    ]
    detections = [Detection(points, 1.0) for points in found]
    scored = [Scored(d, p, _ear_distance(p)) for d, p in zip(detections, people, strict=True)]
    report = summarise(scored, [([d], [p]) for d, p in zip(detections, people, strict=True)])
    times = np.arange(count) / truth.fps
    moving = {
        "missed": float(np.mean([not poses for poses in frames[:count]])),
        "jitter": metrics.jitter(found, times),
        "jitter_truth": metrics.jitter(truth.keypoints[:count], times),
        "lag": metrics.lag(found, truth.keypoints[:count], times),
    }
    return EvaluationReport(report.people, report.totals | moving, report.keypoints)


def _size_of(path: Path) -> Size:
    first = next(frames_of(path), None)
    if first is None:
        raise UserError(f"{path}: holds no frames")
    return first.shape[0], first.shape[1]


def pose_pixels(poses: tuple[Pose, ...], size: Size) -> NDArray[np.float64]:
    """Return keypoints (17, 2) in pixels whose centres are integers; far outside for nobody."""
    if not poses:
        return np.full((17, 2), NOWHERE)
    return np.asarray(poses[0].keypoints[:, :2] * np.array(size) - 0.5, float)


def _ear_distance(person: Instance | AnnotatedPerson) -> float:
    ears = [INDEX["left_ear"], INDEX["right_ear"]]
    points = np.asarray(person.keypoints)[ears]
    return float(metrics.distances(*points)) if np.asarray(person.known)[ears].all() else np.nan
