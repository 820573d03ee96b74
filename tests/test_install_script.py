"""scripts/install.sh from a prepared folder: real venvs and pip, systemd and users stood in for."""

from __future__ import annotations

import ensurepip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.timeout(240)

SCRIPTS = Path(__file__).parent.parent / "scripts"

# What the script may ask of the machine; each call is noted.
STUBS = {
    "apt-cache": "exit 1",  # not Raspberry Pi OS: no picamera2
    "apt-get": "exit 99",  # offline, nothing may be fetched
    "dpkg": "exit 0",
    "dpkg-query": "exit 1",  # no Debian package of edgepose
    "getent": "exit 2",
    "systemd-sysusers": "",
    "udevadm": "",
    "systemctl": 'case "$1" in restart) exec "$STUBS/restart" ;; esac',
    "restart": """
        [ ! -e "$STUBS/refuse" ] || grep -qv "$(cat "$STUBS/refuse")" \
            "$EDGEPOSE_INSTALL_ROOT/opt/edgepose/venv/version" || exit 1
    """,
    "runuser": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "install": r"""
        args=()
        while [ $# -gt 0 ]; do
            case $1 in -o | -g) shift ;; *) args+=("$1") ;; esac
            shift
        done
        exec /usr/bin/install "${args[@]}"
    """,
}

# A program that behaves as edgepose does towards the script.
PROGRAM = """
import os, sys
from pathlib import Path
VERSION, FAULT = {version!r}, {fault!r}
def main():
    words = " ".join(sys.argv[1:])
    with open(os.environ["STUBS"] + "/log", "a") as log:
        print("edgepose", VERSION, words, os.environ.get("SECRET", ""), file=log)
    sys.exit(2 if FAULT and words.startswith(FAULT) else 0)
"""


SHELL_FILES = """
import pathlib, sys
page = pathlib.Path(sys.argv[1]) / "man/man1/edgepose.1"
page.parent.mkdir(parents=True)
page.write_text("a page")
"""


def wheel(folder: Path, version: str, fault: str = "") -> None:
    """Write a wheel of a stand-in of edgepose. fault: the command that it fails at."""
    name = f"edgepose-{version}"
    works = "raise EdgeposeError('no chip')" if fault == "model" else "return self"
    program = f"""
from edgepose.errors import EdgeposeError
class LoadedModel:
    label = "stand-in"
    def warm_up(self): {works}
    def close(self): pass
def load_model(model): return LoadedModel()
"""
    files = {
        "edgepose/__init__.py": PROGRAM.format(version=version, fault=fault),
        "edgepose/config/loader.py": (
            "class load:\n    model = None\n    def __init__(self, path): pass\n"
        ),
        "edgepose/errors.py": "class EdgeposeError(Exception): pass\n",
        "edgepose/appliance/model.py": program,
        "edgepose/cli/shell_files.py": SHELL_FILES,
        "edgepose/assets/configs/templates/arms_up.yaml": "shipped: 1\n",
        f"{name}.data/data/version": version,
        f"{name}.dist-info/entry_points.txt": "[console_scripts]\nedgepose = edgepose:main\n",
    }
    write_wheel(folder / f"{name}-py3-none-any.whl", files)


def write_wheel(path: Path, files: dict[str, str]) -> None:
    """Write a wheel of pure Python."""
    name, version = path.name.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)


