"""Network cameras: real servers on loopback that end, freeze, refuse and send the wrong thing."""

from __future__ import annotations

import logging
import os
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
import numpy as np
import pytest
from coloured import colour_name, corners
from http_camera import PASSWORD, HttpCamera
from pydantic import ValidationError
from waiting import wait_until

from edgepose.errors import SourceLost
from edgepose.sources import stream_process
from edgepose.sources.stream import Stream
from edgepose.sources.stream_reader import StreamAddress, StreamReader
from edgepose.system import landlock
from edgepose.system.urls import redacted
from edgepose.types import Frame

# PyAV runs signal handlers where an exception gets lost: only a thread can end a test that hangs.
pytestmark = pytest.mark.timeout(60, method="thread")

COLOURS = ["red", "green", "blue", "white"]


SHORT = 1.5  # seconds of silence where silence is what is looked at


def stream(url: str, **options: Any) -> Stream:
    """Return an opened stream; its time-out is one that no busy machine reaches."""
    source = Stream(Stream.Options(**({"url": url, "timeout": 20.0} | options)))
    try:
        source.open()
    except SourceLost:
        source.close()
        raise
    return source


def frames(source: Stream, count: int) -> list[Frame]:
    """Read a number of frames that must all come."""
    found = [source.read() for _ in range(count)]
    assert None not in found
    return [frame for frame in found if frame is not None]


def read_until_lost(source: Stream) -> str:
    """Read what is on its way until the stream is lost; return why."""
    with pytest.raises(SourceLost) as caught:
        frames(source, 1000)
    source.close()
    return str(caught.value)


def test_mjpeg_comes_as_rgb(http_camera: HttpCamera):
    """Pictures of an HTTP camera: RGB, numbered, with the moment of arrival."""
    source = stream(http_camera.url())
    found = frames(source, 5)
    source.close()
    assert corners(found[0].image) == COLOURS
    assert [frame.seq for frame in found] == [0, 1, 2, 3, 4]
    assert [frame.time for frame in found] == [frame.captured for frame in found]
    assert found == sorted(found, key=lambda frame: frame.time)


@pytest.mark.parametrize("path", ["/no-first-boundary", "/closing-boundary"])
def test_mjpeg_is_read_whatever_stands_between_its_pictures(http_camera: HttpCamera, path: str):
    """Some cameras begin with a picture, or close every part: browsers show them, and so do we."""
    source = stream(http_camera.url(path))
    found = frames(source, 5)
    source.close()
    assert [corners(frame.image) for frame in found] == [COLOURS] * 5
    assert [frame.time for frame in found] == [frame.captured for frame in found]


@pytest.mark.parametrize("path", ["/moved", "/moved-snapshot", "/playlist"])
def test_a_confined_stream_follows_nobody_elsewhere(http_camera: HttpCamera, path: str):
    """A server that `limits.hosts` allows can't send the device on to one that it does not."""
    options = Stream.Options(url=http_camera.url(path), timeout=20.0).confined()
    source = Stream(options)
    with pytest.raises(SourceLost, match="write the final address"):
        source.open()
    source.close()
    assert set(http_camera.asked) == {path}


@pytest.mark.parametrize("path", ["/live", "/snapshot", "/no-first-boundary"])
def test_a_confined_stream_shows_what_its_own_server_sends(http_camera: HttpCamera, path: str):
    """Every kind of HTTP camera."""
    source = Stream(Stream.Options(url=http_camera.url(path), timeout=20.0).confined())
    source.open()
    assert len(frames(source, 3)) == 3
    source.close()


def test_a_redirect_is_followed_where_nothing_forbids_it(http_camera: HttpCamera):
    """Cameras behind a name that changes."""
    source = stream(http_camera.url("/moved"))
    assert len(frames(source, 2)) == 2
    source.close()


@pytest.mark.parametrize("path", ["/snapshot", "/snapshot.jpg", "/snapshot.jpg?size=1"])
def test_an_address_of_one_picture_is_asked_again(
    http_camera: HttpCamera, caplog: pytest.LogCaptureFixture, path: str
):
    """A snapshot is not the end of the stream: nothing is lost, and nothing is warned about."""
    source = stream(http_camera.url(path))
    found = frames(source, 5)
    source.close()
    assert [corners(frame.image) for frame in found] == [COLOURS] * 5
    assert [frame.seq for frame in found] == [0, 1, 2, 3, 4]
    assert http_camera.snapshots >= 5
    assert caplog.text == ""


