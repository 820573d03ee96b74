"""Examples of poses by class, as TensorFlow's pose-classification tutorial keeps them in CSV.

A row is a picture: its name, x, y and score of 17 keypoints in pixels, the class by number and
name. A folder with one file a class, with or without a line of column names, is read as well.
Labels of a network are a text file with one class a line, in the order of its outputs.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.core.watches.embedding import Neighbours, embed, is_enough
from edgepose.errors import ClassifierError, did_you_mean
from edgepose.options import similar_file
from edgepose.skeleton import INDEX, KEYPOINTS, NUM_KEYPOINTS
from edgepose.system import atomic, plain_file
from edgepose.types import Keypoints

Order = Literal["xy", "yx"]
"""What comes first of a keypoint. The tutorial writes x first. Some data sets made after it call
columns x that hold y: people who stand then seem to lie."""

MIN_SCORE: Final = 0.1  # the tutorial's; a keypoint of an example below it is unknown
NUMBERS: Final = tuple(f"{part}_{axis}" for part in KEYPOINTS for axis in ("x", "y", "score"))
CLASS: Final = "class_name"
_FILE: Final = "file_name"

_SHOULDERS: Final = [INDEX["left_shoulder"], INDEX["right_shoulder"]]
_HIPS: Final = [INDEX["left_hip"], INDEX["right_hip"]]

_LARGEST: Final = 64 << 20  # bytes; about 100,000 examples
_LONGEST_LABELS: Final = 64 << 10  # bytes; ImageNet's thousand classes have 20,000
_SHOWN: Final = 5  # complaints about one file


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Poses with their classes.

    keypoints: float32 (n, 17, 3) of (y, x, score) in pixels of whatever picture each came from.
    owners: (n,) indices into classes, which are sorted. files: what each row calls its picture.
    """

    classes: tuple[str, ...]
    owners: NDArray[np.intp]
    keypoints: NDArray[np.float32]
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.owners)

    @property
    def points(self) -> NDArray[np.float64]:
        """Return (n, 17, 2) of (y, x) in pixels, NaN for keypoints that score too low."""
        points = self.keypoints[..., :2].astype(np.float64)
        points[self.keypoints[..., 2] < MIN_SCORE] = np.nan
        return points

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return some of the examples; classes stay the same."""
        files = tuple(self.files[row] for row in rows)
        return Examples(self.classes, self.owners[rows], self.keypoints[rows], files)

    def neighbours(self, min_score: float) -> Neighbours:
        """Return the k-NN classifier of these; min_score: of keypoints of poses to classify."""
        return Neighbours(self.points, self.owners.tolist(), self.classes, min_score)


def examples_of(rows: Sequence[tuple[str, str, Keypoints]]) -> Examples:
    """Return examples of (class, file, keypoints (17, 3) of (y, x, score) in pixels)."""
    classes = tuple(sorted({name for name, _, _ in rows}))
    numbers = {name: number for number, name in enumerate(classes)}
    owners = np.array([numbers[name] for name, _, _ in rows], np.intp)
    keypoints = np.array([points for _, _, points in rows], np.float32)
    keypoints = keypoints.reshape(-1, NUM_KEYPOINTS, 3)
    return Examples(classes, owners, keypoints, tuple(file for _, file, _ in rows))


def load(path: Path | str, order: Order = "xy") -> Examples:
    """Return the examples of a CSV file, or of a folder with one CSV file a class.

    Raises ClassifierError for files that can't be read, lines that can't be used, fewer than two
    classes, and classes of which nothing is seen.
    """
    path = Path(path)
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise ClassifierError(f"{path}: expected a CSV file for each class, found none here")
    rows = [row for file in files for row in _rows(file, file.stem if path.is_dir() else "")]
    examples = examples_of(rows)
    if order == "yx":
        examples.keypoints[..., :2] = examples.keypoints[..., 1::-1].copy()
    _check(path, examples)
    return examples


def _check(path: Path, examples: Examples) -> None:
    if len(examples.classes) < 2:
        found = f"only '{examples.classes[0]}'" if examples.classes else "no rows"
        raise ClassifierError(
            f"{path}: expected examples of two classes or more, found {found}; "
            "add a class of what people do otherwise"
        )
    seen = examples.owners[is_enough(embed(examples.points))]
    counts = np.bincount(seen, minlength=len(examples.classes))
    for name, count in zip(examples.classes, counts, strict=True):
        if not count:
            raise ClassifierError(
                f"{path}: no example of class '{name}' shows enough of a person "
                f"(keypoints that score {MIN_SCORE:g} or more); use other pictures"
            )


def _rows(path: Path, owner: str) -> list[tuple[str, str, Keypoints]]:
    """Return (class, file, keypoints) of each line. owner: the class of all, `""`: a column's."""
    reader = csv.reader(io.StringIO(_text(path, _LARGEST), newline=""))
    rows, problems = [], []
    try:
        header = next(reader, [])
        table = _Table.of(path, header, owner)
        if not table.has_header:
            rows.append(table.row(header))
        for fields in reader:
            try:
                if any(field.strip() for field in fields):
                    rows.append(table.row(fields))
            except ValueError as error:
                problems.append(f"{path} line {reader.line_num}: {error}")
    except csv.Error as error:
        raise ClassifierError(f"{path} line {reader.line_num}: {error}; save it again") from error
    _raise(problems)
    return rows


