"""Which configuration is chosen, what is kept of it, and when an edit counts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgepose.config import reload
from edgepose.config.files import BOOT_VARIABLE, ConfigFiles, boot_files, service_files
from edgepose.config.last_good import LastGood
from edgepose.config.loader import load
from edgepose.config.reload import ActiveConfig, Edits
from edgepose.errors import ConfigError
from edgepose.system import last_exit

TEMPLATE = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
TEXT = """\
version: 1
name: {name}
source: {{type: synthetic}}
watch:
  hands: {{template: hands.yaml}}
outputs:
  log: {{type: jsonl, path: events.jsonl}}
"""
BROKEN = "version: 1\nsource: {type: synthetic, pace: slow}\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Return a configuration named `etc`, with its template."""
    return put(tmp_path / "etc" / "edgepose.yaml", TEXT.format(name="etc"))


@pytest.fixture
def boot(tmp_path: Path, monkeypatch) -> Path:
    """Return where the boot partition may hold a configuration; its template is there."""
    monkeypatch.setenv(BOOT_VARIABLE, f"{tmp_path / 'boot' / 'firmware'}:{tmp_path / 'boot'}")
    path = put(tmp_path / "boot" / "firmware" / "edgepose.yaml", "")
    path.unlink()
    return path


def put(path: Path, text: str) -> Path:
    """Write a configuration, with the template that it names beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    (path.parent / "hands.yaml").write_text(TEMPLATE.read_text())
    return path


def chosen(files: ConfigFiles) -> tuple[str | None, str]:
    """Return the name of what a start chooses, and the error."""
    choice = files.choose(files.last_good())
    return choice.config.name if choice.config else None, choice.error


class TestChoice:
    """A file on the boot partition, then the given one, each with its own last good copy."""

    def test_the_given_file_is_taken_where_the_boot_partition_has_none(self, etc, boot, tmp_path):
        """As on every device that nobody has put a card into."""
        assert chosen(service_files(etc, (), tmp_path)) == ("etc", "")

    def test_a_file_on_the_boot_partition_comes_first(self, etc, boot, tmp_path):
        """And the place of newer systems before that of older ones."""
        put(boot.parent.parent / "edgepose.yaml", TEXT.format(name="old"))
        assert chosen(service_files(etc, (), tmp_path)) == ("old", "")
        put(boot, TEXT.format(name="card"))
        assert chosen(service_files(etc, (), tmp_path)) == ("card", "")

    def test_a_broken_one_there_is_told_of_and_not_used(self, etc, boot, tmp_path):
        """With its line; the given file runs."""
        put(boot, BROKEN)
        name, error = chosen(service_files(etc, (), tmp_path))
        assert name == "etc"
        assert f"{boot} line 2: source.pace" in error

    def test_each_service_has_a_name_of_its_own_there(self, boot):
        """edgepose@door reads door.yaml, not everybody's."""
        assert boot_files(Path("/etc/edgepose/door.yaml"))[0] == boot.with_name("door.yaml")

    def test_a_broken_file_with_a_last_good_copy_runs_the_copy(self, etc, boot, tmp_path):
        """Of the same file: one that broke on the card does not bring the starter's back."""
        put(boot, TEXT.format(name="card"))
        files = service_files(etc, (), tmp_path)
        assert files.prove(load(boot))
        put(boot, BROKEN)
        name, error = chosen(service_files(etc, (), tmp_path))
        assert name == "card"
        assert str(boot) in error

    def test_a_copy_of_another_file_is_not_used(self, etc, boot, tmp_path):
        """What ran well for somebody else says nothing about this service."""
        other = put(tmp_path / "other.yaml", TEXT.format(name="other"))
        service_files(other, (), tmp_path).prove(load(other))
        etc.write_text(BROKEN)
        name, error = chosen(service_files(etc, (), tmp_path))
        assert (name, "source.pace" in error) == (None, True)

    def test_what_failed_when_it_was_used_is_not_chosen_again_until_it_changes(self, etc, tmp_path):
        """Or until somebody asks for it by a reload."""
        files = ConfigFiles(etc)
        files.refuse(load(etc), "the video is none")
        assert chosen(files) == (None, "the video is none")
        etc.write_text(TEXT.format(name="mended"))
        assert chosen(files) == ("mended", "")
        etc.write_text(TEXT.format(name="etc"))
        files.retry_refused()
        assert chosen(files) == ("etc", "")