def test_a_snapshot_camera_that_goes_away_is_a_loss(http_camera: HttpCamera):
    """A request that fails between two pictures is the loss of the camera."""
    source = stream(http_camera.url("/snapshot"))
    frames(source, 2)
    http_camera.stop()
    assert "refuses the connection" in read_until_lost(source)


def test_a_huge_picture_of_a_camera_is_refused(
    http_camera: HttpCamera, caplog: pytest.LogCaptureFixture
):
    """What a camera sends takes no more memory than 50 megapixels, and the log says why."""
    jpeg = bytearray(http_camera.jpeg)
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = struct.pack(">HH", 16_000, 16_000)
    http_camera.jpeg = bytes(jpeg)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = StreamReader(StreamAddress(http_camera.url(), timeout=SHORT))  # in this process
    with pytest.raises(SourceLost, match="no picture"):
        open_and_read(reader)
    reader.close()
    assert "16000 rows of 16000 pixels" in caplog.text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_a_large_picture_of_a_camera_is_scaled_down(http_camera: HttpCamera):
    """Every output has copies of it: 50 megapixels would take gigabytes of the appliance."""
    _, jpeg = cv2.imencode(".jpg", np.full((2000, 5000, 3), 90, np.uint8))
    http_camera.jpeg = jpeg.tobytes()
    source = stream(http_camera.url("/snapshot"), timeout=20.0)
    (frame,) = frames(source, 1)
    source.close()

    assert frame.size == (1942, 4857)
    assert np.abs(frame.image.astype(int) - 90).max() < 3


@pytest.mark.parametrize("path", ["/live", "/snapshot"])
def test_a_picture_that_takes_a_minute_to_decode_is_refused(
    http_camera: HttpCamera, caplog: pytest.LogCaptureFixture, path: str
):
    """A progressive JPEG may have any number of scans, each a pass over all of its pixels."""
    http_camera.jpeg = progressive(http_camera.jpeg, 5)
    source = stream(http_camera.url(path))
    frames(source, 2)
    source.close()
    http_camera.jpeg = progressive(http_camera.jpeg, 200)
    assert "no picture" in read_until_lost(stream(http_camera.url(path), timeout=SHORT))
    assert "a picture has more than 100 scans" in caplog.text


def test_a_codec_that_no_camera_sends_is_refused_before_it_is_decoded(http_camera: HttpCamera):
    """A game's clip holds JPEGs under another name, which FFmpeg decodes as it opens them."""
    jpeg = progressive(http_camera.jpeg, 200)
    size = len(jpeg) + 12
    head = (0x10000, size, 0, 10.0, 3, size, 0, 48, 0, 76, 76)
    clip = b"THP\0" + struct.pack(">IIIfIIIIIII", *head)
    clip += struct.pack(">I", 1) + b"\0" + b"\xff" * 15 + struct.pack(">II", 128, 96)
    http_camera.jpeg = clip + 3 * (struct.pack(">III", size, size, len(jpeg)) + jpeg)
    with pytest.raises(SourceLost, match="no camera sends the codec of its pictures, thp"):
        stream(http_camera.url("/snapshot"))