def _raise(problems: Sequence[str]) -> None:
    if problems:
        more = len(problems) - _SHOWN
        tail = [f"... and {more} more lines"] if more > 0 else []
        raise ClassifierError(*problems[:_SHOWN], *tail)


def _text(path: Path, largest: int) -> str:
    """Return the text of a file; a byte order mark, which spreadsheets write, is taken off."""
    try:
        with plain_file.opened(path) as file:
            content = plain_file.up_to(file, largest + 1)
        if len(content) > largest:
            limit = f"at most {largest >> 10} KiB"
            raise ClassifierError(f"{path}: expected {limit}, found more; is it the right file?")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ClassifierError(
            f"{path}: expected text in UTF-8, found something else at byte {error.start}; "
            "save it as CSV UTF-8"
        ) from error
    except OSError as error:
        near = "" if path.exists() else similar_file(path, pattern=f"*{path.suffix}")
        reason = (error.strerror or str(error)).lower()
        raise ClassifierError(f"{path}: can't be read ({reason}){near}") from error


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the columns of one file are."""

    numbers: tuple[int, ...]
    file: int
    owner_column: int  # -1: all rows are of `owner`
    owner: str
    width: int
    has_header: bool = True

    @classmethod
    def of(cls, path: Path, header: Sequence[str], owner: str) -> _Table:
        """Read the line of column names. Raises ClassifierError for what is missing there."""
        names = [name.strip().lower() for name in header]
        if not any(names):
            raise ClassifierError(f"{path}: expected a line of column names, found an empty file")
        if owner and len(names) == len(NUMBERS) + 1 and _is_number(names[1]):
            places = tuple(range(1, len(NUMBERS) + 1))
            return cls(places, 0, -1, owner, len(names), has_header=False)
        wanted = NUMBERS if owner else (*NUMBERS, CLASS)
        twice = [name for name in wanted if names.count(name) > 1]
        if twice:
            raise ClassifierError(f"{path} line 1: column '{twice[0]}' stands there twice")
        missing = [name for name in wanted if name not in names]
        if missing:
            raise ClassifierError(f"{path} line 1: {_lacking(missing, names)}")
        column = -1 if owner else names.index(CLASS)
        file = names.index(_FILE) if _FILE in names else -1
        places = tuple(names.index(name) for name in NUMBERS)
        return cls(places, file, column, owner, len(names))

    def row(self, fields: Sequence[str]) -> tuple[str, str, Keypoints]:
        """Return (class, file, keypoints) of a line. Raises ValueError."""
        if len(fields) != self.width:
            raise ValueError(
                f"expected {self.width} fields, found {len(fields)}; correct or remove the line"
            )
        owner = self.owner if self.owner_column < 0 else fields[self.owner_column].strip()
        if not owner:
            raise ValueError(f"{CLASS} is empty; write the class or remove the line")
        if not owner.isprintable():
            raise ValueError(f"{CLASS}: expected printable text, found {owner[:40]!r}; correct it")
        values = [_number(name, fields[at]) for name, at in zip(NUMBERS, self.numbers, strict=True)]
        xy_score = np.array(values, np.float32).reshape(NUM_KEYPOINTS, 3)
        return owner, fields[self.file] if self.file >= 0 else "", xy_score[:, [1, 0, 2]]


def _lacking(missing: Sequence[str], names: Sequence[str]) -> str:
    if len(names) == 1 and ";" in names[0]:
        return "expected commas between columns, found ';'; save it as comma-separated CSV"
    hint = did_you_mean(missing[0], names) if len(missing) == 1 else ""
    listed = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if missing[3:] else "")
    way_out = hint or (
        f"; expected {_FILE}, {NUMBERS[0]}, {NUMBERS[1]}, {NUMBERS[2]} ... {NUMBERS[-1]}, {CLASS} "
        "(`edgepose classifier learn` writes them)"
    )
    return f"no column {listed}{way_out}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value) or abs(value) > 1e6:
        found = f"'{text[:40]}'" if text.strip() else "nothing"
        raise ValueError(f"{name}: expected a number, found {found}; correct or remove the line")
    return value


def save(path: Path, examples: Examples) -> None:
    """Write examples as one CSV file, with the tutorial's columns. Raises OSError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{part.upper()}_{axis}" for part in KEYPOINTS for axis in ("x", "y", "score")]
    writer.writerow([_FILE, *names, "class_no", CLASS])
    writer.writerows(_written(examples))
    atomic.write_text(path, text.getvalue())