class TestLastGood:
    """The copy with its templates: whole, and written only when it changes."""

    def test_the_copy_stands_alone_and_its_paths_mean_what_they_meant(self, etc, tmp_path):
        """File and templates may be gone; the log still goes beside where they were."""
        config = load(etc)
        assert LastGood(tmp_path / "kept").prove(config)
        etc.unlink()
        (etc.parent / "hands.yaml").unlink()
        copy = LastGood(tmp_path / "kept").load()
        assert copy is not None
        assert copy.templates == config.templates
        assert copy.outputs == config.outputs
        assert copy.path == etc

    def test_nothing_is_written_that_is_there_already(self, etc, tmp_path):
        """A card wears out with every write."""
        kept = LastGood(tmp_path / "kept")
        kept.prove(load(etc))
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
        kept.prove(load(etc))
        assert {p: p.stat().st_mtime_ns for p in (tmp_path / "kept").iterdir()} == before

    def test_a_template_that_was_edited_meanwhile_is_not_kept(self, etc, tmp_path):
        """What is kept is what ran, or nothing; the copy before stays."""
        kept, config = LastGood(tmp_path / "kept"), load(etc)
        kept.prove(config)
        template = etc.parent / "hands.yaml"
        template.write_text(
            template.read_text().replace("angle_deviation: 20", "angle_deviation: 5")
        )
        assert not kept.prove(config)
        assert kept.load().templates == config.templates

    def test_only_the_templates_in_use_stay(self, etc, tmp_path):
        """A device that is tuned for years does not fill its card."""
        kept = LastGood(tmp_path / "kept")
        kept.prove(load(etc))
        template = etc.parent / "hands.yaml"
        template.write_text(template.read_text() + "# tuned\n")
        kept.prove(load(etc))
        assert len(list((tmp_path / "kept").glob("*.yaml"))) == 1
        assert kept.load() is not None

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"text": 1}', '{"path": "x", "text": "a: 1", "templates": {}}']
    )
    def test_a_damaged_copy_counts_as_none(self, tmp_path, text):
        """It is told of in the log, and never a reason not to start."""
        (tmp_path / "config.json").write_text(text)
        assert LastGood(tmp_path).load() is None

    def test_overrides_hold_for_the_copy_as_well(self, etc, tmp_path):
        """`--set` comes with every start."""
        kept = LastGood(tmp_path / "kept")
        kept.prove(load(etc, ["name=hall"]), ["name=hall"])
        assert kept.load(["name=hall"]).name == "hall"
        assert "hall" not in json.loads((tmp_path / "kept" / "config.json").read_text())["text"]


CRASH, IN_ORDER = "1 core-dump dumped SEGV", "1 success exited 0"


def starts_after(folder: Path, end: str, text: str) -> int:
    """Return what a process counts, after one that ended so."""
    (folder / last_exit.NAME).write_text(end)
    return LastGood(folder).count_start(text, has_crashed=last_exit.has_crashed(folder))


class TestCrashLoop:
    """Starts that ended in a crash are counted, over the end of the process."""

    def test_crashes_with_the_same_are_counted(self, tmp_path):
        """Once in each process, however often it looks."""
        first = LastGood(tmp_path)
        assert [first.count_start("a"), first.count_start("a")] == [0, 0]
        assert starts_after(tmp_path, CRASH, "a") == 1
        assert starts_after(tmp_path, CRASH, "a") == 2

    @pytest.mark.parametrize(("end", "text"), [(IN_ORDER, "a"), (CRASH, "b")])
    def test_an_end_in_order_or_another_configuration_begins_anew(self, tmp_path, end, text):
        """What was counted before is forgotten."""
        LastGood(tmp_path).count_start("a")
        assert starts_after(tmp_path, end, text) == 0
        assert starts_after(tmp_path, CRASH, text) == 1

    @pytest.mark.parametrize("damaged", ["", "a", "a x", "\x00"])
    def test_a_damaged_file_counts_as_none(self, tmp_path, damaged):
        """And is replaced."""
        (tmp_path / "starts").write_text(damaged)
        assert starts_after(tmp_path, CRASH, "a") == 0
        assert starts_after(tmp_path, CRASH, "a") == 1

    def test_without_a_runtime_folder_nothing_has_crashed(self):
        """As in a run at a terminal."""
        assert not last_exit.has_crashed(None)


class TestProof:
    """When a configuration that runs becomes the last good one."""

    @pytest.fixture
    def active(self, etc, tmp_path, monkeypatch) -> ActiveConfig:
        """Return the configuration of a service that has run for long enough."""
        monkeypatch.setattr(reload, "GOOD_AFTER", 0.0)
        return ActiveConfig(load(etc), service_files(etc, (), tmp_path / "state"))

    def test_running_for_a_while_is_the_proof(self, active, etc):
        """And not a moment before."""
        reload.GOOD_AFTER = 60.0
        active.prove()
        assert active.files.good.text(etc) is None
        reload.GOOD_AFTER = 0.0
        active.prove()
        assert active.files.good.text(etc) == etc.read_text()

    def test_a_pushed_one_must_have_reached_the_broker_as_well(self, active, etc):
        """However long it runs: until then the one before is the way back."""
        active.is_on_probation = True
        active.prove()
        assert active.files.good.text(etc) is None
        active.is_on_probation = False
        active.prove()
        assert active.files.good.text(etc) == etc.read_text()

    def test_what_is_refused_proves_nothing(self, active, etc):
        """The file is wrong, and what runs is not what stands in it."""
        active.refuse(ConfigError("a mistake"))
        active.prove()
        assert active.files.good.text(etc) is None