@dataclass
class Machine:
    """Hold a machine to install on: its root, its stand-ins, and the prepared folder."""

    root: Path
    stubs: Path
    offline: Path

    def call(
        self, script: str, *args: str, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a script on it."""
        given = {
            "PATH": f"{self.stubs}:{os.environ['PATH']}",
            "STUBS": str(self.stubs),
            "EDGEPOSE_INSTALL_ROOT": str(self.root),
            "EDGEPOSE_PYTHON": sys.executable,
            "PYTHONDONTWRITEBYTECODE": "1",  # as in the unit: only the script itself compiles
        }
        return subprocess.run(
            ["bash", SCRIPTS / script, *args],
            cwd=cwd,
            env=os.environ | given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def install(
        self, version: str, fault: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Install a version from the prepared folder, as `sudo install.sh --offline` would."""
        for old in (self.offline / "wheels").glob("edgepose-*.whl"):
            old.unlink()
        wheel(self.offline / "wheels", version, fault)
        self.seal()
        return self.call("install.sh", "--offline", str(self.offline), cwd=cwd)

    def seal(self) -> None:
        """Write the hashes of the prepared folder, as --prepare does."""
        names = ("models", "scripts", "systemd", "wheels")
        files = (path for name in names for path in (self.offline / name).rglob("*"))
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(self.offline)}\n"
            for path in sorted(files)
            if path.is_file()
        ]
        (self.offline / "SHA256SUMS").write_text("".join(lines))

    @property
    def version(self) -> str:
        """Return which version the service would start."""
        return (self.root / "opt/edgepose/venv/version").read_text()

    @property
    def log(self) -> str:
        """Return every call of a stand-in so far."""
        return (self.stubs / "log").read_text()

    @property
    def venvs(self) -> int:
        """Return how many versions take up room."""
        return len(list((self.root / "opt/edgepose/venvs").iterdir()))