def _written(examples: Examples) -> Iterator[list[str | int]]:
    rows = zip(examples.files, examples.keypoints, examples.owners.tolist(), strict=True)
    for file, keypoints, owner in rows:
        numbers = [f"{value:.6g}" for value in keypoints[:, [1, 0, 2]].ravel().tolist()]
        yield [file, *numbers, owner, examples.classes[owner]]


def is_sideways(examples: Examples) -> bool:
    """Return whether most people seem to lie: x and y may stand in each other's columns."""
    ends = examples.keypoints[..., :2]
    trunk = ends[:, _SHOULDERS].mean(1) - ends[:, _HIPS].mean(1)
    return bool((np.abs(trunk[:, 1]) > np.abs(trunk[:, 0])).mean() > 0.5)


def load_labels(path: Path | str) -> tuple[str, ...]:
    """Return the classes of a network, one a line. Raises ClassifierError."""
    path = Path(path)
    text = _text(path, _LONGEST_LABELS)
    labels = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not labels:
        raise ClassifierError(f"{path}: expected one class a line, found an empty file")
    label, lines = Counter(labels).most_common(1)[0]
    if lines > 1:
        raise ClassifierError(f"{path}: class '{label}' stands there twice; remove one")
    return labels


def save_labels(path: Path, labels: Sequence[str]) -> None:
    """Write the classes of a network, one a line. Raises OSError."""
    atomic.write_text(path, "".join(f"{label}\n" for label in labels))


def labels_beside(model: Path) -> Path | None:
    """Return the labels file that belongs to a network by its name, None where there is none."""
    names = (f"{model.stem}.txt", f"{model.stem}_labels.txt", "labels.txt")
    return next((p for name in names if (p := model.with_name(name)).is_file()), None)
