"""Where the alarm manager is and what goes to it: `[alarm_manager]` of a site configuration."""

import ssl
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from monitor_daemon.core.errors import ConfigError


def _hd(value: str) -> str:
    parts = value.split("^")
    if len(parts) not in {1, 3} or not all(parts) or set(value) & set("|~\\&\r\n"):
        raise ValueError("write a name, or name^universal id^its type, without | ~ \\ &")
    return value


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError("expected host:port with a port from 1 to 65535")
    return value


Name = Annotated[str, AfterValidator(_hd)]


class AlarmManagerSettings(BaseModel):
    """An IHE alarm manager that takes PCD-04 over MLLP.

    TLS as for the broker: `tls` alone trusts the system's authorities, `tls_ca` only that file.
    The names are HD (`name` or `name^universal id^type`). Seconds are real seconds; a heartbeat of
    0 is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    connect: Annotated[str, AfterValidator(_address)]
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_name: str | None = None
    sending_application: Name = "MONITOR-DAEMON"
    sending_facility: Name | None = None
    receiving_application: Name | None = None
    receiving_facility: Name | None = None
    classes: Annotated[tuple[Literal["urgent", "attention", "info"], ...], Field(min_length=1)] = (
        "urgent",
        "attention",
    )
    urgent_priority: Literal["PM", "PH"] = "PM"
    heartbeat_seconds: Annotated[float, Field(ge=0, le=3600)] = 60.0
    repeat_seconds: Annotated[float, Field(ge=10, le=86400)] = 300.0
    receipts: bool = False
    acknowledge_on: tuple[Literal["read", "accepted"], ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key needs tls_cert")
        if self.acknowledge_on and not self.receipts:
            raise ValueError("acknowledge_on needs receipts = true")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.connect.rpartition(":")
        return host.strip("[]"), int(port)

    def tls_context(self) -> ssl.SSLContext | None:
        """What TLS trusts and shows; None without TLS. Raises ConfigError for an unusable file."""
        files = [path for path in (self.tls_ca, self.tls_cert, self.tls_key) if path is not None]
        if not (self.tls or self.tls_name or files):
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
            # BCP 195 (RFC 9325): nothing below TLS 1.2.
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.tls_cert is not None:
                # An empty password, so that nobody is asked for one on a terminal.
                context.load_cert_chain(self.tls_cert, self.tls_key, password=b"")
        except OSError as error:  # ssl.SSLError is one
            named = ", ".join(map(str, files))
            raise ConfigError(
                f"alarm_manager TLS files {named}: {error.strerror or error}",
                code="CONFIG_ALARM_MANAGER",
            ) from None
        return context
