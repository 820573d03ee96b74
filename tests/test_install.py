"""What is installed from a wheel is whole: code, models' manifest, demonstration, templates."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which a wheel of this checkout was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy: building in place leaves folders that a later build uses
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, source], check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    return site


def run(site: Path, cwd: Path, *args: str) -> str:
    """Run `python ARGS` with the installed package before any other; return its output."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, *args],
        check=False,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(400)
def test_every_module_of_the_checkout_is_in_the_wheel(installed):
    """No package and no data file was forgotten in setup.cfg."""
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "edgepose").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    have = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert wanted - have == set()


def test_the_shipped_files_are_found_beside_the_package(installed, tmp_path):
    """Manifest, configurations, templates and the demonstration travel along."""
    where = run(installed, tmp_path, "-c", "import edgepose; print(edgepose.__file__)")
    assert where.startswith(str(installed))
    templates = json.loads(run(installed, tmp_path, "-m", "edgepose", "template", "list", "--json"))
    assert {"arms_up", "jumping_jack", "squat"} <= {row["name"] for row in templates}
    models = json.loads(run(installed, tmp_path, "-m", "edgepose", "models", "list", "--json"))
    assert len(models) > 10
    demo = installed / "edgepose" / "assets" / "configs" / "demo.yaml"
    run(installed, tmp_path, "-m", "edgepose", "check-config", str(demo))


def test_the_demonstration_runs_from_the_wheel(installed, tmp_path, lightning):
    """The bundled clip is played and summed up without the checkout."""
    said = run(installed, tmp_path, "-m", "edgepose", "demo", "--model", "movenet-lightning-int8")
    assert "as expected" in said
    assert (tmp_path / "demo-out" / "demo.mp4").is_file()


def test_reproducible_from_an_editable_install(tmp_path):
    """The checkout itself, as scripts/setup installs it, finds its files at the top."""
    code = "from edgepose.system.paths import folders; print(*folders('configs'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(ROOT / "configs") in done.stdout


def test_every_package_is_installed():
    """One that the list lacks is there in a checkout, and a device's first start fails."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "edgepose").rglob("*.py")}
    assert not {".".join(folder.parts) for folder in folders} - listed
