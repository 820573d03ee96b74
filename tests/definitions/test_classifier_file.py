"""Examples of poses in CSV files: what is read, what is refused, and with which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.definitions import classifier_file
from edgepose.definitions.classifier_file import (
    Examples,
    examples_of,
    is_sideways,
    labels_beside,
    load,
    load_labels,
    save,
)
from edgepose.errors import ClassifierError

RNG = np.random.default_rng(3)


@pytest.fixture
def examples() -> Examples:
    """Return two examples of each of two classes, of people who stand."""
    upright = np.repeat(np.linspace(10, 200, 17)[:, None], 3, 1) * (1, 0.2, 0) + (0, 50, 0.9)
    shaken = [upright + RNG.normal(0, 1, (17, 3)) * (1, 1, 0) for _ in range(4)]
    names = ("tree", "chair", "tree", "chair")
    return examples_of(
        [(name, f"{i}.jpg", k) for i, (name, k) in enumerate(zip(names, shaken, strict=True))]
    )


@pytest.fixture
def lines(examples: Examples, tmp_path: Path) -> list[str]:
    """Return the lines of a good file."""
    save(tmp_path / "good.csv", examples)
    return (tmp_path / "good.csv").read_text().splitlines()


def written(folder: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    """Return the path of a file with these lines."""
    path = folder / "poses.csv"
    path.write_text("\n".join(lines), encoding=encoding)
    return path


def refused(path: Path) -> str:
    """Return the message that a file is refused with."""
    with pytest.raises(ClassifierError) as caught:
        load(path)
    return str(caught.value)


class TestReading:
    """What is understood."""

    def test_what_was_saved_is_read_again(self, examples, tmp_path):
        """Classes, files and keypoints to six digits."""
        save(tmp_path / "new" / "poses.csv", examples)
        again = load(tmp_path / "new" / "poses.csv")
        assert again.classes == ("chair", "tree")
        assert again.files == examples.files
        assert again.owners.tolist() == [1, 0, 1, 0]
        assert again.keypoints == pytest.approx(examples.keypoints, rel=1e-5)

    def test_columns_are_those_of_the_tutorial(self, lines):
        """Other people's tools read it."""
        names = lines[0].split(",")
        assert names[:4] == ["file_name", "NOSE_x", "NOSE_y", "NOSE_score"]
        assert names[-5:] == [
            "RIGHT_ANKLE_x", "RIGHT_ANKLE_y", "RIGHT_ANKLE_score", "class_no", "class_name"
        ]  # fmt: skip

    def test_byte_order_mark_empty_lines_and_other_columns_are_no_matter(self, lines, tmp_path):
        """As spreadsheets write them."""
        longer = [f"{line},note" for line in [*lines[:2], *lines[2:]]]
        path = written(tmp_path, [*longer[:2], "", *longer[2:], ""], "utf-8-sig")
        assert len(load(path)) == 4

    def test_swapped_axes_are_swapped_back(self, examples, tmp_path):
        """Columns called x that hold y."""
        swapped = examples.keypoints[..., [1, 0, 2]]
        lying = Examples(examples.classes, examples.owners, swapped, examples.files)
        save(tmp_path / "poses.csv", lying)
        assert is_sideways(load(tmp_path / "poses.csv"))
        again = load(tmp_path / "poses.csv", "yx")
        assert not is_sideways(again)
        assert again.keypoints == pytest.approx(examples.keypoints, rel=1e-5)

    @pytest.mark.parametrize("has_header", [True, False])
    def test_a_folder_holds_one_file_a_class(self, lines, tmp_path, has_header):
        """The tutorial's first step writes them without column names."""
        folder = tmp_path / "classes"
        folder.mkdir()
        for name in ("chair", "tree"):
            rows = [line.rsplit(",", 2)[0] for line in lines if not line.endswith(name)]
            kept = rows if has_header else rows[1:]
            (folder / f"{name}.csv").write_text("\n".join(kept))
        read = load(folder)
        assert read.classes == ("chair", "tree")
        assert len(read) == 4


