"""MAT-files of MATLAB: structures, cells, text and numbers, and what damage does to them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.train.data.matfile import read_mat

TINY = Path(__file__).parent / "mpii_tiny.mat"  # written by scipy.io.savemat, compressed


def element(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return an element with its tag, padded to eight bytes."""
    return struct.pack(f"{order}II", kind, len(body)) + body + bytes(-len(body) % 8)


def matrix(
    kind: int, extents: tuple[int, ...], name: bytes, *parts: bytes, order: str = "<"
) -> bytes:
    """Return a matrix element of a class."""
    flags = element(6, struct.pack(f"{order}II", kind, 0), order)
    sides = element(5, struct.pack(f"{order}{len(extents)}i", *extents), order)
    return element(14, flags + sides + element(1, name, order) + b"".join(parts), order)


def write(path: Path, *variables: bytes, order: str = "<") -> Path:
    """Write a file of level 5."""
    mark = b"IM" if order == "<" else b"MI"
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1" + mark + b"".join(variables))
    return path


def test_structures_are_lists_of_dictionaries():
    """As scipy wrote them, nested, with text, numbers and empty matrices."""
    (release,) = read_mat(TINY)["RELEASE"]
    assert release["version"] == "12"
    assert release["img_train"].tolist() == [[1, 0, 0]]
    assert [one["image"][0]["name"] for one in release["annolist"]] == ["a.png", "b.png", "c.png"]
    assert release["annolist"][2]["annorect"].size == 0
    assert [cell.tolist() for cell in release["single_person"][:1]] == [[[1]]]


def test_a_file_of_matlabs_own_is_read(media: Path):
    """Keypoints of a clip, saved by MATLAB."""
    found = read_mat(media / "clips/talmolab_dance.movenet.mat")
    assert found["points"].shape == (545, 17, 2)
    assert found["scores"].shape == (545, 17)
    assert isinstance(found["video_path"], str)


@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_are_in_matlabs_order_whatever_the_machine(tmp_path: Path, order: str):
    """Columns first; both byte orders; small types are widened by nobody."""
    body = element(4, struct.pack(f"{order}6H", 1, 2, 3, 4, 5, 600), order)
    path = write(tmp_path / "x.mat", matrix(11, (2, 3), b"x", body, order=order), order=order)
    np.testing.assert_array_equal(read_mat(path)["x"], [[1, 3, 5], [2, 4, 600]])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "expected a MAT-file"),
        (b"{}" * 100, "expected a MAT-file"),
        (b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n", "save -v7"),
    ],
)
def test_other_files_are_named(tmp_path: Path, data: bytes, says: str):
    """With the way out where there is one."""
    path = tmp_path / "x.mat"
    path.write_bytes(data)
    with pytest.raises(UserError, match=says):
        read_mat(path)


def test_damage_is_a_users_error_and_never_another(tmp_path: Path):
    """Bent bytes, cut ends, lengths beyond the file, and a structure without fields."""
    plain = zlib.decompress(TINY.read_bytes()[128 + 8 :])
    path = tmp_path / "x.mat"
    refused = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        bent = bytearray(plain)
        for spot in rng.integers(0, len(bent), 3):
            bent[spot] = int(rng.integers(256))
        write(path, bytes(bent[: int(rng.integers(8, len(bent)))] if seed % 3 == 0 else bent))
        try:
            read_mat(path)
        except UserError:
            refused += 1
    assert refused > 100
    width = element(5, struct.pack("<i", 32))
    write(path, matrix(2, (2**31 - 1, 2**31 - 1), b"s", width, element(1, b"")))
    assert read_mat(path)["s"] == []


def test_what_is_compressed_more_than_once_is_damaged(tmp_path: Path):
    """MATLAB writes none: 77 kB were nested 3,000 deep."""
    inner = element(15, zlib.compress(element(15, zlib.compress(b""))))
    with pytest.raises(UserError, match="compressed more than once"):
        read_mat(write(tmp_path / "x.mat", inner))
