"""Where the alarm manager is and what goes to it: `[alarm_manager]` of a site configuration."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from monitor_daemon.notify.tls_settings import TlsSettings


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


class AlarmManagerSettings(TlsSettings):
    """An IHE alarm manager that takes PCD-04 over MLLP. `tls_name` is the one in its certificate.

    The names are HD (`name` or `name^universal id^type`). Seconds are real seconds; a heartbeat of
    0 is none.
    """

    table = "alarm_manager"
    code = "CONFIG_ALARM_MANAGER"

    connect: Annotated[str, AfterValidator(_address)]
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
        if self.acknowledge_on and not self.receipts:
            raise ValueError("acknowledge_on needs receipts = true")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.connect.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def secured(self) -> bool:
        """Whether the connection is encrypted: a name to be checked asks for it too."""
        return super().secured or bool(self.tls_name)
