"""With `frames: none` no byte of a picture leaves the process, through whichever output.

A real run on real photos has every output at once, each with somebody at the other end. A library
that stands before libc (rigs/tap.c) keeps a copy of every byte that is written or sent; the memory
of the screen is looked at as well. The same eyes see the pictures where they are allowed.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from compiled import compiled
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from ports import free_port

from edgepose.appliance.appliance import Appliance
from edgepose.config.loader import load
from edgepose.errors import ConfigError
from edgepose.outputs.base import Output
from edgepose.outputs.sound.clips import tone
from edgepose.registry import OUTPUTS
from edgepose.types import Frame, Image, Scene

pytestmark = pytest.mark.timeout(180)

RIGS = Path(__file__).parents[1] / "rigs"
TEMPLATES = Path(__file__).parents[2] / "configs" / "templates"
TOKEN = "correct-horse-battery"
PHOTOS = ("depthai_standing.jpg", "tfjs_pose_warrior2.jpg", "coral_test_couple.jpg")
SIZE = (480, 640)
MARKS = {
    "JPEG": rb"\xff\xd8\xff[\xc0-\xfe]",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "MP4": rb"ftyp(?:isom|mp4|avc|M4V)",
    "H.264": rb"\x00\x00\x00\x01[\x67\x27]",
    "TIFF": rb"II\*\x00\x08\x00\x00\x00",
}
SHORTEST = 12  # bytes of a frame that nobody writes by chance: noise of 96 bits
CONFIG = """\
version: 1
name: museum
{frames}
source: {{type: images, path: photos, seconds: 0.1, loop: true}}
watch:
  arms_up: {{template: {templates}/arms_up.yaml, enter: 0.1, exit: 0.05, hold: 0, release: 0,
            max_deviated: 12}}
  squat: {{template: {templates}/squat.yaml, enter: 0.1, exit: 0.05, hold: 0, release: 0,
          max_deviated: 12}}
  workout: {{routine: morning}}
outputs:
  screen: {{type: hdmi, sink: kms, attract: null, size: [720, 1280]}}
  relay: {{type: gpio, line: 17, when: arms_up, chip: fake}}
  start: {{type: button, line: 27, watch: workout, chip: fake}}
  bus: {{type: mqtt, host: 127.0.0.1, port: {mqtt}, keypoints: 30, stats_interval: 1}}
  page: {{type: web, port: {web}, token: {token}, frames: full, fps: 30}}
  log: {{type: jsonl, path: events.jsonl, poses: true, raw: true}}
  metrics: {{type: prometheus, port: {prometheus}}}
  hook: {{type: webhook, url: "http://127.0.0.1:{hook}/in"}}
  voice: {{type: sound, voice: none}}
  tape: {{type: recording, path: poses.jsonl}}
  kept: {{type: memory}}
{more}
"""
VIDEO = "  clip: {type: video, path: clip.mp4}\n  around: {type: video, path: a.mp4, around: 1.0}"


@dataclass(frozen=True)
class Ports:
    """Name the ports of everybody who listens."""

    mqtt: int
    web: int
    prometheus: int
    hook: int


@dataclass(frozen=True)
class Caught:
    """Hold what left: by process and descriptor, what was on the screen, and files of clips."""

    streams: dict[str, bytes]
    screens: list[Image]
    clips: list[Path]

    def all(self) -> bytes:
        return b"".join(self.streams.values())


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the tap and the stand-in for libdrm."""
    if not all(
        shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("cc", "mosquitto")
    ):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs a C compiler and mosquitto")
    folder = tmp_path_factory.mktemp("libraries")
    drm = Path(__file__).parents[1] / "outputs" / "rigs" / "fake_libdrm.c"
    return compiled(folder, RIGS / "tap.c"), compiled(folder, drm, "-I/usr/include/libdrm")


@pytest.fixture
def frames(tmp_path: Path, media: Path) -> list[Image]:
    """Return the photos as the camera gives them, each with a corner of noise of its own."""
    (tmp_path / "photos").mkdir()
    found = []
    for number, name in enumerate(PHOTOS):
        image = cv2.resize(cv2.imread(str(media / "stills" / name)), SIZE[::-1])
        image[8:72, 8:72] = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), image)
        found.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    return found


