"""What is installed from a wheel is whole: code, models' manifest, demonstration, templates."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from ports import free_port
from waiting import wait_until

ROOT = Path(__file__).parent.parent
TOKEN = "none-of-your-business"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy: building in place leaves folders that a later build uses
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    pip(sys.executable, "wheel", "--no-deps", "-w", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """Return a folder into which the wheel was installed."""
    site = wheel.parent / "site"
    pip(sys.executable, "install", "--no-deps", "--target", site, wheel)
    return site


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty venv after `pip install edgepose-VERSION.whl`, with what that fetched."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip(venv / "bin/python", "install", wheel)
    return venv


def pip(python: str | Path, *words: str | Path) -> None:
    """Run a Python's pip."""
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([python, "-m", "pip", *quiet, *words], check=True, timeout=600)


def call(venv: Path, cwd: Path, program: str, *words: str) -> str:
    """Run a program of a venv, as somebody who knows no checkout; return its output."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    command = [venv / "bin" / program, *words]
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_pip_install_in_an_empty_venv_gives_a_program_that_demonstrates_itself(clean, tmp_path):
    """With nothing but the wheel: version, model, clip, templates, and every library it needs."""
    (wheel_version,) = clean.glob("lib/python3*/site-packages/edgepose-*.dist-info")
    version = call(clean, tmp_path, "edgepose", "--version")
    assert wheel_version.name.removeprefix("edgepose-").removesuffix(".dist-info") in version
    assert "as expected" in call(clean, tmp_path, "edgepose", "demo")
    assert (tmp_path / "demo-out" / "demo.mp4").stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_man_pages_are_written_where_one_says(clean, tmp_path):
    """A page for each command, and completions for three shells."""
    call(clean, tmp_path, "python", "-m", "edgepose.cli.shell_files", "share")
    assert "edgepose-run.1" in {path.name for path in (tmp_path / "share/man/man1").iterdir()}
    assert {"bash-completion", "fish", "zsh"} <= {path.name for path in tmp_path.glob("share/*")}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_page_is_served_whole(clean, tmp_path):
    """Each file that the first page names is there."""
    config, port = tmp_path / "page.yaml", free_port()
    page = f"{{type: web, port: {port}, token: {TOKEN}}}"
    config.write_text(f"version: 1\nsource: {{type: synthetic}}\noutputs: {{page: {page}}}\n")
    command = [clean / "bin/edgepose", "run", config]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: fetched(address) is not None)
            text = fetched(address) or ""
            named = set(re.findall(r'(?:src|href)="(/?[\w./-]+\.(?:js|css|svg|png))', text))
            assert named
            for path in named:
                assert fetched(f"{address}/{path.lstrip('/')}"), path
        finally:
            process.terminate()
    assert process.returncode == 0


def fetched(address: str) -> str | None:
    """Return what the page serves to a user, None where nobody answers."""
    try:
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode(errors="replace")
    except OSError:
        return None
