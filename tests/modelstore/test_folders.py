"""Folders follow the environment: systemd's, the user's, the package's."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgepose.modelstore import folders
from edgepose.system.paths import state_folder


def test_systemds_state_folder_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several state folders the first is ours."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edgepose:/var/lib/other")
    assert state_folder() == Path("/var/lib/edgepose")


def test_without_systemd_xdg_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_STATE_HOME, else ~/.local/state."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert state_folder() == Path("/somewhere/edgepose")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert state_folder() == Path("/home/anna/.local/state/edgepose")


def test_a_user_without_a_home_has_a_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run under a number that has no account."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert state_folder() == Path("/var/lib/.local/state/edgepose")


def test_the_package_brings_its_manifest() -> None:
    """From a checkout, an editable install and a wheel alike the manifest is found."""
    assert (folders.packaged_folder() / "manifest.yaml").is_file()


def test_a_wheel_keeps_its_models_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed, the folder is edgepose/assets/models; in a checkout models/ beside the package."""
    package = tmp_path / "edgepose"
    (package / "assets" / "models").mkdir(parents=True)
    monkeypatch.setattr("edgepose.__file__", str(package / "__init__.py"))
    assert folders.packaged_folder() == package / "assets" / "models"
    (package / "assets" / "models").rmdir()
    assert folders.packaged_folder() == tmp_path / "models"


def test_models_of_the_service_are_found_by_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or `edgepose doctor` would miss what the service on the same device runs on."""
    monkeypatch.setattr(folders, "SERVICE", tmp_path / "models")
    assert tmp_path / "models" not in folders.search_path()
    (tmp_path / "models").mkdir()
    assert tmp_path / "models" in folders.search_path()[:-1]


def test_each_folder_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming a folder twice, or an empty one, changes nothing."""
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", "/a:/b::/a")
    monkeypatch.setenv("STATE_DIRECTORY", "/s")
    assert folders.search_path() == (
        Path("/a"),
        Path("/b"),
        folders.packaged_folder(),
        Path("/s/models"),
    )


def test_pulled_models_go_to_the_first_folder_that_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that does not exist is passed over, but for the last, which will be made."""
    good = tmp_path / "good"
    good.mkdir()
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", f"{tmp_path / 'absent'}:{good}")
    assert folders.pull_folder() == good
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", "")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(folders, "packaged_folder", lambda: tmp_path / "absent")
    assert folders.pull_folder() == tmp_path / "state" / "models"