def bundled_pip() -> Path:
    """Return the pip that comes with Python; Debian keeps it in a folder of its own."""
    debian = sysconfig.get_config_var("WHEEL_PKG_DIR")
    folder = Path(debian or Path(ensurepip.__file__).parent / "_bundled")
    (pip,) = folder.glob("pip-*.whl")
    return pip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a clean machine beside a prepared folder."""
    machine = Machine(tmp_path / "root", tmp_path / "stubs", tmp_path / "offline")
    folders = ("wheels", "models", "systemd", "scripts/locks")
    for folder in (machine.root, machine.stubs, *(machine.offline / name for name in folders)):
        folder.mkdir(parents=True)
    for name, body in STUBS.items():
        stub = machine.stubs / name
        stub.write_text(f'#!/bin/bash\necho "{name} $*" >>"$STUBS/log"\n{body}\n')
        stub.chmod(0o755)
    shutil.copy(bundled_pip(), machine.offline / "wheels")
    dependency = machine.offline / "wheels" / "dependency-1.0-py3-none-any.whl"
    write_wheel(dependency, {"dependency.py": ""})
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    lock = machine.offline / "scripts/locks" / f"python{python}-{platform.machine()}.txt"
    digest = hashlib.sha256(dependency.read_bytes()).hexdigest()
    lock.write_text(f"dependency==1.0 --hash=sha256:{digest}\n")
    return machine


def test_a_clean_machine_gets_the_whole_service(machine):
    """Program, user, groups, units, rules, models and a first configuration; then it starts."""
    done = machine.install("1.0")
    assert done.returncode == 0, done.stderr
    assert machine.version == "1.0"
    root, log = machine.root, machine.log
    package = next((root / "opt/edgepose/venv").glob("lib/python3*/site-packages/edgepose"))
    compiled = {path.name.partition(".")[0] for path in package.glob("__pycache__/*.pyc")}
    assert compiled == {path.stem for path in package.glob("*.py")}
    assert (root / "etc/systemd/system/edgepose.service").is_file()
    assert (root / "etc/systemd/system/edgepose@.service").is_file()
    assert (root / "etc/udev/rules.d/70-edgepose.rules").is_file()
    assert (root / "usr/local/bin/edgepose").readlink() == Path("/opt/edgepose/venv/bin/edgepose")
    assert (root / "etc/edgepose/templates/arms_up.yaml").read_text() == "shipped: 1\n"
    page = Path("/opt/edgepose/venv/share/man/man1/edgepose.1")
    assert (root / "usr/local/share/man/man1/edgepose.1").readlink() == page
    assert (root / page.relative_to("/")).read_text() == "a page"
    (users,) = re.findall("^systemd-sysusers (.*)", log, re.MULTILINE)
    made = {"video", "render", "gpio", "plugdev", "input", "tty"}
    assert set(re.findall("^m edgepose (.*)", Path(users).read_text(), re.MULTILINE)) == made
    assert "models pull movenet-lightning-int8 --mirror /" in log
    assert "systemctl enable --quiet edgepose.service" in log
    assert log.index("check-config") < log.index("systemctl restart edgepose.service")
    assert "apt-get" not in log


def test_the_first_configuration_can_be_used(machine, edgepose_command, lightning):
    """What a new device starts with is checked by the real program."""
    machine.install("1.0")
    path = machine.root / "etc/edgepose/edgepose.yaml"
    assert yaml.safe_load(path.read_text())["source"]["type"] == "v4l2"
    template = SCRIPTS.parent / "configs" / "templates" / "arms_up.yaml"
    shutil.copy(template, path.parent / "templates")
    said = edgepose_command("check-config", path)
    assert said.code == 0, said.err


def test_installing_twice_changes_nothing_of_the_users(machine):
    """Idempotent: edited configuration and templates stay, and old versions are swept."""
    machine.install("1.0")
    config = machine.root / "etc/edgepose/edgepose.yaml"
    template = machine.root / "etc/edgepose/templates/arms_up.yaml"
    config.write_text("edited: 1\n")
    template.write_text("taught: 1\n")
    for _ in range(2):
        assert machine.install("1.0").returncode == 0
    assert config.read_text() == "edited: 1\n"
    assert template.read_text() == "taught: 1\n"
    assert machine.venvs == 2  # the one in use and the one before


def test_an_upgrade_can_be_rolled_back_and_forth(machine):
    """The version before stays at hand; what was in use becomes the one before."""
    machine.install("1.0")
    machine.install("2.0")
    assert machine.version == "2.0"
    assert machine.call("install.sh", "--rollback").returncode == 0
    assert machine.version == "1.0"
    assert machine.call("install.sh", "--rollback").returncode == 0
    assert machine.version == "2.0"


@pytest.mark.parametrize("fault", ["check-config", "model"])
def test_a_version_that_can_not_be_used_is_never_switched_to(machine, fault):
    """What fails before the switch leaves the old version running, untouched."""
    machine.install("1.0")
    before = machine.log.count("systemctl restart")
    done = machine.install("2.0", fault)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert machine.version == "1.0"
    assert machine.log.count("systemctl restart") == before
    assert machine.venvs == 1


def test_a_version_that_does_not_start_is_taken_back(machine):
    """What fails after the switch: the old version is put back and started."""
    machine.install("1.0")
    (machine.stubs / "refuse").write_text("2.0")
    done = machine.install("2.0")
    assert done.returncode == 1
    assert "going back" in done.stderr
    assert machine.version == "1.0"
    assert machine.log.rstrip().endswith("restart")
    assert machine.venvs == 1


def test_a_first_version_that_does_not_start_says_where_to_look(machine):
    """There is nothing to go back to."""
    (machine.stubs / "refuse").write_text("1.0")
    done = machine.install("1.0")
    assert done.returncode == 1
    assert "journalctl -u edgepose" in done.stderr


def test_several_cameras_are_started_anew_instead_of_the_only_one(machine):
    """Who runs edgepose@door gets no edgepose.service in an upgrade."""
    machine.install("1.0")
    wants = machine.root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "edgepose@door.service").symlink_to("/etc/systemd/system/edgepose@.service")
    before = len(machine.log)
    assert machine.install("2.0").returncode == 0
    assert "systemctl restart edgepose@door.service" in machine.log[before:]
    assert "restart edgepose.service" not in machine.log[before:]


def test_secrets_of_the_service_are_known_to_the_check(machine):
    """A configuration with ${NAME} is no reason to refuse an upgrade."""
    (machine.root / "etc/edgepose").mkdir(parents=True)
    (machine.root / "etc/edgepose/environment").write_text("# of the broker\nSECRET=mqtt pass\n")
    assert machine.install("1.0").returncode == 0
    assert "edgepose.yaml mqtt pass" in machine.log


def test_a_model_that_can_not_be_had_does_not_stop_the_installation(machine):
    """The one in the box still works; how to get the other is said."""
    done = machine.install("1.0", "models pull")
    assert done.returncode == 0
    assert "get it later" in done.stderr


def test_a_folder_for_other_machines_is_refused_before_anything_happens(machine):
    """Instead of pip's word that some package has no matching distribution."""
    (machine.offline / "prepared-for").write_text("Python 3.13 on aarch64\n")
    done = machine.install("1.0")
    assert done.returncode == 1
    assert "was prepared for: Python 3.13 on aarch64" in done.stderr
    assert not (machine.root / "opt").exists()