@pytest.fixture
def run(tmp_path: Path, libraries: tuple[Path, Path], lightning: Path) -> Callable[..., Caught]:
    """Return a function that runs a configuration for some seconds, and what left meanwhile."""

    def make(frames: str, more: str = "", seconds: float = 4.0) -> Caught:
        ports = Ports(*(free_port() for _ in range(4)))
        text = CONFIG.format(
            frames=frames, templates=TEMPLATES, token=TOKEN, more=more, **vars(ports)
        )
        (tmp_path / "museum.yaml").write_text(text)
        (tmp_path / "tap").mkdir()
        with listening(tmp_path, ports), started(tmp_path, libraries):
            visit(ports, seconds)
        streams = {path.name: path.read_bytes() for path in (tmp_path / "tap").iterdir()}
        return Caught(streams, shown(tmp_path / "dri" / "card1"), sorted(tmp_path.glob("*.mp4")))

    return make


@contextlib.contextmanager
def started(folder: Path, libraries: tuple[Path, Path]) -> Iterator[None]:
    """Run the appliance in a process of its own, with the tap before libc."""
    tap, drm = libraries
    (folder / "dri").mkdir()
    for name in ("card0", "card1"):
        (folder / "dri" / name).touch()
    command = [sys.executable, RIGS / "private_run.py", folder / "museum.yaml", drm, folder / "dri"]
    state = {"STATE_DIRECTORY": str(folder / "state"), "RUNTIME_DIRECTORY": str(folder / "state")}
    tapped = {"LD_PRELOAD": str(tap), "TAP": str(folder / "tap")}
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **state, **tapped},
        stdin=subprocess.PIPE,
    )
    try:
        yield
    finally:
        process.communicate(timeout=60)
    assert process.returncode == 0


@contextlib.contextmanager
def listening(folder: Path, ports: Ports) -> Iterator[None]:
    """Have a broker with a subscriber, and a server for posts."""
    conf = folder / "mosquitto.conf"
    user = "user root\n" if os.getuid() == 0 else ""
    conf.write_text(f"listener {ports.mqtt} 127.0.0.1\nallow_anonymous true\n{user}")
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    broker = subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.DEVNULL)
    ear = Client(CallbackAPIVersion.VERSION2)
    ear.on_connect = lambda client, *_: client.subscribe("#")
    ear.connect_async("127.0.0.1", ports.mqtt)
    ear.loop_start()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", ports.hook), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        ear.loop_stop()
        server.shutdown()
        server.server_close()
        broker.terminate()
        broker.wait(20)


