"""edgepose demo: the bundled clip, its truth and its events."""

from __future__ import annotations

import json

import av
import pytest

EXPECTED = {"jumping_jack": 6, "squat": 4, "arms_up": 1}


@pytest.fixture
def shown(edgepose, lightning, tmp_path):
    """Return what `edgepose demo` said and where it left its files, run with MoveNet."""
    out = tmp_path / "demo-out"
    return edgepose("demo", "--out", out, "--model", "movenet-lightning-int8"), out


def test_every_expected_event_fires_and_no_other(shown):
    """The performer's exercises are all found, as often as they were done."""
    said, out = shown
    assert said.code == 0, said.err
    summary = json.loads((out / "summary.json").read_text())
    assert summary["expected"] == EXPECTED
    assert summary["fired"] == EXPECTED
    assert summary["found"] == 1.0
    assert summary["pck"] > 0.98
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert sum(event["type"] == "start" for event in events) == sum(EXPECTED.values())


def test_it_leaves_an_annotated_clip_and_says_where(shown):
    """The clip has every frame and can be played; its path is printed."""
    said, out = shown
    assert str(out / "demo.mp4") in said.out
    with av.open(str(out / "demo.mp4")) as clip:
        frames = sum(1 for _ in clip.decode(video=0))
    assert frames == json.loads((out / "summary.json").read_text())["frames"]


def test_a_second_run_replaces_the_first(shown, edgepose):
    """Running it again does not pile events up."""
    _, out = shown
    before = (out / "events.jsonl").read_text().count("\n")
    edgepose("demo", "--out", out, "--model", "movenet-lightning-int8")
    assert (out / "events.jsonl").read_text().count("\n") == before


@pytest.mark.parametrize(
    "truth", ["[" * 100_000, '{"poses": []}', '{"fps": 5, "poses": [[1]], "expected": [1]}', "null"]
)
def test_a_damaged_truth_is_one_sentence(edgepose, media, tmp_path, truth):
    """What lies beside somebody's clip never ends in a traceback."""
    clip = tmp_path / "clip.gif"
    clip.write_bytes((media / "clips" / "smart_pushup2.gif").read_bytes())
    clip.with_suffix(".truth.json").write_text(truth)
    said = edgepose("demo", "--clip", clip, "--out", tmp_path / "out")
    assert said.code == 2
    assert "clip.truth.json: expected a clip's truth" in said.err
