"""Output that posts each event to a URL, signed, in order, until it is accepted.

Waiting events are kept in memory and are lost when the service ends; the `mqtt` output keeps them
on disk.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import logging
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from edgepose import __version__, jsonio, options
from edgepose.errors import OutputLost, error_text
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.types import Event, Scene

log = logging.getLogger(__name__)

SIGNATURE: Final = "X-Edgepose-Signature"
_BAD_EVENT: Final = (400, 413, 422)  # a bad event; any other answer is retried


def _web_address(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL that begins with http:// or https://")
    if parts.username or parts.password:
        raise ValueError("no user and password in the URL; sign with `secret`, or use a token")
    return url


class WebhookOptions(options.Options):
    """The URL, which events, and how they are signed."""

    url: Annotated[str, AfterValidator(_web_address)] = Field(
        description="URL that accepts events", examples=["https://example.org/edgepose"]
    )
    secret: str | None = Field(
        default=None,
        min_length=1,
        repr=False,
        description="key of the signature (HMAC-SHA256); both sides have it",
        examples=["${EDGEPOSE_WEBHOOK_SECRET}"],
    )
    when: str | tuple[str, ...] = Field(
        default=(), description="watches whose events are sent; empty: all", examples=["arms_up"]
    )
    types: tuple[str, ...] = Field(
        default=(), description="types of events that are sent; empty: all", examples=[["start"]]
    )
    timeout: options.PositiveSeconds = Field(
        default=5.0, description="seconds that connecting, and each answer, may take"
    )
    ca: options.ExistingPath | None = Field(
        default=None, description="file of certificates to trust in addition to the system's"
    )

    def watches(self) -> tuple[str, ...]:
        """Return the watches whose events are sent, none for all."""
        return (self.when,) if isinstance(self.when, str) else self.when


class Webhook(Output):
    """A client that posts events one by one; one that is not accepted is retried before the next.

    The signature covers the time and the body: `t=UNIX,v1=HEX`, HEX being the HMAC-SHA256 of
    "UNIX.BODY". A receiver also checks that UNIX is recent. When an answer is lost, an event comes
    twice with the same `id`.
    """

    Options: ClassVar[type[options.Options]] = WebhookOptions

    def __init__(
        self, options: WebhookOptions, device: Device, clock: Callable[[], float] = time.time
    ) -> None:
        """Take options; nothing is sent before the first event."""
        self._options = options
        self._clock = clock
        self._names = options.watches()
        self._opener: urllib.request.OpenerDirector | None = None
        self._delivered = DeliveredEvents()

    def open(self) -> None:
        """Load the certificates. Raises OutputLost where they can't be read."""
        context = ssl.create_default_context()
        if self._options.ca is not None:
            try:
                context.load_verify_locations(self._options.ca)
            except OSError as error:  # ssl.SSLError too
                raise OutputLost(f"{self._options.ca}: no certificates: {error}") from error
        self._opener = urllib.request.build_opener(
            _NoRedirect, urllib.request.HTTPSHandler(context=context)
        )

    def show(self, scene: Scene) -> None:
        """Post events not yet delivered. Raises OutputLost at the first that is not accepted."""
        due = [event for event in self._delivered.new(scene.events) if self._wants(event)]
        for event in due:
            try:
                self._post(event)
            except OutputLost as error:
                error.has_progressed = event is not due[0]
                raise
            self._delivered.add(event)

    def close(self) -> None:
        """Drop the certificates; each event has a connection of its own."""
        self._opener = None

    def _wants(self, event: Event) -> bool:
        types = self._options.types
        return (not self._names or event.name in self._names) and (not types or event.type in types)

    def _post(self, event: Event) -> None:
        """Deliver one event. Raises OutputLost."""
        assert self._opener is not None, "open() comes first"
        request = self._request(event)
        try:
            with self._opener.open(request, timeout=self._options.timeout):
                return
        except urllib.error.HTTPError as error:
            error.close()
            self._refused(event, error)
        except (OSError, http.client.HTTPException) as error:  # URLError and time-outs too
            raise OutputLost(f"{self._host}: {_reason(error)}") from error

    def _request(self, event: Event) -> urllib.request.Request:
        body = jsonio.dumps(event.to_dict())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"edgepose/{__version__}",
            "Idempotency-Key": event.id,
        }
        if self._options.secret is not None:
            headers[SIGNATURE] = signature(self._options.secret, int(self._clock()), body)
        return urllib.request.Request(self._options.url, body, headers, method="POST")

    def _refused(self, event: Event, error: urllib.error.HTTPError) -> None:
        """Drop an event that the receiver calls bad; else raise OutputLost."""
        answer = f"{self._host}: answered {error.code} {error.reason}"
        if error.code in _BAD_EVENT:
            log.error("%s to event %s, which is dropped.", answer, event.id)
            return
        moved = "; redirects are not followed: write the new address as `url`"
        raise OutputLost(answer + (moved if 300 <= error.code < 400 else "")) from error

    @property
    def _host(self) -> str:
        """Return the loggable part of the URL: paths of webhooks are often secrets."""
        parts = urllib.parse.urlsplit(self._options.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A handler that follows no redirect: a signed event goes to the configured URL only."""

    def redirect_request(self, *request: Any, **named: Any) -> None:
        return None


def signature(secret: str, unix: int, body: bytes) -> str:
    """Return the signature header of a body that is sent at a time in unix seconds."""
    message = str(unix).encode() + b"." + body
    digest = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return f"t={unix},v1={digest}"


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    return error_text(inner)
