"""Options of the mqtt output. The keys are those of other camera software."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from edgepose import options
from edgepose.system.tls import trusted_files

_TOPIC: Final = re.compile(r"[^+#/$\x00][^+#\x00]*")
LONGEST_LOGIN: Final = 65_535  # bytes; their number is sent in two
_MAX_TOPIC: Final = 200  # characters; leaves room below 65535 bytes for the longest watch name


def _must_be_login(text: str) -> str:
    if len(text.encode(errors="replace")) > LONGEST_LOGIN:
        raise ValueError(f"expected at most {LONGEST_LOGIN} bytes, which is what MQTT can send")
    return text


def _must_be_topic(topic: str) -> str:
    if not _TOPIC.fullmatch(topic) or topic.endswith("/") or len(topic) > _MAX_TOPIC:
        raise ValueError(
            f"expected a topic such as edgepose or site/edgepose, without +, # or a slash at "
            f"either end, found '{topic}'"
        )
    return topic


Login = Annotated[str, AfterValidator(_must_be_login)]
Topic = Annotated[str, AfterValidator(_must_be_topic)]


class MqttOptions(options.Options):
    """The broker, the login, and what is sent."""

    host: options.Host = Field(
        description="the broker's name or address", examples=["broker.local"]
    )
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with TLS")
    topic_prefix: Topic = Field(
        default="edgepose", description="topics begin with this and the device's name"
    )
    client_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        pattern=r"^[\w.:-]+$",
        title="1 to 100 letters, digits and any of _ . : -",
        description="unique at the broker; unset: made of machine and name",
        examples=["lobby-1"],
    )
    user: Login | None = Field(default=None, description="only together with password")
    password: Login | None = Field(
        default=None,
        repr=False,
        description="better from the environment than written here",
        examples=["${EDGEPOSE_MQTT_PASSWORD}"],
    )
    tls: bool = Field(default=False, description="encrypt; any other tls option below implies it")
    tls_ca_certs: options.ExistingPath | None = Field(
        default=None,
        description="PEM file of the authority of the broker's certificate; unset: the system's",
        examples=["ca.crt"],
    )
    tls_client_cert: options.ExistingPath | None = Field(
        default=None, description="PEM file of our own certificate", examples=["client.crt"]
    )
    tls_client_key: options.ExistingPath | None = Field(
        default=None, description="PEM file of its key", examples=["client.key"]
    )
    tls_insecure: bool = Field(
        default=False, description="accept a certificate of another host name"
    )
    stats_interval: options.Seconds = Field(
        default=60.0, description="seconds between reports on `stats`; 0: none"
    )
    keypoints: float = Field(
        default=0.0, ge=0.0, le=60.0, description="poses a second on `keypoints`; 0: none"
    )
    skeleton: float = Field(
        default=0.0,
        ge=0.0,
        le=3600.0,
        description="seconds between pictures of people as lines on `skeleton`; 0: none",
    )
    discovery: bool = Field(default=True, description="appear in Home Assistant by itself")
    discovery_form: Literal["entity", "device"] = Field(
        default="entity",
        description="entity: a message for each; device: one for all, since Home Assistant 2024.11",
    )
    discovery_prefix: Topic = Field(
        default="homeassistant", description="what Home Assistant calls its discovery prefix"
    )
    remote: bool = Field(
        default=False,
        description="let `edgepose fleet` push templates and configurations, and read the log; "
        "anybody who may write to the broker may then change this device",
    )
    outbox_max: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="events kept while the broker is away; past that the oldest is dropped",
    )

    def remote_prefix(self) -> str | None:
        """Return the topic prefix under which pushes are taken, None where they are not."""
        return self.topic_prefix if self.remote else None

    def remote_broker(self) -> tuple[object, ...]:
        """Return how the broker is reached where pushes are taken, () where they are not."""
        if not self.remote:
            return ()
        login = self.user, self.password, self.client_id
        tls = self.is_encrypted, self.tls_insecure, self.tls_ca_certs
        own = self.tls_client_cert, self.tls_client_key
        return (self.host, self.port, self.topic_prefix, *login, *tls, *own)

    @model_validator(mode="after")
    def _pairs(self) -> MqttOptions:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password: expected both or neither")
        if self.tls_client_key and not self.tls_client_cert:
            raise ValueError("tls_client_key: expected tls_client_cert beside it")
        return self

    @property
    def is_encrypted(self) -> bool:
        """Return whether TLS is used."""
        return self.tls or self.tls_insecure or bool(self.tls_ca_certs or self.tls_client_cert)

    @property
    def certificates(self) -> tuple[Path, ...]:
        """Return the files that TLS reads."""
        if not self.is_encrypted:
            return ()
        own = filter(None, (self.tls_client_cert, self.tls_client_key))
        return (*trusted_files(self.tls_ca_certs), *own)