class TestRefusing:
    """One message, with file, line and way out."""

    @pytest.mark.parametrize(
        ("field", "text"),
        [(1, "abc"), (1, "nan"), (1, "inf"), (1, ""), (1, "1e30"), (1, "1,5"), (1, "-")],
    )
    def test_a_number_that_is_none(self, lines, tmp_path, field, text):
        """Text, NaN, nothing, a decimal comma."""
        fields = lines[2].split(",")
        fields[field] = f'"{text}"'
        message = refused(written(tmp_path, [*lines[:2], ",".join(fields), *lines[3:]]))
        assert "poses.csv line 3: nose_x: expected a number, found" in message
        assert "correct or remove the line" in message

    def test_a_line_that_is_cut_short(self, lines, tmp_path):
        """The disk was full."""
        message = refused(written(tmp_path, [*lines[:4], lines[4][:40]]))
        assert "line 5: expected 54 fields, found" in message

    def test_missing_columns_are_named(self, lines, tmp_path):
        """One misspelt gets its near miss, many get the whole form."""
        one = refused(written(tmp_path, [lines[0].replace("NOSE_x", "NOSES_x"), *lines[1:]]))
        assert "line 1: no column nose_x; did you mean 'noses_x'?" in one
        many = refused(written(tmp_path, ["a,b,c", "1,2,3"]))
        assert "no column nose_x, nose_y, nose_score and 49 more; expected file_name" in many

    def test_semicolons_are_called_what_they_are(self, lines, tmp_path):
        """A spreadsheet in a country with a decimal comma."""
        message = refused(written(tmp_path, [line.replace(",", ";") for line in lines]))
        assert "expected commas between columns, found ';'" in message

    def test_a_column_twice(self, lines, tmp_path):
        """Which of them counts can't be known."""
        message = refused(written(tmp_path, [lines[0].replace("NOSE_y", "NOSE_x"), *lines[1:]]))
        assert "line 1: column 'nose_x' stands there twice" in message
        doubled = [f"{line},{'class_name' if i == 0 else 'x'}" for i, line in enumerate(lines)]
        assert "'class_name' stands there twice" in refused(written(tmp_path, doubled))

    def test_an_empty_class(self, lines, tmp_path):
        """A row of nobody's."""
        message = refused(written(tmp_path, [*lines[:2], lines[2].rsplit(",", 1)[0] + ","]))
        assert "line 3: class_name is empty" in message

    def test_a_class_that_can_not_be_shown(self, lines, tmp_path):
        """A damaged file, or one of another program."""
        message = refused(written(tmp_path, [*lines[:2], lines[2] + "\0", *lines[3:]]))
        assert "line 3: class_name: expected printable text, found 'chair\\x00'" in message

    def test_one_class_alone(self, lines, tmp_path):
        """There is nothing to tell it from."""
        trees = [lines[0], *[line for line in lines if line.endswith("tree")]]
        assert "two classes or more, found only 'tree'" in refused(written(tmp_path, trees))

    def test_a_class_of_which_nothing_is_seen(self, examples, tmp_path):
        """Every keypoint scores next to nothing."""
        dark = examples.keypoints * np.where(examples.owners == 0, 0.05, 1)[:, None, None]
        save(tmp_path / "p.csv", Examples(examples.classes, examples.owners, dark, examples.files))
        assert "no example of class 'chair' shows enough" in refused(tmp_path / "p.csv")

    @pytest.mark.parametrize("count", [0, 1])
    def test_an_empty_file_and_one_without_rows(self, lines, tmp_path, count):
        """Nothing was written yet."""
        message = refused(written(tmp_path, lines[:count]))
        assert "found no rows" in message or "found an empty file" in message

    def test_a_file_of_another_kind(self, tmp_path):
        """A picture, a spreadsheet's own format, UTF-16."""
        path = tmp_path / "poses.csv"
        path.write_bytes(b"\xff\xfef\x00i\x00l\x00e\x00")
        assert "expected text in UTF-8, found something else at byte 0" in refused(path)
        path.write_bytes(b"a\x00b,c\n1,2\n")
        assert "poses.csv" in refused(path)

    def test_a_missing_file_gets_its_neighbour(self, lines, tmp_path):
        """A near miss in the same folder."""
        written(tmp_path, lines)
        message = refused(tmp_path / "pose.csv")
        near = f"did you mean '{tmp_path / 'poses.csv'}'?"
        assert f"can't be read (no such file or directory); {near}" in message

    def test_a_folder_without_files(self, tmp_path):
        """Pictures are not examples yet."""
        assert "expected a CSV file for each class, found none" in refused(tmp_path)

    def test_many_wrong_lines_are_counted(self, lines, tmp_path):
        """Five are shown."""
        bad = [lines[0], *["x,y"] * 9]
        message = refused(written(tmp_path, bad)).splitlines()
        assert len(message) == 6
        assert message[-1] == "... and 4 more lines"

    def test_a_file_too_large_to_be_one(self, lines, tmp_path, monkeypatch):
        """It is not read into memory."""
        monkeypatch.setattr(classifier_file, "_LARGEST", 1024)
        assert "at most 1 KiB" in refused(written(tmp_path, lines))


class TestLabels:
    """The classes of a network."""

    def test_one_a_line(self, tmp_path):
        """Blanks, byte order mark and Windows line ends don't matter."""
        path = tmp_path / "labels.txt"
        path.write_bytes(b"\xef\xbb\xbfchair\r\n tree \r\n\r\n")
        assert load_labels(path) == ("chair", "tree")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "found an empty file"),
            ("a\nb\na\n", "class 'a' stands there twice"),
            ("\n".join(map(str, range(20_000))), "at most 64 KiB, found more"),
        ],
    )
    def test_empty_files_and_doubles_are_refused(self, tmp_path, text, problem):
        """An output without a name, or two with one."""
        path = tmp_path / "labels.txt"
        path.write_text(text)
        with pytest.raises(ClassifierError, match=problem):
            load_labels(path)

    def test_they_are_found_beside_the_network(self, tmp_path):
        """By the network's name first."""
        model = tmp_path / "yoga.tflite"
        assert labels_beside(model) is None
        (tmp_path / "labels.txt").touch()
        assert labels_beside(model) == tmp_path / "labels.txt"
        (tmp_path / "yoga.txt").touch()
        assert labels_beside(model) == tmp_path / "yoga.txt"


def test_the_tutorials_own_kind_of_file(media: Path):
    """968 real rows; the axes of that file are swapped, which is noticed."""
    path = media / "landmarks" / "yoga_train_data.csv"
    read = load(path)
    assert len(read) == 968
    assert read.classes == ("chair", "cobra", "dog", "tree", "warrior")
    assert is_sideways(read)
    assert not is_sideways(load(path, "yx"))