def progressive(jpeg: bytes, repetitions: int) -> bytes:
    """Return a picture as a progressive JPEG whose last scan comes again so many times."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * repetitions + data[-2:]


@pytest.mark.parametrize("path", ["/endless", "/endless-with-length"])
def test_a_picture_without_end_does_not_fill_the_memory(http_camera: HttpCamera, path: str):
    """In a process of its own, whose memory is measured: it was 1.3 GB and more."""
    code = (
        "import sys\n"
        "from edgepose.errors import SourceLost\n"
        "from edgepose.sources.stream_reader import StreamAddress, StreamReader\n"
        "reader = StreamReader(StreamAddress(sys.argv[1]))\n"
        "try:\n"
        "    reader.open()\n"
        "    while True: reader.read()\n"
        "except SourceLost as error: print(error)\n"
        "status = open('/proc/self/status').read()\n"  # getrusage keeps what the parent had
        "print(int(status.partition('VmHWM:')[2].split()[0]) // 1024)\n"
    )
    command = [sys.executable, "-c", code, http_camera.url(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    reason, used = done.stdout.splitlines()
    expected = "one picture has|without an end|no picture for|ended the stream|failed"
    assert re.search(expected, reason)
    assert int(used) < 700


def test_a_camera_on_its_side_is_turned(http_camera: HttpCamera):
    """`rotate` turns every picture clockwise."""
    source = stream(http_camera.url(), rotate=90)
    (frame,) = frames(source, 1)
    source.close()
    assert corners(frame.image) == ["blue", "red", "white", "green"]


def test_the_end_of_a_stream_is_a_loss(http_camera: HttpCamera):
    """A camera never ends: the connection was lost, and can be had again, still counting."""
    source = stream(http_camera.url())
    before = frames(source, 3)[-1]
    http_camera.ending.set()
    assert "127.0.0.1" in read_until_lost(source)
    http_camera.ending.clear()
    source.open()
    (after,) = frames(source, 1)
    source.close()
    assert after.seq > before.seq
    assert after.time >= before.time


def test_a_frozen_camera_is_lost_after_the_timeout(http_camera: HttpCamera):
    """The connection stands, nothing comes: no endless wait."""
    source = stream(http_camera.url(), timeout=SHORT)
    frames(source, 2)
    http_camera.freezing.set()
    assert read_until_lost(source).endswith("no picture for 1.5 s")


@pytest.mark.parametrize("path", ["/silent", "/headers"])
def test_a_camera_that_takes_the_call_and_says_nothing_is_lost(http_camera: HttpCamera, path: str):
    """Frozen before the first byte, or after the headers: opening has a limit too."""
    with pytest.raises(SourceLost, match=r"no picture for 0\.6 s"):
        stream(http_camera.url(path), timeout=0.6)


def test_nobody_there_is_a_loss():
    """A refused connection says so at once, and asks about the port."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(SourceLost, match="refuses the connection"):
            stream(f"http://127.0.0.1:{reserved.getsockname()[1]}/live")


@pytest.mark.parametrize(
    ("path", "expected"), [("/nothing", "404"), ("/private", "401"), ("/page", "failed|no video")]
)
def test_a_wrong_answer_is_told(http_camera: HttpCamera, path: str, expected: str):
    """What the server says instead of pictures is in the message, with the address."""
    with pytest.raises(SourceLost, match=expected) as caught:
        stream(http_camera.url(path))
    assert path in str(caught.value)


def test_a_password_opens_the_stream(http_camera: HttpCamera):
    """User and password of the URL are sent to the server."""
    source = stream(http_camera.url("/private", f"viewer:{PASSWORD}"))
    assert corners(frames(source, 1)[0].image) == COLOURS
    source.close()


def open_and_read(source: Stream | StreamReader) -> None:
    """Open a stream and read on until it is lost."""
    source.open()
    for _ in range(1000):
        assert source.read() is not None


@pytest.mark.parametrize("path", ["/nothing", "/page", "/silent", "/live?token=s3cret"])
def test_a_password_is_told_to_nobody(
    http_camera: HttpCamera, path: str, caplog: pytest.LogCaptureFixture
):
    """Neither message, nor traceback with its causes, nor log, nor options show the secret."""
    caplog.set_level(logging.DEBUG)
    http_camera.ending.set()
    source = Stream(Stream.Options(url=http_camera.url(path, f"viewer:{PASSWORD}"), timeout=0.3))
    with pytest.raises(SourceLost) as caught:
        open_and_read(source)
    source.close()
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert PASSWORD not in told + repr(source._options) + str(source._options)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://user:pw@host:554/live", "rtsp://host:554/live"),
        ("rtsp://user:p@ss@host/live", "rtsp://host/live"),
        ("http://host/video?user=a&pwd=b", "http://host/video?...="),
        ("rtsp://host/live", "rtsp://host/live"),
        ("rtsp://admin:1234/x@host/live", "rtsp://host/live"),
        (
            "rtsp://host/user=admin&password=pw&channel=1.sdp",
            "rtsp://host/user=...&password=...&channel=1.sdp",
        ),
        ("rtsp://host/user=admin_password=pw_channel=1", "rtsp://host/user=..."),
        ("rtsp://user:pa[x]y@host/live", "rtsp://host/live"),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, expected: str):
    """User, password and query are cut out; what tells the camera apart stays."""
    assert redacted(url) == expected


def test_interrupting_a_frozen_stream_ends_within_the_timeout(http_camera: HttpCamera):
    """After `interrupt` a read that waits returns None instead of failing."""
    source = stream(http_camera.url(), timeout=SHORT)
    frames(source, 1)
    http_camera.freezing.set()
    source.interrupt()
    assert source.read() is None
    source.close()


