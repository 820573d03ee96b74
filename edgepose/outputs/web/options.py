"""Options of the web page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgepose.options import ExistingPath, Host, Options
from edgepose.outputs.web.token import SHORTEST


class Tls(Options):
    """Certificate of the page, and its key."""

    cert: ExistingPath = Field(
        description="PEM file of the certificate, followed by those of its signers",
        examples=["page.crt"],
    )
    key: ExistingPath = Field(
        description="PEM file of its key, without a passphrase", examples=["page.key"]
    )


class WebOptions(Options):
    """Options of the web page: who can reach it, and how much of the camera it shows."""

    host: Host = Field(
        default="127.0.0.1",
        description="address to listen on: 127.0.0.1 for this device itself only, 0.0.0.0 for all "
        "networks it is in",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port; 0: any that is free")
    hosts: tuple[Annotated[str, Field(pattern=r"^[^\s/:]+$")], ...] = Field(
        default=(),
        title="names alone, without http:// and port, such as kiosk.example.org",
        description="further names under which browsers reach the page; its addresses, localhost, "
        "the name of the device and of its system, also with .local, are always answered",
        examples=[["kiosk.example.org"]],
    )
    token: Annotated[str, Field(min_length=SHORTEST)] | None = Field(
        default=None,
        repr=False,
        description="password of the page, best as ${EDGEPOSE_WEB_TOKEN}; unset: one is made, "
        "logged once and kept in the state folder; one of less than 19 characters must wait after "
        "wrong ones from the same address",
        examples=["at-least-12-characters"],
    )
    tls: Tls | None = Field(
        default=None,
        description="encrypt: files of the certificate and its key; unset: plain HTTP",
        examples=[{"cert": "page.crt", "key": "page.key"}],
    )
    frames: Literal["full", "skeleton", "none"] = Field(
        default="skeleton",
        description="full: the camera's picture; skeleton: people as lines on black; none: text "
        "and numbers only",
    )
    fps: float = Field(
        default=10.0, gt=0, le=30, description="pictures a second while somebody watches, at most"
    )
    mirror: bool = Field(default=False, description="show the picture as a mirror would")

    def claims(self) -> tuple[str, ...]:
        """Return the port."""
        return (f"port {self.port}",) if self.port else ()
