"""The site configuration: one TOML file, read into models that name every mistake.

`load` raises TomlFileError with a remark for each mistake: file, line, column, key, what is wrong,
what is allowed.
"""

from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from monitor_daemon import resources
from monitor_daemon.core.commands.checks import NAME
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.toml_text import Places, Remark, TomlFileError, load_toml
from monitor_daemon.notify.pcd04_settings import AlarmManagerSettings
from monitor_daemon.notify.roster import minutes
from monitor_daemon.notify.settings import BrokerSettings


def _topic_level(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("use 1 to 64 of the letters A-Z a-z, digits, _ and -, no spaces")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("no such time zone; write it as in Europe/Paris") from None
    return value


def _hours(value: str) -> str:
    minutes(value)
    return value


def _network(value: str) -> str:
    ip_network(value)
    return value


Alias = Annotated[str, AfterValidator(_topic_level)]
Zone = Annotated[str, AfterValidator(_zone)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Site(_Model):
    """Who and where we are. `language` is that of alert texts."""

    id: Alias
    zone: Zone
    language: Literal["en", "ja", "fr"] = "en"


class Store(_Model):
    """Where the record lives. The vault key is a file, best a systemd credential."""

    directory: Path
    vault_key_file: Path


class Broker(BrokerSettings):
    """Where messages go: our own broker on loopback (`embedded`), or one that the site runs."""

    embedded: bool = False


class Control(_Model):
    """The local socket over which commands come; only this machine's users can reach it."""

    socket: Path


class ProtocolFile(_Model):
    """A protocol in force: the id of a packaged one, or a file of the site."""

    id: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.id is None) == (self.file is None):
            raise ValueError("give either id (a packaged protocol) or file")
        return self


class Bed(_Model):
    """A bed by the unit's alias, never by the hospital's code."""

    alias: Alias


class LinkConfig(_Model):
    """A device connection. Exactly one of `port`, `connect`, `listen` says how it is reached.

    `bed` is the alias for every value without a bed of its own; `beds` maps bed codes on the wire,
    `channels` pump channels, to aliases. `study_channels` carry a blinded study drug. `drugs` says
    what channels always carry whose pump names no drug, as the syringe's label would. `arterial`
    are the channels of arterial lines, the one that is followed first.
    `repeats` names the link that shows the same pumps. `expected_period` in seconds. `tls` and the
    files in PEM form are for `connect` and `listen`; `allow` lists networks that may dial in.
    """

    name: Alias
    driver: str
    port: str | None = None
    connect: str | None = None
    listen: str | None = None
    bed: Alias | None = None
    beds: dict[str, Alias] = {}
    channels: dict[str, Alias] = {}
    study_channels: tuple[str, ...] = ()
    drugs: dict[str, Annotated[str, Field(min_length=1)]] = {}
    repeats: Alias | None = None
    arterial: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    zone: Zone | None = None
    expected_period: Annotated[float, Field(gt=0, le=86400)] | None = None
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_name: str | None = None
    allow: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    max_connections: Annotated[int, Field(ge=1, le=10_000)] = 512
    max_per_peer: Annotated[int, Field(ge=1, le=10_000)] = 256
    line: dict[str, Any] = {}
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.port, self.connect, self.listen)) != 1:
            raise ValueError("give exactly one of port, connect, listen")
        return self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.port is not None and self.secured:
            raise ValueError("tls is for connect and listen, a serial port has none")
        if self.listen is not None and self.secured and self.tls_cert is None:
            raise ValueError("a listener with tls needs tls_cert")
        if len(set(self.arterial)) < len(self.arterial):
            raise ValueError("arterial names a channel twice")
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key without tls_cert")
        if self.listen is None:
            door = {"allow", "max_connections", "max_per_peer"} & self.model_fields_set
            if door:
                raise ValueError(f"{min(door)} is for listen only")
        return self

    @property
    def secured(self) -> bool:
        """Whether the connection is encrypted."""
        return self.tls or any((self.tls_ca, self.tls_cert, self.tls_key, self.tls_name))

    def aliases(self) -> set[str]:
        """Every bed alias this link speaks of."""
        return {*self.beds.values(), *self.channels.values(), *([self.bed] if self.bed else [])}


class Shift(_Model):
    """Who answers for a role at these local hours."""

    role: Literal["bedside", "physician", "charge_nurse", "coordinator", "research", "investigator"]
    recipients: Annotated[tuple[Alias, ...], Field(min_length=1)]
    hours: Annotated[str, AfterValidator(_hours)] = "00:00-24:00"


class Retention(_Model):
    """Days for which originals stay in the vault. The record itself is never deleted."""

    vault_days: Annotated[int, Field(ge=1)] = 90