def test_an_interrupt_during_a_wait_is_no_loss(http_camera: HttpCamera):
    """Interrupted while the server is frozen, `read` gives None when the time-out ends it."""
    source = stream(http_camera.url(), timeout=SHORT)
    frames(source, 1)
    http_camera.freezing.set()
    threading.Timer(0.2, source.interrupt).start()
    while (frame := source.read()) is not None:
        assert frame.size == (96, 128)
    source.close()


def test_reading_before_opening_is_a_loss():
    """Nothing crashes in the wrong order."""
    with pytest.raises(SourceLost, match="not open"):
        Stream(Stream.Options(url="rtsp://host/live")).read()


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://user:Ge%2Fheim1@host/live", "rtsp://[::1]:554/live", "udp://@239.0.0.1:1234",
        "udp://:1234", "http://host/snap?mail=a@b",
    ],
)  # fmt: skip
def test_addresses_that_can_be_read_are_taken(url: str):
    """What FFmpeg understands is not refused."""
    assert Stream.Options(url=url).url == url


@pytest.mark.parametrize("scheme", ["HTTP", "Http", "http"])
def test_the_scheme_may_be_written_in_capitals(http_camera: HttpCamera, scheme: str):
    """Capitals make no difference in it, though FFmpeg knows none."""
    source = stream(http_camera.url().replace("http", scheme))
    assert len(frames(source, 2)) == 2
    source.close()


@pytest.mark.parametrize(
    "url", ["", "camera.local", "/dev/video0", "clip.mp4", "ftp://host/a", "rtsp://"]
)
def test_an_address_of_another_kind_is_refused(url: str):
    """Only the schemes of streams are taken; the message shows one."""
    with pytest.raises(ValidationError, match=r"rtsp://camera\.local"):
        Stream.Options(url=url)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rtsp_comes_as_rgb(rtsp_camera: Any, transport: str):
    """H.264 over RTSP: the red server is red, and time goes on."""
    source = stream(rtsp_camera.url(), transport=transport)
    found = frames(source, 6)
    source.close()
    assert colour_name(found[-1].image[60, 80]) == "red"
    assert found[-1].size == (120, 160)
    times = [frame.time for frame in found]
    assert times == sorted(times)


def test_a_killed_rtsp_server_is_a_loss_and_comes_back(rtsp_camera: Any):
    """Killed, RTSP over TCP looks like an end; started again, the stream goes on counting."""
    source = stream(rtsp_camera.url())
    before = frames(source, 2)[-1]
    rtsp_camera.kill()
    assert "ended" in read_until_lost(source)
    with pytest.raises(SourceLost, match="refuses"):
        source.open()
    source.close()
    rtsp_camera.start()
    source.open()
    (after,) = frames(source, 1)
    source.close()
    assert after.seq > before.seq


def test_a_frozen_rtsp_server_is_lost_after_the_timeout(rtsp_camera: Any):
    """Stopped by a signal it neither sends nor hangs up; opening it anew has a limit as well."""
    source = stream(rtsp_camera.url(), timeout=2.5)
    frames(source, 2)
    rtsp_camera.send(signal.SIGSTOP)
    assert read_until_lost(source).endswith("no picture for 2.5 s")
    with pytest.raises(SourceLost, match=r"no picture for 2\.5 s"):
        source.open()
    source.close()


def test_interrupting_a_frozen_rtsp_stream_ends_at_once(rtsp_camera: Any):
    """Waits are short slices: a long time-out does not hold up the end."""
    source = stream(rtsp_camera.url(), timeout=50.0)
    frames(source, 1)
    rtsp_camera.send(signal.SIGSTOP)
    rescue = threading.Timer(15.0, rtsp_camera.send, (signal.SIGCONT,))
    rescue.start()
    threading.Timer(0.3, source.interrupt).start()
    while (frame := source.read()) is not None:
        assert frame.size == (120, 160)
    assert rescue.is_alive(), "the read ended only when the server went on"
    rescue.cancel()
    source.close()


def test_an_rtsp_server_that_freezes_for_a_moment_goes_on(rtsp_camera: Any):
    """A stutter shorter than the time-out loses nothing of the connection."""
    source = stream(rtsp_camera.url(), timeout=30.0)
    frames(source, 3)
    rtsp_camera.send(signal.SIGSTOP)
    threading.Timer(0.8, rtsp_camera.send, (signal.SIGCONT,)).start()
    found = frames(source, 20)
    source.close()
    assert colour_name(found[-1].image[60, 80]) == "red"


def test_a_wrong_rtsp_path_is_told(rtsp_camera: Any):
    """The server knows no such stream."""
    with pytest.raises(SourceLost, match="404"):
        stream(rtsp_camera.url("/nothing"))


