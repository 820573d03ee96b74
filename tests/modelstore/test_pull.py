"""Pulling ends with the right file in place or with one sentence; never with half of it."""

from __future__ import annotations

import errno
import gzip
import io
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgepose.errors import DeviceError, ModelError
from edgepose.modelstore import pull as pulling
from edgepose.modelstore.manifest import Entry
from edgepose.modelstore.pull import ATTEMPTS, Pull, pull

PAGE = b"<!doctype html><title>404</title>"


class Patience:
    """Note the pauses instead of making them."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.seen: list[tuple[int, int]] = []

    def how(self, mirror: str = "") -> Pull:
        """Return how to pull without waiting."""
        return Pull(mirror, lambda *at: self.seen.append(at), self.pauses.append)


@pytest.fixture
def patience() -> Patience:
    """Return a Patience."""
    return Patience()


def left_over(folder: Path) -> list[str]:
    """Return the names of what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_model_is_fetched_into_the_first_folder(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """The file is whole, has its manifest name, and nothing lies beside it."""
    server.answers["/m"] = [kit.whole(kit.model)]
    found = pull(kit.known(server.url("/m")), patience.how())
    assert found.path == folder / "dancer.tflite"
    assert found.path.read_bytes() == kit.model
    assert left_over(folder) == ["dancer.tflite"]
    assert patience.seen[-1] == (len(kit.model), len(kit.model))


def test_a_sound_model_is_not_fetched_again(server: Any, folder: Path, kit: Any) -> None:
    """A file that is here under any of its names is enough."""
    (folder / "old_name.tflite").write_bytes(kit.model)
    assert pull(kit.known(server.url("/m"))).path.name == "old_name.tflite"
    assert server.asked == []


def test_a_damaged_model_is_replaced(server: Any, folder: Path, kit: Any) -> None:
    """A file of the right size and the wrong content is fetched anew."""
    (folder / "dancer.tflite").write_bytes(kit.model[:-1] + b"?")
    server.answers["/m"] = [kit.whole(kit.model)]
    assert pull(kit.known(server.url("/m"))).path.read_bytes() == kit.model


def test_a_broken_connection_is_resumed(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """After a break only the rest is asked for."""
    server.answers["/m"] = [kit.ranged(kit.model, 100_000), kit.ranged(kit.model)]
    found = pull(kit.known(server.url("/m")), patience.how())
    assert found.path.read_bytes() == kit.model
    assert server.asked == [("/m", ""), ("/m", "bytes=100000-")]


def test_the_next_pull_goes_on_where_the_last_one_gave_up(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """A pull that failed leaves its part, and the next one asks for the rest."""
    server.answers["/m"] = [kit.ranged(kit.model, 100_000), kit.status(503)]
    with pytest.raises(DeviceError, match="503"):
        pull(kit.known(server.url("/m")), patience.how())
    assert left_over(folder) == ["dancer.tflite.part"]
    server.answers["/m"] = [kit.ranged(kit.model)]
    assert pull(kit.known(server.url("/m")), patience.how()).path.read_bytes() == kit.model
    assert server.asked[-1] == ("/m", "bytes=100000-")


def test_a_server_that_cannot_resume_starts_over(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """A 200 to a range request replaces what was there."""
    (folder / "dancer.tflite.part").write_bytes(kit.model[:5000])
    server.answers["/m"] = [kit.whole(kit.model)]
    assert pull(kit.known(server.url("/m")), patience.how()).path.read_bytes() == kit.model


@pytest.mark.parametrize(
    "stale", [b"\x1c\0\0\0TFL3 of another version", b"\x1c\0\0\0TFL3" + bytes(999_999)]
)
def test_a_part_of_another_file_is_thrown_away(
    server: Any, folder: Path, kit: Any, patience: Patience, stale: bytes
) -> None:
    """What does not fit together, or is longer than the file, is fetched anew once."""
    (folder / "dancer.tflite.part").write_bytes(stale)
    server.answers["/m"] = [kit.ranged(kit.model)]
    assert pull(kit.known(server.url("/m")), patience.how()).path.read_bytes() == kit.model


def test_a_finished_part_needs_no_byte_more(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """Power lost between the last byte and the new name costs one question."""
    (folder / "dancer.tflite.part").write_bytes(kit.model)
    server.answers["/m"] = [kit.ranged(kit.model)]
    assert pull(kit.known(server.url("/m")), patience.how()).path.read_bytes() == kit.model


class Wrong(NamedTuple):
    """Name what a server may send, and what is said of it."""

    body: bytes
    said: str


WRONG = {
    "web page": Wrong(PAGE, "sent a web page instead of a model"),
    "error document": Wrong(
        b"<?xml version='1.0'?><Error>NoSuchKey</Error>", "sent an XML document"
    ),
    "nothing": Wrong(b"", "sent an empty file"),
    "truncated": Wrong(b"\x1c\0\0\0TFL3" + bytes(1000), "sent 1,008 bytes instead of 204,808"),
    "forged": Wrong(b"\x1c\0\0\0TFL3" + bytes(204_800), "its checksum is not the one"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_not_the_model_is_refused(
    server: Any, folder: Path, kit: Any, patience: Patience, wrong: Wrong
) -> None:
    """Size, checksum and mark are checked; nothing stays behind; the way out is named."""
    server.answers["/m"] = [kit.whole(wrong.body)]
    with pytest.raises(DeviceError, match=wrong.said) as refusal:
        pull(kit.known(server.url("/m")), patience.how())
    assert "--mirror" in str(refusal.value)
    assert left_over(folder) == []
    assert len(server.asked) == 1


def test_the_next_place_is_asked_when_one_fails(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """404, a web page and a forgery are passed over in turn."""
    server.answers |= {
        "/page": [kit.whole(PAGE)],
        "/forged": [kit.whole(WRONG["forged"].body)],
        "/good": [kit.whole(kit.model)],
    }
    urls = [server.url(path) for path in ("/gone", "/page", "/forged", "/good")]
    assert pull(kit.known(*urls), patience.how()).path.read_bytes() == kit.model
    assert [path for path, _ in server.asked] == ["/gone", "/page", "/forged", "/good"]


def test_every_failure_is_told_in_one_sentence(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """The message names each place with its reason, and where to put the file by hand."""
    server.answers["/page"] = [kit.whole(PAGE)]
    with pytest.raises(DeviceError) as refusal:
        pull(kit.known(server.url("/gone"), server.url("/page")), patience.how())
    assert str(refusal.value) == (
        "dancer can't be fetched (127.0.0.1: 404 Not Found; 127.0.0.1: sent a web page instead of"
        f" a model); try later, copy dancer.tflite into {folder}, or name a --mirror"
    )


def test_a_busy_server_is_asked_again_with_growing_pauses(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """503 is worth waiting for, but not for ever."""
    server.answers["/m"] = [kit.status(503)]
    with pytest.raises(DeviceError, match="503 Service Unavailable"):
        pull(kit.known(server.url("/m")), patience.how())
    assert len(server.asked) == ATTEMPTS
    assert patience.pauses == [2.0, 4.0]


def test_progress_makes_patience(server: Any, folder: Path, kit: Any, patience: Patience) -> None:
    """A line that breaks every 20 kB is no reason to give up as long as bytes come."""
    server.answers["/m"] = [kit.ranged(kit.model, 20_000)]
    assert pull(kit.known(server.url("/m")), patience.how()).path.read_bytes() == kit.model
    assert len(server.asked) == 11


def test_without_a_network_one_sentence_is_said(folder: Path, kit: Any, patience: Patience) -> None:
    """A host that has no address is not retried."""
    urls = ("http://models.invalid/m", "http://mirror.invalid/m")
    with pytest.raises(DeviceError, match=r"no network \(models\.invalid, mirror\.invalid\)"):
        pull(kit.known(*urls), patience.how())
    assert patience.pauses == []
    assert left_over(folder) == []


def test_a_refused_connection_is_told(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """A port that nobody listens on is tried again, then named."""
    url = server.url("/m")
    server.shutdown()
    server.server_close()
    with pytest.raises(DeviceError, match="can't be reached"):
        pull(kit.known(url), patience.how())
    assert len(patience.pauses) == ATTEMPTS - 1


def archive(*members: tuple[str, bytes]) -> bytes:
    """Return a .tar.gz as Kaggle sends it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def test_the_model_is_taken_out_of_an_archive(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """Kaggle sends 4.tflite in a .tar.gz; only the model stays."""
    server.answers["/m"] = [kit.whole(archive(("README", b"hello"), ("4.tflite", kit.model)))]
    assert pull(kit.known(server.url("/m")), patience.how()).path.read_bytes() == kit.model
    assert left_over(folder) == ["dancer.tflite"]


def bent(body: bytes, at: int) -> bytes:
    """Return `body` with a few bytes changed."""
    return body[:at] + bytes(16) + body[at + 16 :]


NOISE = np.random.default_rng(0).bytes(100_000)  # what gzip can't make smaller

ARCHIVES = {
    "without a model": Wrong(archive(("README", b"hello")), "0 models instead of one"),
    "with two": Wrong(archive(("a.tflite", b"1"), ("b.tflite", b"2")), "2 models instead of one"),
    "with another": Wrong(archive(("a.tflite", b"\x1c\0\0\0TFL3 small")), "instead of 204,808"),
    "cut off": Wrong(archive(("a.tflite", NOISE))[:90_000], "a damaged archive"),
    "bent": Wrong(bent(archive(("a.tflite", NOISE)), 50_000), "sent "),
    "of two halves": Wrong(
        gzip.compress(gzip.decompress(archive(("a.tflite", NOISE)))[:50_000]) + b"no gzip",
        "a damaged archive",
    ),
    "of noise": Wrong(b"\x1f\x8b nothing that gzip knows", "a damaged archive"),
}


def header(size: int, kind: bytes, name: str = "x") -> bytes:
    """Return a tar header of GNU's form."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


LONG_NAMES = (header(4, tarfile.GNUTYPE_LONGNAME) + b"abc".ljust(512, b"\0")) * 3000
ARCHIVES |= {
    "of a thousand names": Wrong(gzip.compress(LONG_NAMES), "0 models instead of one"),
    "of a header of gigabytes": Wrong(
        gzip.compress(header(3 << 30, tarfile.XHDTYPE) + bytes(5000)), "unpacks to more bytes"
    ),
    "of less than nothing": Wrong(gzip.compress(header(-5, tarfile.REGTYPE)), "a damaged archive"),
}


@pytest.mark.parametrize("wrong", ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_without_the_model_is_refused(
    server: Any, folder: Path, kit: Any, patience: Patience, wrong: Wrong
) -> None:
    """What the archive holds is checked like any download, and nothing of it stays."""
    server.answers["/m"] = [kit.whole(wrong.body)]
    with pytest.raises(DeviceError, match=wrong.said):
        pull(kit.known(server.url("/m")), patience.how())
    assert left_over(folder) == []


def test_an_archive_name_cannot_leave_the_folder(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """The name inside an archive is never used."""
    server.answers["/m"] = [kit.whole(archive(("../../evil.tflite", kit.model)))]
    pull(kit.known(server.url("/m")), patience.how())
    assert left_over(folder) == ["dancer.tflite"]
    assert not list(folder.parent.rglob("evil*"))


def test_a_mirror_takes_the_place_of_upstream(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """Each of the file's names is looked for at the mirror, upstream is not asked."""
    server.answers["/models/old_name.tflite"] = [kit.whole(kit.model)]
    entry = kit.known(server.url("/upstream"))
    assert pull(entry, patience.how(server.url("/models/"))).path.read_bytes() == kit.model
    assert [path for path, _ in server.asked] == [
        "/models/dancer.tflite",
        "/models/old_name.tflite",
    ]


def test_a_folder_serves_as_mirror(
    folder: Path, tmp_path: Path, kit: Any, patience: Patience
) -> None:
    """A memory stick is enough: no server, no network."""
    stick = tmp_path / "my stick"
    stick.mkdir()
    (stick / "old_name.tflite").write_bytes(kit.model)
    assert pull(kit.known(), patience.how(str(stick))).path.read_bytes() == kit.model


def test_a_mirror_without_the_file_is_told(
    folder: Path, tmp_path: Path, kit: Any, patience: Patience
) -> None:
    """An empty stick gives a sentence with its path."""
    with pytest.raises(DeviceError, match=r"dancer\.tflite: no such file"):
        pull(kit.known(), patience.how(str(tmp_path)))


def test_a_model_that_nobody_publishes_is_the_users_to_bring(folder: Path, kit: Any) -> None:
    """Without a URL the message says where the file has to go."""
    with pytest.raises(ModelError, match=f"published nowhere.*copy dancer.tflite into {folder}"):
        pull(kit.known())


def test_without_a_checksum_the_mark_must_do(server: Any, folder: Path, kit: Any) -> None:
    """A model whose hash nobody publishes is still told from a web page."""
    server.answers["/m"] = [kit.whole(kit.model)]
    assert pull(kit.known(server.url("/m"), size=0, sha256="")).path.read_bytes() == kit.model


def test_a_git_blob_id_is_a_checksum(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """Where only git's id is known, it is what is checked."""
    server.answers["/m"] = [kit.whole(kit.model)]
    blob = "a" * 40
    with pytest.raises(DeviceError, match="checksum"):
        pull(kit.known(server.url("/m"), size=0, sha256="", git_blob=blob), patience.how())


def test_a_full_disk_is_seen_before_anything_is_fetched(
    server: Any, folder: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says how much is needed and how much there is."""

    class Full(NamedTuple):
        free: int = 150_000

    monkeypatch.setattr("shutil.disk_usage", lambda path: Full())
    with pytest.raises(DeviceError, match=r"no space for dancer .* 0\.2 MB, 0\.1 MB are free"):
        pull(kit.known(server.url("/m")))
    assert server.asked == []


def test_a_disk_that_fills_up_is_left_as_it_was(
    server: Any, folder: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC half-way gives a sentence and takes no room."""

    class Full:
        """Fail like a file on a full disk, after some bytes."""

        def __init__(self, part: Any) -> None:
            self._part, self.name = part, part.name

        def __getattr__(self, name: str) -> Any:
            return getattr(self._part, name)

        def write(self, block: bytes) -> int:
            """Write what fits."""
            if self._part.seek(0, 2) + len(block) > 100_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self._part.write(block))

    download = pulling.download
    monkeypatch.setattr(
        pulling, "download", lambda url, part, *how: download(url, Full(part), *how)
    )
    server.answers["/m"] = [kit.whole(kit.model)]
    with pytest.raises(
        DeviceError, match=r"dancer\.tflite\.part: can't be written \(No space left"
    ):
        pull(kit.known(server.url("/m")))
    assert left_over(folder) == []


def test_a_read_only_folder_is_passed_over(
    server: Any, folder: Path, tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing on the path can be written to, the state folder takes the model."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    server.answers["/m"] = [kit.whole(kit.model)]
    found = pull(kit.known(server.url("/m")))
    assert found.path == tmp_path / "state" / "models" / "dancer.tflite"


def test_a_folder_that_cannot_be_made_is_told(
    folder: Path, tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the state folder should be ends in a sentence."""
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", "")
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(DeviceError, match="can't be written"):
        pull(kit.known("http://models.invalid/m"))


PULLER = """
import sys
from pathlib import Path
from edgepose.modelstore import folders
from edgepose.modelstore.manifest import Entry
from edgepose.modelstore.pull import pull
folders.packaged_folder = lambda: Path("/nonexistent")
url, size, sha = sys.argv[1:]
entry = Entry(name="dancer", family="movenet", files=("dancer.tflite",), quantisation="int8",
              licence="", urls=(url,), size=int(size), sha256=sha)
print(pull(entry).path)
"""


def test_pulls_at_the_same_time_do_not_harm_each_other(server: Any, folder: Path, kit: Any) -> None:
    """Six processes that want one model all get it, and it is fetched once."""
    entry: Entry = kit.known()
    server.answers["/m"] = [kit.ranged(kit.model)]
    command = [sys.executable, "-c", PULLER, server.url("/m"), str(entry.size), entry.sha256]
    pullers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    results = [(*puller.communicate(timeout=40), puller.returncode) for puller in pullers]
    assert results == [(f"{folder / 'dancer.tflite'}\n", "", 0)] * 6
    assert (folder / "dancer.tflite").read_bytes() == kit.model
    assert left_over(folder) == ["dancer.tflite"]
    assert len(server.asked) == 1


def answer_with(*headers: str) -> Any:
    """Return an answer with headers that no server should send, and the beginning of a model."""

    def send(handler: Any) -> None:
        lines = "".join(f"{line}\r\n" for line in headers)
        handler.wfile.write(f"HTTP/1.1 {lines}\r\n".encode() + b"\x1c\0\0\0TFL3" * 100)

    return send


@pytest.mark.parametrize(
    "lines",
    [
        ("200 OK", "Content-Length: abc"),
        ("200 OK", "Content-Length: -5"),
        ("302 Found", "Location: http://[::1"),
        ("302 Found", "Location: http://a..b/m"),
        ("200 OK", "Transfer-Encoding: chunked"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(
    server: Any, folder: Path, kit: Any, patience: Patience, lines: tuple[str, ...]
) -> None:
    """`Content-Length: abc` was a traceback, and ended the service at each start."""
    server.answers["/m"] = [answer_with(*lines)]
    with pytest.raises(DeviceError, match="can't be fetched"):
        pull(kit.known(server.url("/m")), patience.how())
    assert "dancer.tflite" not in left_over(folder)


def test_a_redirect_is_followed_only_where_any_host_may_be_asked(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """With `limits.hosts` a server can't send the device to another one."""
    server.answers["/m"] = [answer_with("302 Found", f"Location: {server.url('/other')}")]
    server.answers["/other"] = [kit.whole(kit.model)]
    with pytest.raises(DeviceError, match="can't be fetched"):
        pull(kit.known(server.url("/m")), replace(patience.how(), redirects=False))
    assert [path for path, _ in server.asked] == ["/m"]

    found = pull(kit.known(server.url("/m")), patience.how())
    assert found.path.read_bytes() == kit.model


def test_a_redirect_out_of_the_web_is_refused(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """An FTP server that says nothing would be waited for without a limit."""
    server.answers["/m"] = [answer_with("302 Found", "Location: ftp://127.0.0.1:1/m")]
    with pytest.raises(DeviceError, match="302 sent elsewhere, to ftp://, which is not followed"):
        pull(kit.known(server.url("/m")), patience.how())


def test_a_fetch_ends_at_its_deadline_however_slowly_bytes_come(
    server: Any, folder: Path, kit: Any, patience: Patience
) -> None:
    """A byte now and then held the broker's client for as long as the server liked."""
    ended = threading.Event()

    def drip(handler: Any) -> None:
        handler.head(200, len(kit.model))
        handler.wfile.write(kit.model[:600])
        for number in range(600, 700):
            if ended.wait(0.05):
                return
            handler.wfile.write(kit.model[number : number + 1])

    server.answers["/m"] = [drip]
    with pytest.raises(DeviceError, match="can't be fetched"):
        pull(kit.known(server.url("/m")), replace(patience.how(), seconds=0.5))
    ended.set()
    assert len(server.asked) <= 1  # none where the machine is too busy to connect in time
    (part,) = folder.iterdir()
    assert part.stat().st_size >= 600


def test_who_does_not_wait_learns_that_another_one_fetches(
    server: Any, folder: Path, kit: Any
) -> None:
    """A push must not hang behind a slow server's other victim."""
    with (
        pulling.locked_part(folder / "dancer.tflite"),
        pytest.raises(DeviceError, match="is being fetched"),
    ):
        pull(kit.known(server.url("/m")), Pull(waits=False))