class SiteConfig(_Model):
    """The whole file."""

    site: Site
    store: Store
    broker: Broker = Broker()
    alarm_manager: AlarmManagerSettings | None = None
    control: Control
    drugs: Path | None = None
    protocols: Annotated[tuple[ProtocolFile, ...], Field(min_length=1)]
    beds: Annotated[tuple[Bed, ...], Field(min_length=1)]
    links: tuple[LinkConfig, ...] = ()
    roster: tuple[Shift, ...] = ()
    retention: Retention = Retention()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        aliases = [bed.alias for bed in self.beds]
        names = [link.name for link in self.links]
        repeated = [link.repeats for link in self.links]
        for what, found in (("beds.alias", aliases), ("links.name", names)):
            if twice := {name for name in found if found.count(name) > 1}:
                raise ValueError(f"{what}: {min(twice)!r} stands there twice")
        for link in self.links:
            if link.repeats is not None and link.repeats not in set(names) - {link.name}:
                raise ValueError(
                    f"links.{link.name}.repeats = {link.repeats!r}: not another link's name"
                )
            if link.repeats is not None and repeated.count(link.repeats) > 1:
                raise ValueError(
                    f"links.{link.name}.repeats = {link.repeats!r}: two links repeat it;"
                    " leave one of them out, or the same pumps would be counted twice"
                )
            if link.repeats is not None and link.name in repeated:
                raise ValueError(
                    f"links.{link.name}.repeats = {link.repeats!r}: {link.name} is repeated itself"
                )
            if unknown := link.aliases() - set(aliases):
                raise ValueError(
                    f"links.{link.name}: bed {min(unknown)!r} is not one of beds.alias:"
                    f" {', '.join(aliases)}"
                )
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.site.zone)

    @property
    def ranks(self) -> dict[str, int]:
        """Which arterial source goes before which: by link, or link and channel ("icu|4A14").

        The smaller rank goes first. An arterial channel that a link does not name has its link's.
        """
        order = [
            name
            for link in self.links
            for name in (*(f"{link.name}|{channel}" for channel in link.arterial), link.name)
        ]
        return {name: rank for rank, name in enumerate(order)}

    def link_zone(self, link: LinkConfig) -> ZoneInfo:
        """The zone of a link's local times: its own, else the site's."""
        return ZoneInfo(link.zone) if link.zone else self.zone

    def drug_text(self) -> str:
        """The drug file in force. Raises ConfigError if it cannot be read."""
        return resources.text("drugs.toml") if self.drugs is None else read_text(self.drugs)

    def protocol_texts(self) -> dict[str, str]:
        """The protocols in force by "id@version". Raises ConfigError if one cannot be found."""
        found: dict[str, str] = {}
        for entry in self.protocols:
            texts = _packaged(entry.id) if entry.file is None else [read_text(entry.file)]
            if entry.file is not None:
                load_toml(texts[0], str(entry.file))
            found.update({resources.protocol_key(text): text for text in texts})
        return found


def _packaged(name: str | None) -> list[str]:
    known = resources.protocols()
    texts = [text for key, text in known.items() if key.split("@")[0] == name]
    if not texts:
        names = sorted({key.split("@")[0] for key in known})
        raise ConfigError(
            f"protocols.id = {name!r}: not packaged; there are: {', '.join(names)}",
            code="CONFIG_PROTOCOL",
        )
    return texts


def read_text(path: Path) -> str:
    """The text of a file that a person wrote. Raises ConfigError if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", code="CONFIG_FILE") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text", code="CONFIG_FILE") from None


def load(path: Path) -> SiteConfig:
    """Read a site configuration; relative paths in it are relative to the file.

    Raises ConfigError for a file that cannot be read, TomlFileError for what is wrong in it.
    """
    text = read_text(path)
    document = load_toml(text, str(path))
    try:
        config = SiteConfig.model_validate(document)
    except ValidationError as error:
        places = Places(text, str(path))
        remarks = [_remark(dict(item), places) for item in error.errors()]
        raise TomlFileError(sorted(remarks, key=lambda r: (r.line, r.column))) from None
    return _anchored(config, path.resolve().parent)


def _remark(error: dict[str, Any], places: Places) -> Remark:
    """One mistake at its place; what concerns several tables stands at the head of the file."""
    reason = error["msg"].removeprefix("Value error, ")
    unknown = error["type"] == "extra_forbidden"
    if unknown:
        reason = "no such key"
    elif error["type"] == "tuple_type":
        reason = "must be a list"
    return places.remark(error["loc"], reason, code="CONFIG_KEY", key=unknown)


def _anchored_words(link: LinkConfig, folder: Path) -> dict[str, Any]:
    """What of a link may name a file without being one by its type, with absolute paths."""

    def option(value: object) -> object:
        if isinstance(value, list):
            return [option(part) for part in value]
        # A driver's option that ends so is a file, alone or in a list.
        return str(folder / value) if isinstance(value, str) and value.endswith(".toml") else value

    # A port with a slash is a path; without one it is a USB serial number or a by-id name.
    port = str(folder / link.port) if link.port is not None and "/" in link.port else link.port
    return {"port": port, "options": {key: option(value) for key, value in link.options.items()}}


def _anchored(config: SiteConfig, folder: Path) -> SiteConfig:
    """The same configuration with every path made absolute."""

    def anchor(model: BaseModel) -> BaseModel:
        changed = {
            name: folder / value
            for name, value in model
            if isinstance(value, Path) and not value.is_absolute()
        }
        return model.model_copy(update=changed)

    parts: dict[str, Any] = {
        "store": anchor(config.store),
        "broker": anchor(config.broker),
        "control": anchor(config.control),
        "protocols": tuple(anchor(entry) for entry in config.protocols),
    }
    parts["links"] = tuple(
        anchor(link).model_copy(update=_anchored_words(link, folder)) for link in config.links
    )
    if config.alarm_manager is not None:
        parts["alarm_manager"] = anchor(config.alarm_manager)
    drugs = {} if config.drugs is None else {"drugs": folder / config.drugs}
    return config.model_copy(update={**parts, **drugs})
