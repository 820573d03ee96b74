"""Output that posts each event to a URL, signed, in order, until it is accepted.

Events wait on the disk. They are delivered between scenes, for a fraction of a second at a time, so
that a backlog or a slow receiver holds nothing up.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import logging
import math
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from edgepose import __version__, jsonio, options
from edgepose.backoff import Backoff
from edgepose.errors import OutputLost, error_text
from edgepose.outputs.base import Device, Output
from edgepose.outputs.fallback_outbox import SLOW, FallbackOutbox
from edgepose.outputs.outbox import Message
from edgepose.system.http_deadline import new_opener
from edgepose.system.name_lookup import LOOKUP
from edgepose.system.paths import outbox_path
from edgepose.system.tls import client_context, trusted_files
from edgepose.types import Event, Scene
from edgepose.yamldoc.marks import one_line

log = logging.getLogger(__name__)

SIGNATURE: Final = "X-Edgepose-Signature"
SLICE: Final = 0.5  # seconds of posting before other work is done
DRAIN: Final = 2.0  # seconds of posting at the end
TICK: Final = 1.0  # seconds between two looks at a disk that fails
_BAD_EVENT: Final = (400, 413, 422)  # a bad event; any other answer is retried
MOST_BAD: Final = 3  # events in a row that are dropped as bad: a proxy may answer 400 to anything
LONGEST_REASON: Final = 80  # characters of what a server says of its answer


def _web_address(url: str) -> str:
    if "@" in urllib.parse.urlsplit(options.must_be_web_url(url)).netloc:
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
        default=5.0, description="seconds that a post may take, from connecting to the answer"
    )
    ca: options.ExistingPath | None = Field(
        default=None, description="file of certificates to trust in addition to the system's"
    )

    outbox_max: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="events kept while the receiver is away; past that the oldest is dropped",
    )

    def url_hosts(self) -> tuple[str, ...]:
        """Return the receiver's host."""
        return (urllib.parse.urlsplit(self.url).hostname or "",)

    def watches(self) -> tuple[str, ...]:
        """Return the watches whose events are sent, none for all."""
        return (self.when,) if isinstance(self.when, str) else self.when


