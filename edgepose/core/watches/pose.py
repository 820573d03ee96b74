"""Look for a pose: match everyone against the templates, one trigger a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from edgepose.core.matching import Comparison, Templates
from edgepose.core.templates import MIN_SCORE, Template
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.scored import MAX_AGE, ScoredWatch
from edgepose.correction import ENGLISH
from edgepose.types import Pose

BARRED: Final = 0.99  # of `exit`: the highest score of a pose with more limbs off than may be


class PoseWatch(ScoredWatch):
    """A watch that fires when somebody takes one of the poses."""

    def __init__(
        self,
        name: str,
        templates: Sequence[Template],
        thresholds: Thresholds | None = None,
        max_age: float = MAX_AGE,
        *,
        min_score: float = MIN_SCORE,
        max_deviated: int | None = None,
        words: Mapping[str, str] = ENGLISH,
    ) -> None:
        """Watch for any of `templates`.

        max_age: seconds after which a frame is too old for an event. min_score: a pose's keypoint
        below it is unknown. max_deviated: limbs that may be off by more than their tolerance;
        None: as many as the score allows, but none by more than three times its tolerance. words:
        the texts of what to change, in the language of people there.
        """
        super().__init__(name, thresholds, max_age)
        self._rules = min_score, max_deviated, words
        self._templates = Templates(templates, *self._rules)

    def tune(self, templates: Sequence[Template], thresholds: Thresholds) -> None:
        """Continue with other templates and thresholds: who holds the pose still holds it."""
        self._templates = Templates(templates, *self._rules)
        self._retune(thresholds)

    def _judge(self, pose: Pose, time: float) -> Comparison:  # noqa: ARG002 - a pose has no past
        return self._templates.compare(pose).at_most(BARRED * self._thresholds.exit)
