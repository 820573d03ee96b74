"""When to take the next frame: early enough to keep the chip busy, late enough to be fresh."""

from __future__ import annotations

from typing import Final

from edgepose.engine.stats import Stats

WORTH_IT: Final = 0.05  # share of inference that decode + prepare must cost before ahead pays
EARLY: Final = 0.0015  # seconds of slack before the expected end of an inference
REFRESH: Final = 10  # scenes between two looks at the figures: medians cost 20 us each


class Pacing:
    """Whether frames are prepared while the one before is still inferred, and when.

    Without it a frame is prepared once the one before is decoded, while the chip waits. Working
    ahead saves that time between two inferences and costs freshness: the crop region
    then follows the pose before the last. So it is done only where the saving counts (a fast
    chip), never on a slow one. The results of a lossless source must not depend on timing: there
    it is done where no crop follows a pose, and then always.

    is_lossless: whether the source waits for its frames to be taken. is_following: whether the
    crop of a frame follows the pose before.

    ahead: jobs that may wait besides those in inference, one a worker. lead: seconds before the
    expected end of an inference at which the next frame is taken.
    """

    def __init__(
        self, stats: Stats, workers: int, *, is_lossless: bool, is_following: bool
    ) -> None:
        self.ahead = workers if is_lossless and not is_following else 0
        self.lead = 0.0
        self._infer = 0.0
        self._stats = stats
        self._workers = workers
        self._is_lossless = is_lossless
        self._scenes = 0

    def scene_done(self) -> None:
        """Update from the figures, every REFRESH scenes."""
        self._scenes += 1
        if self._is_lossless or self._scenes % REFRESH != 1:
            return
        prepare, finish = self._stats.median("prepare"), self._stats.median("finish")
        self._infer = self._stats.median("infer")
        between = self._stats.median("decode") + prepare
        self.ahead = self._workers * int(between > WORTH_IT * self._infer)
        self.lead = 2 * prepare + finish + EARLY

    def not_before(self, inference_started: float) -> float:
        """Return the moment, on the monotonic clock, at which the next frame is to be taken.

        inference_started: when the inference that runs now began. With several workers frames
        are taken at once: they come from a pool, and order matters more than age. So are those of
        a lossless source, which has no fresher ones.
        """
        if self._workers > 1 or self._is_lossless or not self.ahead:
            return 0.0
        return inference_started + self._infer - self.lead