class Webhook(Output):
    """A client that posts events one by one; one that is not accepted is retried before the next.

    The signature covers the time and the body: `t=UNIX,v1=HEX`, HEX being the HMAC-SHA256 of
    "UNIX.BODY". A receiver also checks that UNIX is recent. When an answer is lost, or the process
    is killed at that moment, an event comes twice with the same `id`.
    """

    Options: ClassVar[type[options.Options]] = WebhookOptions
    keeps_events = True

    def __init__(
        self, options: WebhookOptions, device: Device, clock: Callable[[], float] = time.time
    ) -> None:
        self.patience = options.timeout + LOOKUP
        self.reads = trusted_files(options.ca, beside_system=True)
        self._options = options
        self._clock = clock
        self._names = options.watches()
        self._opener: urllib.request.OpenerDirector | None = None
        self._outbox = FallbackOutbox(
            outbox_path(device.name, f"webhook-{device.output or self._host}"), options.outbox_max
        )
        self._refused = 0  # events that the receiver called bad
        self._failure = ""  # why the latest post failed, "" once one was accepted
        self._bad = ""  # what the latest events were answered that were called bad
        self._bad_in_a_row = 0
        self._passed_over = 0  # number of the latest of them that is kept
        self._failing_since = self._works_since = 0.0  # monotonic
        self._backoff = Backoff()
        self._retry_at = 0.0  # monotonic

    @property
    def outbox(self) -> Path | None:
        """Return the file in which events wait."""
        return self._outbox.path

    @property
    def unsaved(self) -> int:
        """Return how many events the disk did not take."""
        return self._outbox.unsaved

    @property
    def health(self) -> dict[str, Any]:
        """Return how many events wait, and how many were lost to the limit or refused."""
        return {
            "waiting": self._outbox.waiting,
            "dropped": self._outbox.dropped,
            "refused": self._refused,
        }

    @property
    def trouble(self) -> str:
        """Return why events are not delivered, or not kept on the disk."""
        slow = self._failure or self._bad or self._outbox.backlog(self._works_since)
        return "; ".join(filter(None, (slow, self._outbox.trouble)))

    @property
    def receiver(self) -> Hashable:
        """Return the address."""
        return self._options.url

    def wants_end(self, watch: str) -> bool:
        """Return whether `when` and `types` let the ends of a watch through."""
        return self._lets_through(watch, "end")

    def count_on(self, before: Output) -> None:
        """Go on counting what was refused, with what is in memory."""
        assert isinstance(before, Webhook)
        self._refused += before._refused
        self._outbox.inherit(before._outbox)

    def open(self) -> None:
        """Open the outbox, load the certificates. Raises OutputLost where that can't be done."""
        self._works_since = time.monotonic()
        context = self._tls()
        self._outbox.open()
        self._opener = new_opener(context)
        self._schedule()

    def check_files(self) -> None:
        """Raise OutputLost for a file without certificates."""
        self._tls()

    def _tls(self) -> ssl.SSLContext:
        try:
            return client_context(self._options.ca, beside_system=True)
        except OSError as error:  # ssl.SSLError too
            raise OutputLost(f"{self._options.ca}: no certificates: {error}") from error

    def show(self, scene: Scene) -> None:
        """Keep the events; `tick` delivers them. Raises OutputLost."""
        self.recover(scene.events)

    def recover(self, events: Sequence[Event]) -> None:
        """Keep events, those that were kept before left out."""
        wanted = self._wanted(events)
        if wanted:
            self._outbox.put(wanted)
            self._schedule()

    def _wanted(self, events: Sequence[Event]) -> list[tuple[str, bytes]]:
        """Return id and body of the events that are sent."""
        return [
            (event.id, jsonio.dumps(event.to_dict()))
            for event in events
            if self._lets_through(event.name, event.type)
        ]

    def say_farewell(self, scene: Scene) -> None:
        """Post the last events, if nothing waits before them."""
        self._deliver(DRAIN)
        if not self._outbox.waiting:
            for id, body in self._wanted(scene.events):
                self._post(Message(0, id, body))

    def tick(self) -> None:
        """Post what waits, for SLICE seconds or so."""
        self._outbox.step()
        self._deliver(SLICE)
        self._schedule()

    def close(self) -> None:
        """Post what waits for some seconds where that works; the rest stays on the disk."""
        if self._opener is not None and not self._failure:
            self._deliver(DRAIN)
        self._opener = None
        self._outbox.close()
        if left := self._outbox.waiting - self._outbox.unsaved:
            log.warning("%s: %d events are still to be sent.", self._host, left)

    def _schedule(self) -> None:
        """Ask for the next tick: at once, when the back-off is over, or to look at the disk."""
        due = self._retry_at if self._outbox.waiting else math.inf
        look = time.monotonic() + TICK if self._outbox.trouble else math.inf
        next_at = min(due, look)
        self.wake_at = None if next_at == math.inf else next_at

    def _deliver(self, seconds: float) -> None:
        """Post events for that long, or until one fails; one more may be begun just before."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until and now >= self._retry_at:
            message = self._next()
            if message is None:
                return
            try:
                self._post(message)
            except OutputLost as error:
                self._fail(str(error))
                return
            self._outbox.remove([message.number])
            self._recovered()
            self._backoff.reset()

    def _recovered(self) -> None:
        """Note that there is no failure; only after a long one a backlog is given time."""
        now = time.monotonic()
        if self._failure and now - self._failing_since >= SLOW:
            self._works_since = now
        self._failure = ""

    def _next(self) -> Message | None:
        """Return the oldest event, or one after those that are kept though called bad.

        Once one of these is accepted, the fault was with the events and not with the receiver.
        """
        found = self._outbox.after(self._passed_over, 1) or self._outbox.after(0, 1)
        return next(iter(found), None)

    def _fail(self, reason: str) -> None:
        """Note a failure and back off; a reason is logged once until a post is accepted."""
        if reason != self._failure:
            log.warning("%s. Events are kept and sent later.", reason)
        if not self._failure:
            self._failing_since = time.monotonic()
        self._failure = reason
        self._retry_at = time.monotonic() + self._backoff.next()

    def _lets_through(self, watch: str, type: str) -> bool:
        types = self._options.types
        return (not self._names or watch in self._names) and (not types or type in types)

    def _post(self, message: Message) -> None:
        """Deliver one event. Raises OutputLost."""
        assert self._opener is not None, "open() comes first"
        request = self._request(message)
        try:
            with self._opener.open(request, timeout=self._options.timeout):
                self._bad, self._bad_in_a_row, self._passed_over = "", 0, 0
                return
        except urllib.error.HTTPError as error:
            error.close()
            self._not_accepted(message, error)
        # URLError and time-outs too; ValueError: of an answer that urllib can't read.
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise OutputLost(f"{self._host}: {_reason(error)}") from error

    def _request(self, message: Message) -> urllib.request.Request:
        body = message.payload
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"edgepose/{__version__}",
            "Idempotency-Key": message.id,
        }
        if self._options.secret is not None:
            headers[SIGNATURE] = signature(self._options.secret, int(self._clock()), body)
        return urllib.request.Request(self._options.url, body, headers, method="POST")

    def _not_accepted(self, message: Message, error: urllib.error.HTTPError) -> None:
        """Drop one of a few events that the receiver calls bad; else raise OutputLost."""
        words = one_line(str(error.reason))[:LONGEST_REASON]
        answer = f"{self._host}: answered {error.code} {words}"
        if error.code in _BAD_EVENT:
            self._called_bad(message, answer)
            return
        moved = "; redirects are not followed: write the new address as `url`"
        raise OutputLost(answer + (moved if 300 <= error.code < 400 else "")) from error

    def _called_bad(self, message: Message, answer: str) -> None:
        """Drop an event. Raises OutputLost where too many in a row were called bad."""
        if self._bad_in_a_row >= MOST_BAD:
            self._passed_over = message.number
            raise OutputLost(f"{answer} to each of the latest events; check the receiver and `url`")
        self._bad_in_a_row += 1
        self._bad = f"{answer} to the latest event, which is dropped"
        log.error("%s to event %s, which is dropped.", answer, message.id)
        self._refused += 1

    @property
    def _host(self) -> str:
        """Return the loggable part of the URL: paths of webhooks are often secrets."""
        parts = urllib.parse.urlsplit(self._options.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def signature(secret: str, unix: int, body: bytes) -> str:
    """Return the signature header of a body that is sent at a time in unix seconds."""
    message = str(unix).encode() + b"." + body
    digest = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return f"t={unix},v1={digest}"


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    return one_line(error_text(inner))[: 2 * LONGEST_REASON]
