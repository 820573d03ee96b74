"""All checks together: on whole machines, on nothing at all, and with broken parts."""

from __future__ import annotations

import errno
import subprocess

import pytest

from edgepose.doctor import checks as examination
from edgepose.doctor.checks import checks, examine
from edgepose.doctor.finding import Intent, ok, read_intent, trouble


def findings(machine, plan=None) -> dict:
    """Return what is found on a machine by name."""
    groups = examine(machine.system, plan or Intent())
    return {finding.name: finding for group in groups for finding in group.findings}


@pytest.mark.parametrize("which", ["debian", "pi4", "pi5"])
def test_what_is_not_well_has_one_remedy(which, request):
    """No warning and no failure without a way out; no good line with one; one line each."""
    found = findings(request.getfixturevalue(which))
    assert len(found) > 10
    for finding in found.values():
        assert bool(finding.remedy) == (finding.status != "ok"), finding
        assert "\n" not in finding.sentence + finding.remedy


def test_a_healthy_pi_is_healthy(pi5, models, monkeypatch):
    """Only what this test's own machine lends may be amiss: its clock."""
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", str(models))
    pi5.versions |= dict.fromkeys(_requirements(), "1.0")
    pi5.write("dev/fb0")
    bad = {name for name, found in findings(pi5).items() if found.status != "ok"}
    assert bad <= {"clock", "gpio", "state"}


def _requirements() -> list[str]:
    from edgepose.doctor import packages

    return packages._required()


def test_an_empty_machine_is_no_crash(debian, tmp_path):
    """No file, no command, no package: every line is still a line."""
    debian.changes["root"] = tmp_path / "nothing"
    (tmp_path / "nothing").mkdir()
    debian.answers.clear()
    debian.versions.clear()
    found = findings(debian)
    assert found["interpreter"].status == "fail"
    assert found["opencv"].status == "fail"


def test_commands_that_hang_are_no_hang(pi4):
    """Each is given up after its time."""

    def hang(command, **settings):
        raise subprocess.TimeoutExpired(command, settings["timeout"])

    pi4.changes["run"] = hang
    assert "it hangs" in findings(pi4)["opencv"].sentence


def test_a_file_system_that_fails_is_a_finding(debian, monkeypatch):
    """A sick card must not end the examination."""

    def sick(system, plan):
        raise OSError(errno.EIO, "Input/output error", "/models")

    monkeypatch.setattr(examination, "checks", lambda plan: {"Model": (sick,)})
    found = findings(debian)["sick"]
    assert found.status == "warn"
    assert "/models: Input/output error" in found.sentence


def test_each_pin_and_each_broker_has_its_line(planned):
    """Fakes have none."""
    outputs = (
        "{a: {type: mqtt, host: x}, b: {type: mqtt, host: y}, "
        "c: {type: gpio, line: 1, when: person}, "
        "d: {type: gpio, line: 2, when: person, chip: fake}}"
    )
    plan = planned(outputs=outputs)
    assert len(checks(plan)["Network"]) == len(checks(Intent())["Network"]) + 2
    assert len(checks(plan)["Devices"]) == len(checks(Intent())["Devices"]) + 1


def test_a_good_configuration_is_summed_up(tmp_path):
    """Source, watches and outputs in one sentence."""
    file = tmp_path / "kiosk.yaml"
    file.write_text("version: 1\nsource: {type: v4l2}\noutputs: {log: {type: jsonl, path: e}}\n")
    plan, found = read_intent(file)
    assert found.status == "ok"
    assert found.sentence.endswith("source v4l2, 0 watches, outputs: jsonl")
    assert plan.needs_source("v4l2") is True
    assert plan.needs_output("mqtt") is False


@pytest.mark.parametrize("text", ["version: 1\nsource: {typ: v4l2}\nwach: {}\n", "{", ""])
def test_a_bad_configuration_fails_and_leaves_everything_open(tmp_path, text):
    """Its first complaint is shown; nobody knows then what is needed."""
    file = tmp_path / "kiosk.yaml"
    file.write_text(text)
    plan, found = read_intent(file)
    assert (found.status, found.remedy) == ("fail", f"edgepose check-config {file}")
    assert "\n" not in found.sentence
    assert plan.needs_source("v4l2") is None


def test_a_missing_configuration_and_a_folder_are_no_crash(tmp_path):
    """Both are told as such."""
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        assert read_intent(path)[1].remedy == "name the file that edgepose runs on"
    assert read_intent(None)[1] is None


def test_trouble_weighs_by_need():
    """Needed: failure. Nobody said: warning."""
    assert trouble(True, "x", "y", "z").status == "fail"
    assert trouble(None, "x", "y", "z").status == "warn"
    assert ok("x", "y").remedy == ""
