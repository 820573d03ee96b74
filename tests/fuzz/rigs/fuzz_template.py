"""Template files: read, written back, and compared with somebody."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import scribble
import yaml_corpus
from campaign import Input, Target

from edgepose.core.matching import Templates
from edgepose.core.templates import Template
from edgepose.definitions import template_file
from edgepose.errors import TemplateError
from edgepose.skeleton import KEYPOINTS, LIMB_INDEX
from edgepose.sources.synthetic.motion import pose_at
from edgepose.types import Pose

LONGEST: Final = 300_000  # characters of all complaints together
_PLACES: Final = (0, 1, 1.5, 100, -100, 1e6, -1e6, 1e-9, 320.25, 1e7)


class TemplateFiles(Target):
    """Read damaged templates; those that are taken must match and be written as they were."""

    name = "template"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "hands.yaml"
        self._texts = yaml_corpus.templates()
        self._trees = yaml_corpus.trees(self._texts)
        self._person = pose_at("arms_up", 0.6, (480, 640))

    def make(self, random: Random) -> Input:
        """Return a file's bytes."""
        chance = random.random()
        if chance < 0.35:
            text = scribble.scribbled(random, random.choice(self._texts), self._texts)
        elif chance < 0.7:
            tree = scribble.tree_changed(random, random.choice(self._trees), self._trees)
            text = yaml_corpus.dumped(random, tree)
        else:
            text = yaml_corpus.dumped(random, _made_up(random))
        return (text,)

    def check(self, given: Input) -> str:
        """Read it: complaints of ours and nothing else, or a template that works."""
        self.path.write_bytes(given[0])
        try:
            template = template_file.load(self.path)
        except TemplateError as error:
            self._check_words(str(error))
            return "refused"
        finally:
            assert self.path.read_bytes() == given[0], "the file was changed"
        self._check_match(template)
        self._check_round(template)
        return "taken"

    def _check_words(self, words: str) -> None:
        words.encode()
        assert words.strip(), "no words"
        assert len(words) < LONGEST, f"too many words: {len(words)}"
        for line in words.splitlines():
            assert line.startswith(str(self.path)), f"a line without its place: {line!r}"

    def _check_match(self, template: Template) -> None:
        for pose in (self._person, _itself(template)):
            found = Templates([template], 0.15).compare(pose)
            assert 0.0 <= found.score <= 1.0, f"a score out of range: {found.score}"
            match = found.match()
            assert len(match.limbs) == len(LIMB_INDEX), "a limb is missing"
            assert all(math.isfinite(limb.degrees) for limb in match.deviated), "degrees are none"

    def _check_round(self, template: Template) -> None:
        again = template_file.loads(template_file.dumps(template, "note"), "again.yaml")
        assert again.name == template.name, "the name is not what was written"
        assert again.ignore == template.ignore, "ignored limbs are not what was written"
        near = np.allclose(again.points, template.points, atol=0.01, equal_nan=True)
        assert near, "the points are not what was written"


def _itself(template: Template) -> Pose:
    """Return the first pose that a template was taught from, as somebody in front of the camera."""
    points = template.points[0]
    scores = np.where(np.isnan(points[:, 0]), 0.0, 1.0)
    keypoints = np.column_stack([np.nan_to_num(points) / 1000.0, scores]).astype(np.float32)
    return Pose(keypoints, 1.0, (1000, 1000))


def _made_up(random: Random) -> dict[str, object]:
    """Return a template with points anywhere, most of them well-formed."""
    tree: dict[str, object] = {
        "version": 1,
        "name": random.choice(("hands", "on", "1e3", "a: b", "é" * 9, "x" * 300, "'")),
        "unit": "pixels",
        "poses": [_pose(random) for _ in range(random.choice((1, 1, 1, 1, 1, 1, 1, 2, 2, 20)))],
    }
    extras = {
        "angle_deviation": random.choice((20, 1e-9, 1e308, 180, 0)),
        "size_deviation": random.choice((1, 1e-9, 1e308)),
        "min_visible": random.choice((1, 4, 12, 13)),
        "mirror": random.choice((True, False)),
        "compat": random.choice(("kunyankin", "")),
        "ignore": random.sample(list(LIMB_INDEX), random.randint(0, 12)),
        "limbs": {
            limb: {"weight": random.choice((0, 1, 1e308, 5e-324)), "angle_deviation": 9}
            for limb in random.sample(list(LIMB_INDEX), 2)
        },
    }
    chosen = random.sample(list(extras), random.randint(0, 3))
    return tree | {key: extras[key] for key in chosen}


def _pose(random: Random) -> dict[str, object]:
    spread = random.random() < 0.8

    def place() -> object:
        if random.random() < 0.08:
            return "unseen"
        if spread:
            return {"y": random.uniform(0, 480), "x": random.uniform(0, 640)}
        return {"y": random.choice(_PLACES), "x": random.choice(_PLACES)}

    return {name: place() for name in KEYPOINTS}
