"""A model is found by what people call it, and what is not found is told with the way out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from edgepose.errors import ModelError
from edgepose.modelstore import search
from edgepose.modelstore.manifest import Entry
from edgepose.modelstore.search import find, identify, locate


@pytest.fixture
def dancer(kit: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """Return the only known model, on a search path without any file."""
    entry: Entry = kit.known("https://models.invalid/m")
    monkeypatch.setattr(search, "manifest", lambda: {entry.name: entry})
    return entry


def test_a_name_leads_to_any_of_the_files_names(dancer: Entry, folder: Path, kit: Any) -> None:
    """A file under an older name is the same model."""
    (folder / "old_name.tflite").write_bytes(kit.model)
    found = find("dancer")
    assert (found.path, found.entry, found.name) == (folder / "old_name.tflite", dancer, "dancer")


def test_an_unknown_file_name_is_recognised_by_content(
    dancer: Entry, folder: Path, kit: Any
) -> None:
    """Size and checksum are enough; the right size alone is not."""
    (folder / "a.tflite").write_bytes(kit.model[:-1] + b"?")
    (folder / "b.tflite").write_bytes(kit.model)
    assert locate(dancer) == folder / "b.tflite"


def test_the_first_folder_wins(
    dancer: Entry, folder: Path, tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable's folders come in order, then the package's, then the state folder."""
    places = [tmp_path / name for name in ("one", "two", "package", "state/models")]
    for place in places:
        place.mkdir(parents=True)
        (place / "dancer.tflite").write_bytes(kit.model)
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", f"{places[0]}::{places[1]}")
    for place in places:
        assert find("dancer").path.parent == place
        shutil.rmtree(place)


def test_a_missing_model_is_told_with_places_and_remedy(dancer: Entry, folder: Path) -> None:
    """The sentence says what, where, and the command that fetches it."""
    with pytest.raises(ModelError) as missing:
        find("dancer")
    state = folder.parent / "state" / "models"
    assert str(missing.value) == (
        f"model dancer: no dancer.tflite in {folder}, {folder.parent / 'package'}, {state};"
        " fetch it: edgepose models pull dancer"
    )


def test_a_model_that_nobody_publishes_is_not_offered_for_pulling(
    kit: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is one that works."""
    entry = kit.known(note="made at home")
    monkeypatch.setattr(search, "manifest", lambda: {entry.name: entry})
    with pytest.raises(ModelError, match=r"published nowhere; copy .*\(made at home\)"):
        find("dancer")


def test_a_file_of_the_wrong_size_is_told(dancer: Entry, folder: Path, kit: Any) -> None:
    """Half a download under the right name is neither used nor passed over in silence."""
    (folder / "dancer.tflite").write_bytes(kit.model[:100])
    with pytest.raises(ModelError, match="has 100 bytes instead of 204,808; fetch it again"):
        find("dancer")


def test_a_path_is_taken_as_it_is(dancer: Entry, tmp_path: Path) -> None:
    """A user's own model needs no entry."""
    own = tmp_path / "own.tflite"
    own.write_bytes(b"anything")
    assert find(own) == find(str(own)) == search.ModelFile(own, None)
    assert find(own).name == "own.tflite"


def test_a_path_to_a_known_model_is_recognised(dancer: Entry, tmp_path: Path, kit: Any) -> None:
    """The entry comes along, so that thresholds and the Edge TPU build are known."""
    copy = tmp_path / "renamed.tflite"
    copy.write_bytes(kit.model)
    assert find(copy).entry is dancer


def test_a_bare_file_name_is_looked_for_on_the_path(dancer: Entry, folder: Path, kit: Any) -> None:
    """Files that lie in a model folder can be named without it."""
    (folder / "own.tflite").write_bytes(b"anything")
    assert find("own.tflite").path == folder / "own.tflite"


def test_a_path_that_leads_nowhere_is_told(dancer: Entry, folder: Path) -> None:
    """A path is not searched for, a bare name is, and both say so."""
    with pytest.raises(ModelError, match=r"^sub/x\.tflite: no such model file$"):
        find("sub/x.tflite")
    with pytest.raises(
        ModelError, match=r"^x\.tflite: no such model file, neither here nor in .*models"
    ):
        find("x.tflite")


def test_a_wrong_name_gets_the_near_miss(dancer: Entry) -> None:
    """What looks like a name is compared with names."""
    with pytest.raises(ModelError, match="unknown model 'dancr'; did you mean 'dancer'"):
        find("dancr")


def test_an_unreadable_folder_hides_no_other(
    dancer: Entry, folder: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is passed over, and named with the reason where the model is not found elsewhere."""
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", f"/{'x' * 300}:{folder}")
    with pytest.raises(
        ModelError, match=rf"in /x+ \(can't be read: file name too long\), {folder}"
    ):
        find("dancer")
    (folder / "dancer.tflite").write_bytes(kit.model)
    assert find("dancer").path == folder / "dancer.tflite"


def test_an_unreadable_file_is_a_sentence(dancer: Entry) -> None:
    """Permissions are the user's to change, not a traceback."""
    with pytest.raises(ModelError, match=r"^/y+/x\.tflite: File name too long$"):
        find(f"/{'y' * 300}/x.tflite")


def test_without_a_checksum_only_the_name_tells(
    kit: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A model whose checksum nobody knows is recognised by its file name alone."""
    entry = kit.known(size=0, sha256="")
    monkeypatch.setattr(search, "manifest", lambda: {entry.name: entry})
    for name, expected in (("dancer.tflite", entry), ("other.tflite", None)):
        (tmp_path / name).write_bytes(kit.model)
        assert identify(tmp_path / name) is expected


def test_the_real_models_are_found_by_name(models: Path) -> None:
    """What lies in the folder of real models is found under the manifest's names."""
    assert find("movenet-lightning-int8").path.name == "movenet_single_pose_lightning_ptq.tflite"
    found = find(models / "project-posenet_posenet_mobilenet_v1_075_353_481_quant_decoder.tflite")
    assert found.name == "posenet-075-353x481-decoder"
