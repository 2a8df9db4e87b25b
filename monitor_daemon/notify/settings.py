"""Where the broker is and how to speak to it: the `[broker]` table of a site configuration."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from monitor_daemon.core.errors import ConfigError
from monitor_daemon.notify.tls_settings import TlsSettings


class BrokerSettings(TlsSettings):
    """An MQTT broker. Its password file too is read at every connection."""

    table = "broker"
    code = "CONFIG_BROKER"

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535)
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: str | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _password_and_user(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username")
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
            why = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"broker.password_file {self.password_file}: {why}", code=self.code
            ) from None