def test_what_piles_up_in_front_of_a_slow_reader_is_old(
    rtsp_camera: Any, monkeypatch: pytest.MonkeyPatch
):
    """While we are slower than the camera its pictures wait, and their age grows and shows."""
    reader = StreamReader(StreamAddress(rtsp_camera.url(), timeout=30.0))
    reader.open()
    for _ in range(5):  # those that had come before the first read
        reader.read()
    now = [monotonic()]
    monkeypatch.setattr("edgepose.sources.stream_reader.monotonic", lambda: now[0])
    ages = []
    for _ in range(8):
        now[0] += 0.5  # as if decoding took half a second: to the clock no packet was waited for
        ages.append(now[0] - reader.read()[1])
    reader.close()
    assert ages == sorted(ages)
    assert ages[-1] > 3.0


def decoder(source: Stream) -> int:
    """Return the number of the process that decodes."""
    assert source._process is not None
    return source._process._child.pid


def test_a_decoder_that_hangs_is_ended(http_camera: HttpCamera, monkeypatch: pytest.MonkeyPatch):
    """Whatever keeps it busy: the read has a limit, and the stream can be opened again."""
    monkeypatch.setattr("edgepose.sources.stream.DECODING", 0.2)
    source = stream(http_camera.url(), timeout=SHORT)
    frames(source, 1)
    hung = decoder(source)
    os.kill(hung, signal.SIGSTOP)
    assert read_until_lost(source).endswith("a picture can't be decoded within 1.7 s")
    assert not Path(f"/proc/{hung}").exists()
    source.open()
    assert len(frames(source, 2)) == 2
    source.close()


def test_a_decoder_that_crashes_takes_nothing_with_it(http_camera: HttpCamera):
    """The loss names the signal."""
    source = stream(http_camera.url())
    frames(source, 1)
    os.kill(decoder(source), signal.SIGSEGV)
    assert read_until_lost(source).endswith("what it sends has crashed the decoder (SIGSEGV)")


def test_a_decoder_has_little_memory_and_is_ended_first(http_camera: HttpCamera):
    """By its limit of memory, and by the kernel where the machine has none left."""
    source = stream(http_camera.url())
    frames(source, 1)
    process = Path(f"/proc/{decoder(source)}")
    limits, score = ((process / name).read_text() for name in ("limits", "oom_score_adj"))
    source.close()
    assert re.search(rf"Max data size +{1 << 30} ", limits)
    assert score == "1000\n"


def test_a_decoder_ends_with_the_process_that_started_it(http_camera: HttpCamera):
    """Also where that one was killed and the decoder is busy."""
    code = (
        "import os, sys\n"
        "from edgepose.sources.stream import Stream\n"
        "source = Stream(Stream.Options(url=sys.argv[1], timeout=20))\n"
        "source.open()\n"
        "print(source._process._child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, http_camera.url()], capture_output=True, text=True, check=False
    )
    wait_until(lambda: has_ended(int(done.stdout)))


def has_ended(process: int) -> bool:
    """Return whether a process is gone, or waits for nothing but its parent."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


TAKEN_OVER = """
import os, socket, struct, sys
link, memory = socket.socket(fileno=int(sys.argv[-3])), int(sys.argv[-2])
link.recv(8192)
link.send(b"\\0")
link.send(b"\\1" + struct.pack("<BIId", 0, 4, 6, 1e18))
link.recv(1)
try:
    os.ftruncate(memory, 0)
except OSError:
    pass
link.send(bytes.fromhex(os.environ["LC_MESSAGE"]))
link.recv(1)
"""


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        b"\1",
        b"\1" + struct.pack("<BIId", 1, 4, 6, 0.0),  # a picture, as it should be
        b"\1" + struct.pack("<BIId", 2, 4, 6, 0.0),
        b"\1" + struct.pack("<BIId", 0, 0, 6, 0.0),
        b"\1" + struct.pack("<BIId", 0, 1 << 31, 1 << 31, 0.0),
        b"\2x\1b[2J",
        b"\3\xff",
        b"\4",
        b"{" * 9000,
    ],
    ids=lambda message: message[:4].hex() or "nothing",
)
def test_a_decoder_that_was_taken_over_can_only_be_lost(
    message: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It can neither take the shared memory away nor date a picture into the future."""
    program = tmp_path / "taken_over.py"
    program.write_text(TAKEN_OVER)
    monkeypatch.setattr(stream_process, "CHILD", (sys.executable, "-S", str(program)))
    monkeypatch.setenv("LC_MESSAGE", message.hex())
    source = stream("http://127.0.0.1:1/x")
    (frame,) = frames(source, 1)
    assert frame.image.shape == (4, 6, 3)
    assert frame.time <= monotonic()
    read_until_lost(source)


