"""Be a network camera: MJPEG over HTTP on loopback, with all that goes wrong with one."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
from coloured import quarters

BOUNDARY = "edgeofpicture"
PASSWORD = "s3cret"


class HttpCamera(ThreadingHTTPServer):
    """Serve pictures at /live until told to freeze or to end; other paths are wrong in some way."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stopping = threading.Event()
        self.freezing = threading.Event()
        self.ending = threading.Event()
        self.snapshots = 0  # requests for one picture
        self.asked: list[str] = []  # paths
        self.elsewhere = ""  # where /elsewhere leads
        image_bgr = cv2.cvtColor(quarters((96, 128)), cv2.COLOR_RGB2BGR)
        self.jpeg = cv2.imencode(".jpg", image_bgr)[1].tobytes()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="rig-http")
        self._thread.start()

    def url(self, path: str = "/live", login: str = "") -> str:
        """Return the address of a path."""
        return f"http://{login and login + '@'}127.0.0.1:{self.server_port}{path}"

    def stop(self) -> None:
        """Stop serving and refuse connections."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hung up."""


class _Handler(BaseHTTPRequestHandler):
    server: HttpCamera

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer as the path says."""
        self.server.asked.append(self.path)
        answers = {
            "/live": self._live,
            "/private": self._private,
            "/silent": self._silent,
            "/headers": self._multipart,
            "/page": self._page,
            "/moved": lambda: self._moved(f"http://localhost:{self.server.server_port}/live"),
            "/moved-snapshot": lambda: self._moved(
                f"http://localhost:{self.server.server_port}/snapshot"
            ),
            "/elsewhere": lambda: self._moved(self.server.elsewhere),
            "/playlist": self._playlist,
            "/endless": lambda: self._endless(""),
            "/endless-with-length": lambda: self._endless("Content-Length: 2000000000\r\n"),
            "/no-first-boundary": lambda: self._live(f"--{BOUNDARY}", is_begun=False),
            "/closing-boundary": lambda: self._live(f"--{BOUNDARY}--"),
            "/snapshot": self._snapshot,
            "/snapshot.jpg": self._snapshot,
        }
        answers.get(self.path.partition("?")[0], self._missing)()

    def _missing(self) -> None:
        self.send_error(404)

    def _moved(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.end_headers()

    def _playlist(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.apple.mpegurl")
        self.end_headers()
        segment = f"http://localhost:{self.server.server_port}/live"
        self.wfile.write(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{segment}\n".encode())

    def _endless(self, length: str) -> None:
        """Send pictures, then one that has no end."""
        self._multipart()
        whole = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
        jpeg = self.server.jpeg
        for _ in range(3):
            head = f"{whole}Content-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
        self.wfile.write(f"{whole}{length}\r\n".encode() + jpeg[:100])
        block = b"x" * (1 << 20)
        try:
            while not self.server.stopping.is_set():
                self.wfile.write(block)
        except OSError:
            pass

    def _silent(self) -> None:
        self.server.stopping.wait()

    def _page(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html><body>Log in to your camera</body></html>" * 50)

    def _private(self) -> None:
        expected = "Basic " + base64.b64encode(f"viewer:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == expected:
            self._live()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="camera"')
        self.end_headers()

    def _multipart(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        self.wfile.flush()
        if self.path == "/headers":
            self.server.stopping.wait()

    def _snapshot(self) -> None:
        self.server.snapshots += 1
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(self.server.jpeg)))
        self.end_headers()
        self.wfile.write(self.server.jpeg)

    def _live(self, separator: str = f"--{BOUNDARY}", *, is_begun: bool = True) -> None:
        self._multipart()
        camera = self.server
        between = f"{separator}\r\n".encode()
        if is_begun:
            self.wfile.write(between)
        while not camera.ending.is_set() and not camera.stopping.wait(0.01):
            if camera.freezing.is_set():
                camera.stopping.wait()
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(camera.jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + camera.jpeg + b"\r\n" + between)