def test_a_prepared_folder_that_was_changed_is_not_installed_from(machine):
    """A wheel, a script or a model that is not as it was prepared: nothing of it runs."""
    machine.install("1.0")
    for name in ("wheels/edgepose-1.0-py3-none-any.whl", "scripts/locks"):
        path = machine.offline / name
        path = path if path.is_file() else next(path.iterdir())
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        done = machine.call("install.sh", "--offline", str(machine.offline))
        path.write_bytes(before)
        assert done.returncode == 1
        assert f"{path.name}: FAILED" in done.stderr
        assert "is not as it was prepared" in done.stderr
    assert machine.venvs == 1


@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_that_was_added_to_a_prepared_folder_is_refused(machine, is_link):
    """Pip would take a wheel of a newer version, and a link is no file that was prepared."""
    machine.install("1.0")
    (extra,) = (machine.offline / "wheels").glob("edgepose-*.whl")
    added = extra.with_name("pip-99-py3-none-any.whl")
    if is_link:
        added.symlink_to(extra)
    else:
        shutil.copy(extra, added)
    done = machine.call("install.sh", "--offline", str(machine.offline))
    assert done.returncode == 1
    assert "were not prepared: wheels/pip-99-py3-none-any.whl" in done.stderr


def test_a_dependency_of_another_hash_is_not_installed(machine):
    """The lock decides what may be installed, whatever lies in the folder."""
    (lock,) = (machine.offline / "scripts/locks").iterdir()
    lock.write_text(lock.read_text()[:-5] + "0000\n")
    done = machine.install("1.0")
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (machine.root / "opt/edgepose/venv").exists()


def test_a_machine_without_a_lock_is_told_how_to_go_on(machine):
    """Nothing is installed without hashes unless somebody says so."""
    (lock,) = (machine.offline / "scripts/locks").iterdir()
    lock.unlink()
    done = machine.install("1.0")
    assert done.returncode == 1
    assert "--unlocked takes the newest versions" in done.stderr
    assert not (machine.root / "opt").exists()


def test_no_module_is_imported_from_the_folder_where_root_stands(machine, tmp_path):
    """A `pip.py` or `platform.py` in the service's folder would run as root."""
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("pip", "platform", "venv", "compileall", "numpy", "os"):
        (trap / f"{name}.py").write_text(f"open({str(trap / 'sprung')!r}, 'w')\n")
    assert machine.install("1.0", cwd=trap).returncode == 0
    assert not (trap / "sprung").exists()


# The service's user is nobody: it owns its two folders and can write nothing else.
NOBODY = 65534
DROPPED = """
    while [ "$1" != -- ]; do shift; done
    shift
    exec setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$@"
"""


@pytest.fixture
def hostile(machine, monkeypatch) -> Machine:
    """Return a machine where the service's user is a real one, and its folders are there."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("switching users needs root and setpriv")
    (machine.stubs / "runuser").write_text(f"#!/bin/bash\n{DROPPED}")
    (machine.stubs / "install").write_text(
        "#!/bin/bash\nargs=()\nwhile [ $# -gt 0 ]; do case $1 in -o) args+=(-o nobody) && shift ;; "
        '-g) args+=(-g nogroup) && shift ;; *) args+=("$1") ;; esac; shift; done\n'
        'exec /usr/bin/install "${args[@]}"\n'
    )
    (machine.stubs / "log").touch()
    (machine.stubs / "log").chmod(0o666)
    for folder in (machine.root, *machine.root.parents):
        if str(folder).startswith(str(tempfile.gettempdir())):
            folder.chmod(folder.stat().st_mode | 0o011)
    for name in ("etc/edgepose", "var/lib/edgepose"):
        folder = machine.root / name
        folder.mkdir(parents=True)
        os.chown(folder, NOBODY, NOBODY)
    return machine


@pytest.mark.parametrize("name", ["etc/edgepose/templates", "var/lib/edgepose/models"])
def test_a_link_in_the_services_folders_leads_root_nowhere(hostile, name):
    """Root made its target the service's own, and wrote the shipped templates into it."""
    victim = hostile.root / "victim"
    victim.mkdir()
    (hostile.root / name).symlink_to(victim)
    hostile.install("1.0")
    assert victim.stat().st_uid == 0
    assert list(victim.iterdir()) == []