class TestRestore:
    """The last good text comes back into its file."""

    def test_the_text_comes_back_with_its_comments(self, etc, tmp_path):
        """Byte for byte, whatever stands in the file by then."""
        before = etc.read_text() + "# tuned on site\n"
        etc.write_text(before)
        good = LastGood(tmp_path / "kept")
        good.prove(load(etc))
        etc.write_text(BROKEN)
        good.restore(etc)
        assert etc.read_text() == before

    def test_that_of_another_file_is_no_way_back(self, etc, tmp_path):
        """It says so, and leaves the file."""
        good = LastGood(tmp_path / "kept")
        good.prove(load(etc))
        other = put(tmp_path / "other.yaml", BROKEN)
        with pytest.raises(ConfigError, match="last good configuration is lost"):
            good.restore(other)
        assert other.read_text() == BROKEN


class TestEdits:
    """An edit counts once, when nothing moves any more."""

    @pytest.fixture
    def edits(self, etc) -> Edits:
        """Return edits of two files after the first look has been told of."""
        edits = Edits(lambda: (etc, etc.with_name("absent.yaml")))
        assert [edits.step(), edits.step(), edits.step()] == [False, True, False]
        return edits

    def test_an_edit_counts_once_it_has_come_to_rest(self, edits, etc):
        """Half a file is not read: while it grows nothing is told."""
        for text in ("ver", "version: 1", "version: 1\nsource"):
            etc.write_text(text)
            assert not edits.step()
        assert [edits.step(), edits.step()] == [True, False]

    def test_a_file_that_appears_or_goes_counts(self, edits, etc):
        """A card that is put in, a template that was forgotten."""
        other = etc.with_name("absent.yaml")
        other.write_text("x: 1")
        assert [edits.step(), edits.step()] == [False, True]
        other.unlink()
        assert [edits.step(), edits.step()] == [False, True]

    def test_another_file_in_its_place_counts_though_size_and_time_are_the_same(self, edits, etc):
        """Editors write beside and rename; `cp -p` brings the old time along."""
        before = etc.stat()
        other = etc.with_name("new.yaml")
        other.write_text(etc.read_text().replace("etc", "abc"))
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(etc)
        assert [edits.step(), edits.step()] == [False, True]


def test_a_configuration_read_twice_is_the_same(etc):
    """So that a look that finds nothing new starts nothing anew."""
    assert load(etc) == load(etc)
    assert load(etc) != replace(load(etc), name="other")


@pytest.mark.parametrize(
    "name", ["edgepose.yaml.txt", "edgepose.yml", "Edgepose.yml.TXT", "EDGEPOSE.YAML.txt"]
)
def test_a_boot_file_that_is_nearly_called_right_is_reported(etc: Path, boot: Path, name: str):
    """Windows hides the .txt: the file that somebody wrote is not read, and that is known."""
    stray = put(boot.with_name(name), TEXT.format(name="boot"))
    put(boot.with_name("cmdline.txt"), "")
    put(boot.with_name("edgepose.yaml.bak"), "")
    files = service_files(etc, (), etc.parent / "state")
    assert files.misnamed == (stray,)
    assert chosen(files) == ("etc", "")
    assert ActiveConfig(load(etc), files).state()["not_read"] == [str(stray)]


def test_a_boot_file_that_is_read_is_not_reported(etc: Path, boot: Path):
    """Neither the right name, nor the same file by another one, as FAT has it."""
    put(boot, TEXT.format(name="boot"))
    boot.with_name("EDGEPOSE.YAML").hardlink_to(boot)
    assert service_files(etc, (), etc.parent / "state").misnamed == ()
    assert ConfigFiles(etc).misnamed == ()


def test_a_refusal_knows_the_line_of_the_mistake(tmp_path):
    """The screen of the device shows it beside the name."""
    path = tmp_path / "door.yaml"
    path.write_text("version: 1\nsource: {type: synthetic}\n")
    active = ActiveConfig(load(path))
    path.write_text("version: 1\nsource: {type: synthetic, fsp: 5}\n")
    choice = active.choose()
    active.refuse(ConfigError(*choice.problems))
    assert active.state()["line"] == 2
    active.accept()
    assert active.state()["line"] is None