class Taker(http.server.BaseHTTPRequestHandler):
    """Take every post."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def visit(ports: Ports, seconds: float) -> None:
    """Ask the page and the metrics for everything there is."""
    end = time.monotonic() + 60
    while not asked(ports.web, "/api/state"):
        assert time.monotonic() < end, "the page did not come up"
        time.sleep(0.2)
    streams = [opened(ports.web, path) for path in ("/stream", "/api/events")]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for path in ("/", "/app.js", "/style.css", "/api/state"):
            assert asked(ports.web, path)
        assert asked(ports.prometheus, "/metrics")
        time.sleep(0.5)
    for stream in streams:
        stream.close()


def asked(port: int, path: str) -> bytes:
    """Return what is answered, nothing where nobody is there yet."""
    with contextlib.suppress(ConnectionError):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with contextlib.closing(link):
            link.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            return link.getresponse().read()
    return b""


def opened(port: int, path: str) -> socket.socket:
    """Begin an endless answer, which is read on a thread."""
    link = socket.create_connection(("127.0.0.1", port), timeout=60)
    link.sendall(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    threading.Thread(target=drained, args=(link,), daemon=True).start()
    return link


def drained(link: socket.socket) -> None:
    """Read until it ends."""
    with contextlib.suppress(OSError):
        while link.recv(1 << 16):
            pass


def shown(card: Path) -> list[Image]:
    """Return the pictures in the memory of the display, as RGB."""
    buffers = np.frombuffer(card.read_bytes(), np.uint8)
    whole = buffers[: buffers.size // (720 * 1280 * 4) * 720 * 1280 * 4].reshape(-1, 720, 1280, 4)
    return [picture[..., 2::-1] for picture in whole]


# What is looked for.


def unpacked(data: bytes) -> bytes:
    """Return the bytes, and what is hidden in them as base64, hex or deflated."""
    found = [data]
    for run in re.findall(rb"[A-Za-z0-9+/]{256,}", data):
        found.append(base64.b64decode(run[: len(run) // 4 * 4]))
    for run in re.findall(rb"(?:[0-9a-fA-F]{2}){128,}", data):
        found.append(bytes.fromhex(run.decode()))
    for place in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", data):
        with contextlib.suppress(zlib.error):
            inflated = zlib.decompressobj(47).decompress(
                data[place.start() : place.start() + 100_000]
            )
            if len(inflated) > 256:
                found.append(inflated)
    return b"\n".join(found)


def fragments(frame: Image) -> Iterator[bytes]:
    """Yield pieces of the noise as they would stand in memory, in every order of colours."""
    noise = frame[8:72, 8:72]
    grey = cv2.cvtColor(noise, cv2.COLOR_RGB2GRAY)
    opaque = np.dstack([noise, np.full((64, 64), 255, np.uint8)])
    clear = np.dstack([noise[..., ::-1], np.zeros((64, 64), np.uint8)])
    planes = [noise, noise[..., ::-1], grey, opaque, clear, *(noise[..., c] for c in range(3))]
    for plane in planes:
        for row in (3, 31, 60):
            yield np.ascontiguousarray(plane[row]).tobytes()[12 : 12 + SHORTEST]


def marks(data: bytes) -> set[str]:
    """Return which kinds of pictures begin somewhere in the bytes."""
    return {name for name, mark in MARKS.items() if re.search(mark, data, re.DOTALL)}


def likeness(picture: Image, frame: Image) -> float:
    """Return the correlation of the edges of two pictures, scaled to the same size."""
    greys = [cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY) for p in (picture, frame)]
    small = [cv2.resize(grey, (160, 120), interpolation=cv2.INTER_AREA) for grey in greys]
    edges = [cv2.Laplacian(grey, cv2.CV_32F).ravel() for grey in small]
    if min(float(edge.std()) for edge in edges) == 0.0:
        return 0.0
    return float(np.corrcoef(*edges)[0, 1])


def pictures_in(data: bytes) -> Iterator[Image]:
    """Yield the JPEGs in a stream, decoded."""
    for place in re.finditer(MARKS["JPEG"], data):
        found = cv2.imdecode(
            np.frombuffer(data[place.start() :][:500_000], np.uint8), cv2.IMREAD_COLOR
        )
        if found is not None:
            yield cv2.cvtColor(found, cv2.COLOR_BGR2RGB)


def visible(screens: list[Image], frames: list[Image]) -> float:
    """Return how much the screen is like one of the frames, letterboxed as it is shown."""
    parts = [screen[:, 160:1120] for screen in screens]
    return max((likeness(part, frame) for part in parts for frame in frames), default=0.0)


def test_with_frames_none_no_byte_of_a_picture_leaves(run, frames: list[Image]):
    """Every output at work, each heard by somebody; no piece, encoding or likeness of a frame."""
    caught = run("frames: none")

    data = unpacked(caught.all())
    assert_all_spoke(data)
    assert not [piece for frame in frames for piece in fragments(frame) if piece in data]
    assert marks(data) == set()
    assert caught.clips == []
    assert visible(caught.screens, frames) < 0.1
    assert any(screen.any() for screen in caught.screens), "the screen shows nothing at all"


def test_with_frames_skeleton_lines_leave_and_nothing_of_the_camera(run, frames: list[Image]):
    """The page and clips show people on black; the noise of the frame is nowhere in them."""
    caught = run("frames: skeleton", VIDEO)

    data = unpacked(caught.all())
    assert_all_spoke(data)
    assert not [piece for frame in frames for piece in fragments(frame) if piece in data]
    pictures = [*pictures_in(data), *clip_pictures(caught.clips)]
    assert len(pictures) > 10
    assert max(likeness(picture, frame) for picture in pictures for frame in frames) < 0.1
    assert visible(caught.screens, frames) < 0.1


def test_the_same_eyes_see_frames_that_are_allowed(run, frames: list[Image]):
    """On the page, in the clip and on the screen; else the other tests would prove nothing."""
    caught = run("", VIDEO)

    data = unpacked(caught.all())
    assert_all_spoke(data)
    assert {"JPEG", "MP4"} <= marks(data)
    page = max(likeness(p, frame) for p in pictures_in(data) for frame in frames)
    clip = max(likeness(p, frame) for p in clip_pictures(caught.clips) for frame in frames)
    assert min(page, clip, visible(caught.screens, frames)) > 0.3


def assert_all_spoke(data: bytes) -> None:
    """Each output said something of its own, or the silence would prove nothing."""
    for name, word in {
        "mqtt": b"edgepose/museum/keypoints", "jsonl": b'"frame_time"',
        "webhook": b"Idempotency-Key",
        "prometheus": b"edgepose_frames_captured_total", "web": b"event: scene",
        "recording": b'"keypoints"', "sound": tone("start", 1.0).data[200:400],
    }.items():  # fmt: skip
        assert word in data, f"nothing of {name} was caught"


def clip_pictures(clips: list[Path]) -> Iterator[Image]:
    """Yield every tenth picture of clips."""
    for clip in clips:
        with av.open(str(clip)) as container:
            for number, picture in enumerate(container.decode(video=0)):
                if number % 10 == 5:
                    yield picture.to_ndarray(format="rgb24")


@pytest.mark.parametrize("kind", ["raw", "bgr", "grey", "base64", "hex", "deflated"])
def test_the_eyes_find_a_frame_in_any_dress(kind: str, frames: list[Image]):
    """A frame among other bytes, as somebody might let it out."""
    frame = frames[0]
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    dressed = {
        "raw": frame.tobytes(), "bgr": frame[..., ::-1].tobytes(), "grey": grey.tobytes(),
        "base64": base64.b64encode(frame.tobytes()), "hex": frame.tobytes().hex().encode(),
        "deflated": zlib.compress(frame[:96].tobytes()),
    }[kind]  # fmt: skip

    data = unpacked(b'{"some": "json"}' + dressed + b"{}")

    assert [piece for piece in fragments(frame) if piece in data]


@pytest.mark.usefixtures("frames")
def test_an_output_of_pictures_is_refused_where_there_are_none(tmp_path: Path):
    """With its name, the reason and the way out; `frames` wins over what others say."""
    text = CONFIG.format(frames="frames: none", templates=TEMPLATES, token=TOKEN, more=VIDEO,
                         mqtt=1, web=2, prometheus=3, hook=4)  # fmt: skip
    path = tmp_path / "museum.yaml"
    path.write_text(text)
    with pytest.raises(
        ConfigError, match=r"line \d+: outputs\.clip: writes pictures, which"
    ) as told:
        load(path)
    assert "outputs.around: writes pictures" in str(told.value)

    path.write_text(text.replace(VIDEO, ""))
    outputs = load(path).outputs
    assert outputs["page"].options.frames == "none"
    assert outputs["screen"].options.skeleton_only
    assert {part.type for part in outputs.values()} == OUTPUTS.keys() - {"video"}
    path.write_text(text.replace("frames: none", "frames: skeleton"))
    outputs = load(path).outputs
    assert outputs["page"].options.frames == "skeleton"
    assert outputs["clip"].options.background == "black"


class Witness(Output):
    """Look at the frames that outputs are given."""

    internal = True

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.came = threading.Event()

    def show(self, scene: Scene) -> None:
        if scene.poses:
            self.frames.append(scene.frame)
            self.came.set()


@pytest.mark.parametrize("allowed", ["full", "skeleton", "none"])
def test_no_output_is_given_a_picture_that_it_could_let_out(tmp_path: Path, lightning, allowed):
    """Whatever an output does, and whoever writes it: it has black frames, of the same size."""
    path = tmp_path / "museum.yaml"
    path.write_text(
        f"version: 1\nframes: {allowed}\n"
        "source: {type: synthetic, motion: arms_up, size: [240, 320], fps: 30}\n"
    )
    witness = Witness()
    appliance = Appliance(load(path), extra={"witness": witness})
    runner = threading.Thread(target=appliance.run)
    runner.start()
    came = witness.came.wait(60)
    appliance.stop()
    runner.join(30)

    assert came
    assert {frame.size for frame in witness.frames} == {(240, 320)}
    assert all(frame.image.any() == (allowed == "full") for frame in witness.frames)
