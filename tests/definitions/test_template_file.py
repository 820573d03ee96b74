"""Template files: what is written can be read, and what is wrong is said with its line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.core.templates import LimbRule, Template
from edgepose.definitions import template_file
from edgepose.errors import TemplateError
from edgepose.skeleton import KEYPOINTS, LIMB_INDEX

GOOD = """\
version: 1
name: bow
unit: pixels
poses:
  - nose: {y: 100, x: 200}
    left_eye: {y: 95, x: 205}
    right_eye: {y: 95, x: 195}
    left_ear: unseen
    right_ear: unseen
    left_shoulder: {y: 140, x: 230}
    right_shoulder: {y: 140, x: 170}
    left_elbow: {y: 190, x: 250}
    right_elbow: {y: 190, x: 150}
    left_wrist: {y: 240, x: 255}
    right_wrist: {y: 240.5, x: 145}
    left_hip: {y: 250, x: 220}
    right_hip: {y: 250, x: 180}
    left_knee: {y: 330, x: 222}
    right_knee: {y: 330, x: 178}
    left_ankle: {y: 410, x: 223}
    right_ankle: {y: 410, x: 177}
"""  # line 5 is the nose, line 21 the right ankle


def template(**tolerances) -> Template:
    """Return a template of two made-up poses, the second without a nose."""
    points = np.random.default_rng(3).uniform(0.0, 900.0, (2, 17, 2))
    points[1, 0] = np.nan
    return Template("arms up", points, **tolerances)


def complaint(text: str) -> str:
    """Return what is said about a file of this text."""
    with pytest.raises(TemplateError) as caught:
        template_file.loads(text, "bow.yaml")
    return str(caught.value)


class TestRoundTrip:
    """What is written is read again."""

    def test_points_come_back_to_a_hundredth_of_a_pixel(self, tmp_path):
        """Unseen keypoints come back unseen."""
        path = tmp_path / "t.yaml"
        template_file.save(path, template())
        np.testing.assert_allclose(template_file.load(path).points, template().points, atol=0.0051)

    def test_every_setting_comes_back(self, tmp_path):
        """Tolerances, ignored limbs, single limbs, mirror and compat."""
        said = {
            "angle_deviation": 12.5,
            "size_deviation": 0.75,
            "ignore": frozenset({"hips", "left_shin"}),
            "limbs": {"right_shin": LimbRule(weight=0.0), "hips": LimbRule(None, 30.0, 2.0)},
            "min_visible": 7,
            "mirror": True,
            "compat": "kunyankin",
        }
        path = tmp_path / "t.yaml"
        template_file.save(path, template(**said))
        found = template_file.load(path)
        assert {key: getattr(found, key) for key in said} == said

    def test_what_was_left_open_stays_open(self):
        """min_visible follows the limbs that count unless the file says otherwise."""
        found = template_file.loads(template_file.dumps(template()), "t.yaml")
        assert found.min_visible is None
        assert (found.limbs, found.ignore, found.compat) == ({}, frozenset(), "")

    @given(st.text(min_size=1).filter(lambda t: t.strip() and t.isprintable()), st.text())
    @settings(max_examples=100, deadline=None)
    def test_any_name_and_any_note_can_be_written(self, name, note):
        """Quotes, colons, accents, `on` and `1e3`; a note even with line breaks and worse."""
        text = template_file.dumps(Template(name, template().points), note)
        assert template_file.loads(text, "t.yaml").name == name

    def test_file_explains_itself(self):
        """Somebody who opens it finds the units, the limbs and where the pose came from."""
        text = template_file.dumps(template(), "Taught from bow.jpg.")
        assert "# Taught from bow.jpg." in text
        assert "unit: pixels" in text
        assert all(limb in text for limb in LIMB_INDEX)
        assert "# min_visible: 9" in text


class TestSave:
    """Whole or not at all."""

    def test_folder_is_made_and_nothing_else_is_left(self, tmp_path):
        """`templates/` need not exist."""
        path = tmp_path / "new" / "t.yaml"
        template_file.save(path, template())
        template_file.save(path, template())
        assert [file.name for file in path.parent.iterdir()] == ["t.yaml"]

    def test_failure_leaves_the_old_file_and_no_half_one(self, tmp_path, monkeypatch):
        """The disk is full at the worst moment."""
        path = tmp_path / "t.yaml"
        path.write_text(GOOD)

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(TemplateError, match=r"can't be written \(no space left"):
            template_file.save(path, template())
        assert path.read_text() == GOOD
        assert [file.name for file in tmp_path.iterdir()] == ["t.yaml"]

    def test_place_that_is_no_folder_is_an_error(self, tmp_path):
        """A file stands where the folder should be."""
        (tmp_path / "file").write_text("")
        with pytest.raises(TemplateError, match="choose another place"):
            template_file.save(tmp_path / "file" / "t.yaml", template())


class TestReading:
    """What a hand-written file may say."""

    def test_least_file_is_read(self):
        """Version, name, unit and one pose; all else has defaults."""
        found = template_file.loads(GOOD, "bow.yaml")
        assert (found.name, found.angle_deviation, found.size_deviation) == ("bow", 20.0, 1.0)
        assert found.points[0, 10].tolist() == [240.5, 145.0]
        assert np.isnan(found.points[0, 3]).all()

    def test_posenet_spelling_of_keypoints_is_understood(self):
        """LeftEye, leftEye and left_eye are the same."""
        text = GOOD.replace("left_eye", "leftEye").replace("right_shoulder", "rightShoulder")
        expected = template_file.loads(GOOD, "a").points
        np.testing.assert_array_equal(template_file.loads(text, "b").points, expected)

    def test_empty_sections_are_as_if_absent(self):
        """`ignore:` and `limbs:` with nothing after them."""
        found = template_file.loads(GOOD + "ignore:\nlimbs:\n", "bow.yaml")
        assert (found.ignore, found.limbs) == (frozenset(), {})

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("name: bow", "nmae: bow", r"line 2: nmae: unknown option; did you mean 'name'\?"),
            ("name: bow", "name: 12", r"line 2: name: expected text, found 12; put it in quotes"),
            (
                "name: bow",
                "name: on",
                r"line 2: name: expected text, found `on`, which YAML",
            ),
            ("version: 1", "version: 2", "line 1: version: expected 1, found 2"),
            ("version: 1", "version: true", "version: expected 1, found true"),
            ("name: bow", 'name: " "', "name: expected text, found ' '"),
            ("name: bow", "name:", "name: expected text, found nothing"),
            ("unit: pixels", "unit: metres", "line 3: unit: expected 'pixels', found 'metres'"),
            ("unit: pixels", "", "unit: missing; add `unit: pixels`"),
            ("version: 1\n", "", "version: missing; add `version: 1`"),
            (
                "left_wrist: {",
                "left_wirst: {",
                r"line 14: poses\[0\]\.left_wirst: unknown name; did you mean 'left_wrist'\?",
            ),
            (
                "    left_wrist: {y: 240, x: 255}\n",
                "",
                r"poses\[0\]: missing: left_wrist; write `left_wrist: unseen`",
            ),
            (
                "{y: 410, x: 177}",
                "{y: 410}",
                r"line 21: .*right_ankle\.x: missing; expected a",
            ),
            ("{y: 410, x: 177}", "{y: a, x: 1}", r"line 21: .*right_ankle\.y: expected a number"),
            (
                "{y: 410, x: 177}",
                "{y: .nan, x: 1}",
                r"ankle\.y: expected a finite number, found \.nan",
            ),
            (
                "{y: 410, x: 177}",
                "{y: 1e9, x: 1}",
                r"ankle\.y: expected a number .*pixels.*found 1e9",
            ),
            (
                "{y: 410, x: 177}",
                "{y: 1, x: 1, z: 1}",
                r"ankle\.z: unknown option; known: x, y",
            ),
            (
                "{y: 410, x: 177}",
                "[410, 177]",
                r"line 21: .*\{y: \.\.\., x: .*found \[410, 177\]",
            ),
            ("{y: 410, x: 177}", "gone", r"line 21: .*expected .*or 'unseen', found 'gone'"),
            ("nose:", "leftEye: unseen\n    nose:", r"left_eye: the same keypoint as 'leftEye'"),
            ("nose:", "left_eye: unseen\n    nose:", "written twice"),
        ],
    )
    def test_each_mistake_is_named_with_its_line(self, old, new, said):
        """File, line, key, what was expected, what was found, the near miss."""
        assert old in GOOD
        assert re.search(rf"bow\.yaml.*{said}", complaint(GOOD.replace(old, new, 1)))

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("angle_deviation: -5", "angle_deviation: expected a number above 0 .*, found -5"),
            ("angle_deviation: wide", "expected a number above 0 .*, found 'wide'"),
            ("size_deviation: 0", "expected a number above 0"),
            ("min_visible: 2.5", "expected a whole number from 1 to 12 .*, found 2.5"),
            ("min_visible: 13", "expected a whole number from 1 to 12 .*, found 13"),
            ("mirror: 1", "expected true or false, found 1"),
            ('mirror: "yes"', "expected true or false, found 'yes'"),
            ('angle_deviation: "20"', "expected a number above 0 .*, found '20'"),
            (f"angle_deviation: 1{'0' * 399}", "expected a number above 0 .*, found 1000"),
            ("angle_deviation:", "expected a number above 0 .*, found nothing"),
            ("min_visible: 0", "expected a whole number from 1 to 12 .*, found 0"),
            ("min_visible: 3.0", "expected a whole number from 1 to 12 .*, found 3.0"),
            ("min_visible: true", "expected a whole number from 1 to 12 .*, found true"),
            ("size_deviation: true", "expected a number above 0 .*, found true"),
            ("compat: [kunyankin]", "expected 'kunyankin', found .kunyankin"),
            ("limbs: {hips: {weight: -0.1}}", r"hips\.weight: expected a number, 0 or more"),
            ("mirror: maybe", "expected true or false, found 'maybe'"),
            ("compat: strict", "compat: expected 'kunyankin', found 'strict'"),
            ("ignore: left_shin", "ignore: expected a list of limbs"),
            (
                "ignore: [left_shn]",
                r"ignore\[0\]: expected one of .*'left_shn'; did you mean",
            ),
            ("ignore: [[1], {a: 2}]", r"ignore\[0\]: expected one of shoulders"),
            ("limbs: [hips]", "limbs: expected limbs with what differs, such as"),
            ("limbs: {hip: {weight: 1}}", r"limbs\.hip: unknown name; did you mean 'hips'"),
            ("limbs: {hips: 2}", r"limbs\.hips: expected a mapping such as"),
            ("limbs: {hips: {wieght: 2}}", r"hips\.wieght: unknown option; did you mean 'weight'"),
            ("limbs: {hips: {weight: -1}}", r"hips\.weight: expected a number, 0 or more"),
            (
                "limbs: {hips: {weight: true}}",
                r"weight: expected a number, 0 or more, found true",
            ),
        ],
    )
    def test_each_wrong_setting_is_named_with_its_line(self, line, said):
        """The setting stands on line 22, after the pose."""
        assert re.search(rf"bow\.yaml line 22: .*{said}", complaint(f"{GOOD}{line}\n"))

    @pytest.mark.parametrize("poses", ["", " []", " 3", " {nose: unseen}"])
    def test_poses_that_are_no_list_are_an_error(self, poses):
        """At least one pose, with a dash before it."""
        text = f"version: 1\nname: bow\nunit: pixels\nposes:{poses}\n"
        assert "line 4: poses: expected a list of poses" in complaint(text)

    def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(self):
        """Nobody wants to run it once a mistake."""
        text = GOOD.replace("name: bow", "name: 1").replace("x: 177", "x: here") + "tail: 2\n"
        lines = complaint(text).splitlines()
        assert [re.search(r"line (\d+)", line).group(1) for line in lines] == ["2", "21", "22"]

    def test_every_problem_has_its_place_and_kind(self):
        """For code that must tell them apart; misspelled names hide no other missing ones."""
        text = GOOD.replace("nose:", "noes:").replace("    left_eye: {y: 95, x: 205}\n", "")
        with pytest.raises(TemplateError) as caught:
            template_file.loads(text + "mirror: 3\n", "bow.yaml")
        found = [(p.line, p.path, p.kind) for p in caught.value.problems]
        assert found == [
            (5, ("poses", 0, "noes"), "unknown_key"),
            (5, ("poses", 0), "missing_key"),
            (21, ("mirror",), "value"),
        ]

    def test_pose_that_shows_too_little_is_an_error_with_the_file(self):
        """Every keypoint but the shoulders unseen."""
        pose = "".join(f"    {name}: unseen\n" for name in KEYPOINTS).replace(
            "    nose", "  - nose"
        )
        text = GOOD[: GOOD.index("  - nose")] + pose
        assert re.search(r"bow\.yaml: template 'bow': 0 of the 12 limbs are seen", complaint(text))

    def test_absent_file_says_so(self, tmp_path):
        """Not a traceback."""
        with pytest.raises(TemplateError, match="no such file"):
            template_file.load(tmp_path / "none.yaml")

    @pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\0\0", b"- a\n- b\n", b"a:\n\t- b\n"])
    def test_what_is_no_template_at_all_is_an_error(self, tmp_path, content):
        """Empty, a picture, a list, a tab."""
        path = tmp_path / "bow.yaml"
        path.write_bytes(content)
        with pytest.raises(TemplateError, match=r"bow\.yaml"):
            template_file.load(path)

    @given(st.integers(0, len(GOOD) - 1), st.text(max_size=6))
    @settings(max_examples=200, deadline=None)
    def test_damaged_text_is_read_or_refused_in_words(self, at, noise):
        """Whatever is typed into the middle: a template, or a TemplateError."""
        try:
            found = template_file.loads(GOOD[:at] + noise + GOOD[at + 1 :], "bow.yaml")
        except TemplateError:
            return
        assert isinstance(found, Template)


def test_shipped_templates_can_be_read():
    """Every template that edgepose brings is a good example."""
    folder = Path(__file__).parents[2] / "configs" / "templates"
    for path in sorted(folder.glob("*.yaml")):
        assert template_file.load(path).counted.sum() >= 4