def test_a_link_as_first_configuration_is_not_written_through(hostile):
    """A dangling link would have become a file of root's wherever it points."""
    victim = hostile.root / "victim"
    (hostile.root / "etc/edgepose/templates").mkdir()
    (hostile.root / "etc/edgepose/templates/arms_up.yaml").symlink_to(victim)
    hostile.install("1.0")
    assert not victim.exists()


def test_the_environment_file_is_never_a_link(hostile):
    """Systemd and this script read it as root: a link would hand out another program's secrets."""
    victim = hostile.root / "victim"
    victim.write_text("SECRET=of somebody else\n")
    (hostile.root / "etc/edgepose/environment").symlink_to(victim)
    done = hostile.install("1.0")
    assert done.returncode == 1
    assert "environment must be a plain file of root's" in done.stderr
    assert "of somebody else" not in hostile.log
    assert victim.stat().st_mode & 0o777 == 0o644


def test_the_environment_file_is_roots_alone(hostile):
    """It is there before the service could make one, and nobody else reads it."""
    python = str(Path(sys.executable).resolve())
    test = ["setpriv", f"--reuid={NOBODY}", "test", "-x", python]
    if subprocess.run(test, check=False).returncode:
        pytest.skip(f"nobody but root can run {python}, so the service's user can't either")
    done = hostile.install("1.0")
    assert done.returncode == 0, done.stderr
    found = (hostile.root / "etc/edgepose/environment").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o600)


@pytest.mark.parametrize("system", ["jessie", "trixie:armhf"])
def test_a_folder_can_not_be_prepared_for_an_unknown_system(machine, tmp_path, system):
    """What there is to choose from is said at once."""
    done = machine.call("install.sh", "--prepare", str(tmp_path / "stick"), "--for", system)
    assert done.returncode == 1
    assert f"--for {system}: expected bookworm or trixie" in done.stderr
    assert not (tmp_path / "stick").exists()


def test_the_script_leaves_a_debian_package_alone(machine):
    """Two installations would start two services on one camera."""
    package = machine.stubs / "dpkg-query"
    package.write_text("#!/bin/sh\necho installed\n")
    done = machine.install("1.0")
    assert done.returncode == 1
    assert "is installed as a Debian package" in done.stderr
    assert not (machine.root / "opt").exists()


def test_without_a_version_before_there_is_no_way_back(machine):
    """A rollback on a fresh machine says so."""
    done = machine.call("install.sh", "--rollback")
    assert done.returncode == 1
    assert "there is no version before" in done.stderr


@pytest.mark.parametrize("purge", [False, True])
def test_uninstalling_keeps_what_is_the_users_unless_told(machine, purge):
    """Program, units and rules go; configuration and models only with --purge."""
    machine.install("1.0")
    done = machine.call("uninstall.sh", *(["--purge"] if purge else []))
    assert done.returncode == 0, done.stderr
    assert not (machine.root / "opt/edgepose").exists()
    assert not (machine.root / "etc/systemd/system/edgepose.service").exists()
    assert not (machine.root / "etc/udev/rules.d/70-edgepose.rules").exists()
    assert not (machine.root / "usr/local/bin/edgepose").is_symlink()
    assert not (machine.root / "usr/local/share/man/man1/edgepose.1").is_symlink()
    assert (machine.root / "etc/edgepose/edgepose.yaml").exists() is not purge
    assert (machine.root / "var/lib/edgepose").exists() is not purge
    assert "systemctl disable --now edgepose.service" in machine.log


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_a_mistyped_option_is_refused_with_the_usage(machine, script):
    """Exit code 2, and nothing happened."""
    done = machine.call(script, "--ofline")
    assert done.returncode == 2
    assert script in done.stderr
    assert not (machine.root / "opt").exists()


def test_shellcheck_finds_nothing():
    """Every shell script of the project is clean."""
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("shellcheck is missing: apt-get install shellcheck")
    packaging = SCRIPTS.parent / "packaging"
    scripts = [
        *sorted(SCRIPTS.glob("*.sh")),
        SCRIPTS / "build-deb",
        packaging / "first-boot/vendor-data",
        *(packaging / "debian").glob("p*"),
    ]
    command = [str(shellcheck), "--external-sources", *scripts]
    done = subprocess.run(command, cwd=SCRIPTS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
