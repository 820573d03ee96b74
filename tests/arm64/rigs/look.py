"""Look at frames with edgepose and write down, to the last bit, what was put in and what came out.

    look.py see MODEL THREADS FRAMES OUT     the whole way
    look.py again MODEL THREADS SEEN OUT     from the crops that another machine has seen

FRAMES, SEEN and OUT are .npz files. Each sequence, uint8 (n, height, width, 3), is seen in order,
the crop following the person.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from edgepose.config_sections import ModelSection
from edgepose.core.families.base import Look
from edgepose.engine.perception import Detector, Job
from edgepose.eyes import open_eyes
from edgepose.types import Frame, Image, Region, blank_frame, empty_keypoints

Arrays = dict[str, NDArray[np.generic]]


def see(detector: Detector, images: NDArray[np.uint8]) -> Arrays:
    """Return crops (the input tensors), what they show of frames of which size, and keypoints."""
    detector.reset()
    seen = [_seen(detector, image, seq) for seq, image in enumerate(images)]
    jobs, keypoints = zip(*seen, strict=True)
    regions = [(r.y, r.x, r.height, r.width) for r in (job.look.region for job in jobs)]
    return {
        "crops": np.stack([job.tensor for job in jobs]),
        "regions": np.array(regions, np.float64),
        "size": np.array(images.shape[1:3]),
        "keypoints": np.stack(keypoints),
    }


def _seen(detector: Detector, image: Image, seq: int) -> tuple[Job, NDArray[np.float32]]:
    job = detector.prepare(Frame(image, seq / 10, seq))
    return job, _keypoints(detector, job)


def again(detector: Detector, seen: Arrays) -> Arrays:
    """Return the keypoints, float32 (n, 17, 3), of crops that were cut elsewhere."""
    height, width = map(int, seen["size"])
    frame = blank_frame((height, width), 0.0, 0)
    size = detector.family.look(frame.size).size
    looks = [Look(Region(*map(float, region)), size) for region in seen["regions"]]
    jobs = [Job(frame, *given, detector) for given in zip(looks, seen["crops"], strict=True)]
    return {"keypoints": np.stack([_keypoints(detector, job) for job in jobs])}


def _keypoints(detector: Detector, job: Job) -> NDArray[np.float32]:
    poses = detector.decode(job, detector.runtimes[0].infer(job.tensor))
    return poses[0].keypoints if poses else empty_keypoints()


def main(how: str, model: str, threads: str, given: str, out: str) -> None:
    """Look at every sequence with one model; say what ran it."""
    eyes = open_eyes(ModelSection(name=model, threads=int(threads)))
    sys.stdout.write(f"{eyes.label}\n")
    with np.load(given) as file:
        arrays: dict[str, Arrays] = {}
        for key in file.files:
            name, _, what = key.partition("|")
            arrays.setdefault(name, {})[what] = file[key]
    found = {
        name: see(eyes.detector, one["images"]) if how == "see" else again(eyes.detector, one)
        for name, one in arrays.items()
    }
    flat = {f"{name}|{what}": array for name, one in found.items() for what, array in one.items()}
    np.savez(out, **flat)  # type: ignore[arg-type]
    eyes.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
