"""Maps of nonsense, which a damaged model or chip may give, with either decoder."""

import numpy as np
import pytest

from edgepose.core.families.posenet import coral, tfjs
from edgepose.skeleton import INDEX
from tests.core.posenet.conftest import person, plant

BOTH = pytest.mark.parametrize("decoder", [coral, tfjs], ids=["coral", "tfjs"])


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("name", ["heatmaps", "offsets", "steps"])
def test_tensors_of_nonsense_give_finite_poses_or_none(decoder, name: str, value: float) -> None:
    """Whole tensors of NaN, infinities or absurd numbers; no warning either."""
    planted = plant(person(240, 320))
    getattr(planted, name)[:] = value
    found, scores = decoder.decode_multi(planted.maps)
    assert np.isfinite(found).all()
    assert np.isfinite(scores).all()


@BOTH
def test_a_nan_spoils_only_its_own_keypoint(decoder) -> None:
    """With NaN round the left wrist all others are found, and the wrist scores near 0."""
    somebody = person(240, 320)
    planted = plant(somebody)
    wrist = INDEX["left_wrist"]
    known = planted.heatmaps[..., wrist] > -8
    planted.heatmaps[known, wrist] = planted.offsets[known, wrist] = np.nan
    found, _ = decoder.decode_multi(planted.maps)
    rest = np.delete(np.arange(17), wrist)
    np.testing.assert_allclose(found[0, rest, :2], somebody[rest], atol=0.01)
    assert found[0, wrist, 2] < 1e-3