def test_a_decoder_inherits_no_secrets(http_camera: HttpCamera, monkeypatch: pytest.MonkeyPatch):
    """The service's environment has the passwords of the configuration."""
    monkeypatch.setenv("BROKER_PASSWORD", "s3cret")
    source = stream(http_camera.url())
    inherited = Path(f"/proc/{decoder(source)}/environ").read_bytes()
    source.close()
    assert b"PATH=" in inherited
    assert b"s3cret" not in inherited


@pytest.fixture
def encrypted(http_camera: HttpCamera, tmp_path: Path) -> Path:
    """Return the certificate of the camera, which speaks TLS from now on."""
    command = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 "
        "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out camera.pem"
    )
    for name in ("camera.pem", "other.pem"):
        subprocess.run(
            ["openssl", *command.replace("camera.pem", name).split()],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
        if name == "camera.pem":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tmp_path / "camera.pem", tmp_path / "key.pem")
    http_camera.socket = context.wrap_socket(
        http_camera.socket, server_side=True, do_handshake_on_connect=False
    )
    return tmp_path / "camera.pem"


def test_a_certificate_that_is_given_is_checked(http_camera: HttpCamera, encrypted: Path):
    """Nothing is sent to another server, the password least of all."""
    url = http_camera.url("/private", f"viewer:{PASSWORD}").replace("http:", "https:")
    source = stream(url, ca=encrypted)
    frames(source, 2)
    source.close()
    asked = len(http_camera.asked)
    with pytest.raises(SourceLost, match="its certificate must be that in `ca`"):
        stream(url, ca=encrypted.with_name("other.pem"))
    assert len(http_camera.asked) == asked


def test_a_certificate_that_is_not_checked_is_reported_once(
    http_camera: HttpCamera, encrypted: Path, caplog: pytest.LogCaptureFixture
):
    """Cameras have certificates of their own as a rule: the stream goes on."""
    source = stream(http_camera.url().replace("http:", "https:"))
    frames(source, 1)
    source.close()
    source.open()
    source.close()
    assert caplog.text.count("/live: its certificate is not checked, anybody in between") == 1


def test_a_checked_server_sends_nobody_on_to_plain_http(http_camera: HttpCamera, encrypted: Path):
    """There the answer may be anybody's."""
    other = HttpCamera()
    try:
        http_camera.elsewhere = other.url()
        with pytest.raises(SourceLost):
            stream(http_camera.url("/elsewhere").replace("http:", "https:"), ca=encrypted)
        assert http_camera.asked == ["/elsewhere"]
        assert other.asked == []
    finally:
        other.stop()


def test_a_certificate_needs_an_encrypted_address(
    http_camera: HttpCamera, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """It would never be looked at."""
    (tmp_path / "camera.pem").touch()
    stream(http_camera.url(), ca=tmp_path / "camera.pem").close()
    assert "`ca` is not used" in caplog.text


CURIOUS = """
import os, socket, sys
from edgepose.sources import stream_process
sys.argv[1:] = sys.argv[-3:]

def attempt(path):
    try:
        return open(path).read() and "read"
    except OSError as error:
        return type(error).__name__

def tell(link, *_):
    found = [attempt(path) for path in (os.environ["LC_SECRET"], f"/proc/{os.getppid()}/environ")]
    found += [attempt("/etc/hosts"), socket.gethostbyname("localhost")]
    stream_process._send_text(link, stream_process._Kind.LOST, " ".join(found))

stream_process._decode = tell
stream_process.main()
"""


@pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
def test_a_decoder_reads_no_files_but_those_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """No configuration, no token, and nothing of the process that started it."""
    (tmp_path / "web-token").write_text("s3cret")
    program = tmp_path / "program" / "curious.py"  # its folder is one of those of modules
    program.parent.mkdir()
    program.write_text(CURIOUS)
    monkeypatch.setattr(stream_process, "CHILD", (sys.executable, str(program)))
    monkeypatch.setenv("LC_SECRET", str(tmp_path / "web-token"))
    with pytest.raises(SourceLost, match=r"PermissionError PermissionError read 127\.0\.0\.1"):
        stream("http://127.0.0.1:1/x")
