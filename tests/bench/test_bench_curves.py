"""How cost grows, measured and drawn."""

from __future__ import annotations

from edgepose.bench import curves
from edgepose.imaging import read_image


def test_every_curve_is_measured_and_drawn(monkeypatch, tmp_path):
    """Each has a point for each count, in milliseconds, and a panel in the picture."""
    monkeypatch.setattr(curves, "FRAMES", 5)
    found = curves.measure({name: numbers[:2] for name, numbers in curves.COUNTS.items()})
    assert list(found) == list(curves.COUNTS)
    for name, curve in found.items():
        assert list(curve) == [str(count) for count in curves.COUNTS[name][:2]]
        assert all(0 < ms < 1000 for ms in curve.values())
    curves.draw(tmp_path / "curves.png", found)
    picture = read_image(tmp_path / "curves.png")
    assert picture.shape == (600, 1260, 3)
    drawn = (picture == curves._LINE).all(2)
    assert drawn[:300, :420].any()
    assert drawn[300:, 420:840].any()


def test_ten_people_cost_more_than_one(monkeypatch):
    """The curve means what it says."""
    monkeypatch.setattr(curves, "FRAMES", 20)
    people = curves.measure({"people": (1, 10)})["people"]
    assert people["10"] > 1.5 * people["1"]
