"""Look at frames with edgepose and write down, to the last bit, what was put in and what came out.

    look.py MODEL THREADS FRAMES OUT

FRAMES and OUT are .npz files. Each sequence, uint8 (n, height, width, 3), is seen in order, the
crop following the person.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from edgepose.appliance.model import load_model
from edgepose.config.model_section import ModelSection
from edgepose.engine.perception import Detector, Job
from edgepose.types import Frame, Image, empty_keypoints

Arrays = dict[str, NDArray[np.generic]]


def see(detector: Detector, images: NDArray[np.uint8]) -> Arrays:
    """Return crops (the input tensors), what they show of the frames, and float32 keypoints."""
    detector.reset()
    seen = [_seen(detector, image, seq) for seq, image in enumerate(images)]
    jobs, keypoints = zip(*seen, strict=True)
    regions = [(r.y, r.x, r.height, r.width) for r in (job.crop.region for job in jobs)]
    return {
        "crops": np.stack([job.tensor for job in jobs]),
        "regions": np.array(regions, np.float64),
        "keypoints": np.stack(keypoints),
    }


def _seen(detector: Detector, image: Image, seq: int) -> tuple[Job, NDArray[np.float32]]:
    job = detector.prepare(Frame(image, seq / 10, seq))
    return job, _keypoints(detector, job)


def _keypoints(detector: Detector, job: Job) -> NDArray[np.float32]:
    poses = detector.decode(job, detector.runtimes[0].infer(job.tensor))
    return poses[0].keypoints if poses else empty_keypoints()


def main(model: str, threads: str, given: str, out: str) -> None:
    """Look at every sequence with one model; say what ran it."""
    loaded = load_model(ModelSection(name=model, threads=int(threads)))
    sys.stdout.write(f"{loaded.label}\n")
    found: Arrays = {}
    with np.load(given) as file:
        for name in file.files:
            seen = see(loaded.detector, file[name])
            found |= {f"{name}|{what}": array for what, array in seen.items()}
    np.savez(out, **found)  # type: ignore[arg-type]
    loaded.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
