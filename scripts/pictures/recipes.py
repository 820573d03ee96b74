"""The pictures of docs/recipes: what each page's own configuration shows of the drawn performer."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import performer
from film import Shot, film
from performer import Act, abduct, arms, perform, squat, stand, tree, write_clip
from PIL import Image as PilImage

from edgepose.types import Image

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = ROOT / "docs" / "recipes"
_YAML: Final = re.compile(r"^```yaml ([\w-]+\.yaml)\n(.*?)^```", re.M | re.S)
_SIDE: Final = 48.0
KIOSK_AT: Final = 14.5  # seconds: the figure is half way down
SEVERAL: Final = "model.name=posenet-075-481x641"  # the smallest that finds several people
_DAY: Final = 86400.0


def draw(name: str, out: Path, work: Path) -> None:
    """Write one picture to `out`. work: a folder for clips and configurations."""
    _logo(work / "logo.png")
    _MAKERS[name](out / f"{name}.png", work)


def configuration(page: str, work: Path) -> Path:
    """Write the first configuration of a page to a file."""
    return configurations(page, work)[0]


def configurations(page: str, work: Path) -> list[Path]:
    """Write each configuration of a page to a file of the name that it has there."""
    paths = []
    for name, text in _YAML.findall((PAGES / f"{page}.md").read_text("utf-8")):
        paths.append(work / name)
        paths[-1].write_text(text, "utf-8")
    assert paths, page
    return paths


def _save(path: Path, image: Image) -> None:
    picture = PilImage.fromarray(image)
    picture.quantize(255, PilImage.Quantize.MEDIANCUT).save(path, optimize=True)


def _filmed(page: str, work: Path, clip: Path, *sets: str) -> list[Shot]:
    return film(configuration(page, work), clip, sets=sets)


def _clip(work: Path, name: str, *acts: Sequence[Act], places: Sequence[float] = (0.0,)) -> Path:
    path = work / f"{name}.mp4"
    write_clip(path, perform(*acts, places=places))
    return path


def _kiosk(target: Path, work: Path) -> None:
    path = work / "empty.mp4"
    write_clip(path, iter([performer.room()] * 16 * performer.FPS))
    shots = _filmed("kiosk", work, path)
    _save(target, _at(shots, KIOSK_AT).image)


def _gym(target: Path, work: Path) -> None:
    first = [Act(0.8, stand, _SIDE), *[Act(1.9, squat(), _SIDE)] * 3]
    second = [Act(1.4, stand, -_SIDE), *[Act(1.7, squat(), -_SIDE)] * 3]
    clip = _clip(work, "two", first, second, places=(-0.85, 0.85))
    shots = _filmed("gym-television", work, clip, SEVERAL)
    _save(target, _at(shots, 5.4).image)


def _voice(target: Path, work: Path) -> None:
    acts = [Act(0.8, stand, _SIDE), Act(1.9, squat(), _SIDE), Act(1.6, squat(0.66), _SIDE),
            Act(0.8, stand, _SIDE)]  # fmt: skip
    shots = _filmed("voice-coach", work, _clip(work, "shallow", acts))
    _save(target, _at(shots, 4.4).image)


def _physiotherapy(target: Path, work: Path) -> None:
    acts = [Act(0.8, stand), *[Act(2.4, abduct(118))] * 3]
    shots = _filmed("physiotherapy", work, _clip(work, "abduct", acts))
    _save(target, _at(shots, 6.8).image)
    reps = [event.to_dict() for event in shots[-1].events if event.type == "rep"]
    log = work / "shoulder.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in _weeks(reps)))
    _edgepose("report", log, "--out", target.with_name("physiotherapy-report.png"), "--days", 28)


def _weeks(reps: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Yield the repetitions of four made-up weeks, which reach further from day to day."""
    rng = np.random.default_rng(1)
    start = 1_793_600_000.0
    for day in range(28):
        for number in range(0 if day % 7 == 6 else int(rng.integers(8, 13))):
            most = 78 + 1.4 * day + float(rng.normal(0, 4))
            time = start + day * _DAY + 4 * number
            row = dict(reps[number % len(reps)])
            reach = [round(9 + float(rng.normal(0, 1)), 1), round(most, 1)]
            yield row | {"id": f"{day}-{number}", "time": time, "count": number + 1, "range": reach}


def _yoga(target: Path, work: Path) -> None:
    folder = work / "pictures"
    for name, motion in {"tree": tree, "warrior": _warrior, "other": stand}.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, yaw in enumerate(np.linspace(-14, 14, 8)):
            still = next(perform([Act(0.04, lambda _, one=motion: one(1.0), float(yaw))]))
            PilImage.fromarray(still).save(folder / name / f"{number}.jpg", quality=92)
    _edgepose("classifier", "learn", folder, "--out", work / "yoga.csv", "--force")
    acts = [Act(0.6, stand), Act(5.0, tree)]
    shots = _filmed("yoga", work, _clip(work, "tree", acts))
    _save(target, shots[-1].image)


def _warrior(_: float) -> performer.Posture:
    """Stand with a leg bent far to the side, the arms level."""
    arm = performer.Arm(90, 6, 4, (-1.0, 0.2, 0.3))
    legs = performer.Leg(50, 52, 88, 30), performer.Leg(4, 38, 4, 0)
    return performer.Posture((arm, arm), legs)


def _shop(target: Path, work: Path) -> None:
    first = [Act(0.8, stand), Act(2.6, arms(168, 168))]
    second = [Act(0.8, stand, -20.0), Act(2.6, abduct(70), -20.0)]
    clip = _clip(work, "window", first, second, places=(-0.7, 0.75))
    _save(target, _at(_filmed("shop-window", work, clip, SEVERAL), 2.2).image)


def _desk(target: Path, work: Path) -> None:
    clip = ROOT / "models" / "demo" / "demo.mp4"
    _edgepose("exercise", "test", "squat", clip, "--picture", target)
    del work


def _edgepose(*arguments: object) -> None:
    command = [sys.executable, "-m", "edgepose", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _at(shots: Sequence[Shot], time: float) -> Shot:
    return min(shots, key=lambda shot: math.fabs(shot.time - time))


def _logo(path: Path) -> None:
    """Write a sign with a round, transparent edge."""
    picture = np.zeros((120, 300, 4), np.uint8)
    cv2.circle(picture, (60, 60), 54, (255, 214, 10, 255), -1, cv2.LINE_AA)
    text, font = (255, 255, 255, 255), cv2.FONT_HERSHEY_DUPLEX
    cv2.putText(picture, "CAFE", (122, 82), font, 1.9, text, 5, cv2.LINE_AA)
    PilImage.fromarray(picture).save(path)


_MAKERS: Final = {
    "kiosk": _kiosk,
    "gym-television": _gym,
    "voice-coach": _voice,
    "physiotherapy": _physiotherapy,
    "yoga": _yoga,
    "shop-window": _shop,
    "tune-at-the-desk": _desk,
}
