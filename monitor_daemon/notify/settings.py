"""Where the broker is and how to speak to it: the `[broker]` table of a site configuration."""

import ssl
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor_daemon.core.errors import ConfigError


class BrokerSettings(BaseModel):
    """An MQTT broker. Files are read at every connection, so that they can be renewed.

    `tls` alone trusts the system's authorities; `tls_ca` trusts only that file and implies `tls`,
    as do `tls_cert` and `tls_key`, our own certificate and its key (PEM).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535)
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: str | None = None
    password_file: Path | None = None
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username")
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key needs tls_cert")
        return self

    @property
    def trusted(self) -> bool:
        """Whether commands are taken from this broker: it is ours, or it asks who we are.

        On a broker that anybody on a network may use, anybody could enrol and acknowledge.
        """
        return self.username is not None or self.host in {"127.0.0.1", "::1", "localhost"}

    def password(self) -> str | None:
        """The first line of the password file. Raises ConfigError if it cannot be read."""
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"broker.password_file {self.password_file}: {_why(error)}", code="CONFIG_BROKER"
            ) from None

    def tls_context(self) -> ssl.SSLContext | None:
        """What TLS trusts and shows; None without TLS. Raises ConfigError for an unusable file."""
        if not (self.tls or self.tls_ca or self.tls_cert):
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
            # BCP 195 (RFC 9325): nothing below TLS 1.2.
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.tls_cert is not None:
                # An empty password, so that nobody is asked for one on a terminal.
                context.load_cert_chain(self.tls_cert, self.tls_key, password=b"")
        except OSError as error:  # ssl.SSLError is one
            named = [str(p) for p in (self.tls_ca, self.tls_cert, self.tls_key) if p is not None]
            raise ConfigError(
                f"broker TLS files {', '.join(named)}: {_why(error)}", code="CONFIG_BROKER"
            ) from None
        return context


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
