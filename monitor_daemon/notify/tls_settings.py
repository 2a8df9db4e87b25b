"""TLS of who dials: the keys that the tables `[broker]` and `[alarm_manager]` share."""

import ssl
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator

from monitor_daemon.core.errors import ConfigError


class TlsSettings(BaseModel):
    """Whom we trust and what we show. Files (PEM) are read at every connection, to be renewed.

    `tls` alone trusts the system's authorities; `tls_ca` trusts only that file and implies `tls`,
    as do `tls_cert` and `tls_key`, our own certificate and its key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The table of the site configuration, and the code of what is wrong in it.
    table: ClassVar[str]
    code: ClassVar[str]

    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _key_and_certificate(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key needs tls_cert")
        return self

    @property
    def secured(self) -> bool:
        """Whether the connection is encrypted."""
        return self.tls or self.tls_ca is not None or self.tls_cert is not None

    def tls_context(self) -> ssl.SSLContext | None:
        """What TLS trusts and shows; None without TLS. Raises ConfigError for an unusable file."""
        if not self.secured:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
            # BCP 195 (RFC 9325): nothing below TLS 1.2.
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.tls_cert is not None:
                # An empty password, so that nobody is asked for one on a terminal.
                context.load_cert_chain(self.tls_cert, self.tls_key, password=b"")
        except OSError as error:  # ssl.SSLError is one
            files = ", ".join(str(p) for p in (self.tls_ca, self.tls_cert, self.tls_key) if p)
            raise ConfigError(
                f"{self.table} TLS files {files}: {error.strerror or error}", code=self.code
            ) from None
        return context
