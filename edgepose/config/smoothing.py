"""The options of smoothing beyond a preset's name: a filter and its own parameters."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from edgepose.core.smoothing import Exponential, NoSmoothing, OneEuro, Setting
from edgepose.options import Fraction, Options, PositiveSeconds, Seconds

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]

_EURO: Final = OneEuro()
_EXPONENTIAL: Final = Exponential()


class FilterSection(Options):
    """The base of the filters; each has its own parameters."""

    def setting(self) -> Setting:
        """Return what the smoother is made from."""
        return NoSmoothing()


class NoSmoothingSection(FilterSection):
    """Keypoints as the model gives them."""


class _LossSection(FilterSection):
    """The treatment of lost keypoints and of gaps in time."""

    min_score: Fraction = Field(
        default=_EURO.min_score, description="a keypoint below it is held, then dropped"
    )
    hold: Seconds = Field(default=_EURO.hold, description="seconds a lost keypoint is held")
    max_gap: PositiveSeconds = Field(
        default=_EURO.max_gap, description="seconds without a pose after which smoothing restarts"
    )


class OneEuroSection(_LossSection):
    """1 Euro filter: strong for a still person, weak for a moving one."""

    min_cutoff: Positive = Field(
        default=_EURO.min_cutoff, description="Hz at rest; lower is smoother"
    )
    beta: NotNegative = Field(
        default=_EURO.beta, description="Hz per person size a second; higher follows faster"
    )
    derivative_cutoff: Positive = Field(
        default=_EURO.derivative_cutoff, description="Hz, for the speed itself"
    )
    threshold_cutoff: Positive | None = Field(
        default=_EURO.threshold_cutoff, description="cap on jumps, in person sizes; unset: none"
    )
    threshold_beta: NotNegative = Field(
        default=_EURO.threshold_beta, description="by how much speed raises the cap"
    )

    def setting(self) -> Setting:
        """Return what the smoother is made from."""
        return OneEuro(**self.model_dump())


class ExponentialSection(_LossSection):
    """Exponential filter: the same for slow and fast movement."""

    time_constant: PositiveSeconds = Field(
        default=_EXPONENTIAL.time_constant,
        description="seconds in which 63 % of a step is followed",
    )

    def setting(self) -> Setting:
        """Return what the smoother is made from."""
        return Exponential(**self.model_dump())


FILTERS: Final[dict[str, type[FilterSection]]] = {
    "one_euro": OneEuroSection,
    "exponential": ExponentialSection,
    "none": NoSmoothingSection,
}
