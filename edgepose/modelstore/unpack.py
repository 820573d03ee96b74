"""Take the one model out of an archive: Kaggle serves its files only as .tar.gz."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgepose.errors import DeviceError
from edgepose.modelstore.download import GZIP, MAX_BYTES, Unusable


def is_archive(path: Path) -> bool:
    """Return whether the file is compressed with gzip."""
    with path.open("rb") as file:
        return file.read(2) == GZIP


def unpack_model(archive: Path, target: Path) -> None:
    """Write the only .tflite file of a .tar.gz to `target`; names inside it are not trusted.

    Raises Unusable when there is none, more than one, or the archive is damaged; DeviceError when
    the disk does not take it.
    """
    import gzip
    import tarfile
    import zlib

    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = [member for member in tar if member.name.endswith(".tflite")]
            if len(members) != 1 or not members[0].isfile() or members[0].size > MAX_BYTES:
                raise Unusable(f"sent an archive with {len(members)} models instead of one")
            source = tar.extractfile(members[0])
            assert source is not None  # it is a file
            with source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unusable(f"sent a damaged archive ({error})") from error
    except OSError as error:
        raise DeviceError(f"{target}: can't be written ({error.strerror})") from error
