"""`monitor-daemon check`: says what is wrong with files that a person writes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from drivers.hl7.code_map import SiteCode, file_codes, map_codes, places
from drivers.hl7.codes import CodeTable
from drivers.kit.contract import Transport
from drivers.kit.links import split_address
from drivers.kit.registry import load_driver
from drivers.kit.serial_link import line_settings
from monitor_daemon.cli.check_secrets import secrets
from monitor_daemon.cli.exits import say, warn
from monitor_daemon.config import LinkConfig, SiteConfig, load, read_text
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import ConfigError, MonitorError
from monitor_daemon.core.protocol_file import read
from monitor_daemon.core.rules import kinds
from monitor_daemon.core.toml_text import Places, Remark, load_toml
from monitor_daemon.daemon import link_map
from monitor_daemon.engine.entrance import Entrance

#: How a device is reached, and the transports that go this way.
_WAYS: Final = {
    "port": {Transport.SERIAL},
    "connect": {Transport.TCP_CLIENT, Transport.UDP},
    "listen": {Transport.MLLP_SERVER},
}
#: Options of drivers that say how often a device is asked (s).
_PACES: Final = ("interval", "poll_period")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a right file is and holds, in a few words, and what in it is hardly meant.

    `parts` are other files that it names, each with what it holds.
    """

    summary: str
    warnings: tuple[Remark, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()


def check(
    files: Annotated[list[Path], typer.Argument(help="TOML files of any of the kinds.")],
) -> None:
    """Validate site configurations, protocol, drug and code map files. Touches no device."""
    failed = False
    for path in files:
        try:
            found = check_file(path)
        except MonitorError as error:
            failed = True
            say(error)
            continue
        for warning in found.warnings:
            warn(warning)
        for part, summary in ((path, found.summary), *found.parts):
            typer.echo(f"OK {part}: {summary}")
    if failed:
        raise typer.Exit(1)


def check_file(path: Path) -> Checked:
    """Check a file of any kind. Raises ConfigError naming file, key and reason."""
    text = read_text(path)
    document = load_toml(text, str(path))
    if "protocol" in document or "rules" in document:
        file = read(text, kinds(), str(path))
        head = file.head
        summary = f"protocol {head['id']} {head['version']}, {len(file.arms)} arms"
        return Checked(summary, file.warnings)
    if "drug" in document:
        return Checked(f"drug file, {len(DrugTable.parse(text, str(path)).entries)} entries")
    if "map" in document or "code" in document:
        return Checked(_code_map(file_codes(path)))
    if not document.keys() & SiteConfig.model_fields.keys():
        raise ConfigError(
            f"{path}: of no kind that is known: a site configuration has a table [site], a protocol"
            " file [protocol], a drug file [drug.NAME], a code map [[code]]",
            code="CONFIG_FILE",
        )
    return _check_site(path, text)


def _check_site(path: Path, text: str) -> Checked:
    config = load(path)
    warnings = [
        warning
        for entry in config.protocols
        if entry.file is not None
        for warning in read(read_text(entry.file), kinds(), str(entry.file)).warnings
    ]
    try:
        texts = config.protocol_texts()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", code=error.code) from None
    for key, protocol in texts.items():
        read(protocol, kinds(), key)
    drugs = DrugTable.parse(config.drug_text(), str(config.drugs or "packaged drugs.toml"))
    wrong = [error for link in config.links for error in _link_mistakes(link, path)]
    for link in config.links:
        try:
            Entrance(link_map(config, link), drugs, str)
        except ConfigError as error:
            wrong.append(ConfigError(f"{path}: {error}", code=error.code))
    at = Places(text, str(path))
    for found in secrets(config, at):
        if isinstance(found, Remark):
            warnings.append(found)
        else:
            wrong.append(ConfigError(f"{path}: {found}", code=found.code))
    if wrong:
        raise ConfigError("\n".join(map(str, wrong)), code=wrong[0].code)
    warnings += _slow_links(config, at)
    summary = f"site {config.site.id}, {len(config.beds)} beds, {len(config.links)} links"
    named = [
        place
        for link in config.links
        if link.driver == "hl7"
        for place in places(link.options.get("code_map"))
    ]
    maps = tuple((place, _code_map(map_codes(place))) for place in dict.fromkeys(named))
    return Checked(summary, tuple(warnings), maps)


def _code_map(codes: Sequence[SiteCode]) -> str:
    """What a code map holds, and where it says of a code something else than we do."""
    ours = CodeTable()
    said = f"code map, {len(codes)} codes for {', '.join(sorted({c.signal for c in codes}))}"
    for code in codes:
        before = ours.find(f"{code.code}^{code.name}^{code.system}", code.channel).signal
        if before not in {None, code.signal}:
            said += f"; {code.code} {code.name}".rstrip() + f" is {code.signal}, not {before}"
    return said


def _link_mistakes(link: LinkConfig, path: Path) -> Iterator[ConfigError]:
    at = f"{path}: links.{link.name}"
    try:
        driver = load_driver(link.driver)
    except ConfigError as error:
        yield ConfigError(f"{at}.driver: {error}", code=error.code)
        return
    try:
        settings = driver.settings(link.options)
    except (KeyError, ValueError) as error:
        yield ConfigError(f"{at}.options.{error.args[0]}", code="CONFIG_LINK")
    else:
        try:
            driver.session(settings)
        except (ConfigError, TypeError, ValueError) as error:
            yield ConfigError(f"{at}.options: {error}", code="CONFIG_LINK")
    for key, transports in _WAYS.items():
        value = getattr(link, key)
        if value is not None and not transports & set(driver.transports):
            yield ConfigError(
                f"{at}.{key} = {value!r}: driver {driver.name} speaks over"
                f" {', '.join(driver.transports)}",
                code="CONFIG_LINK",
            )
    try:
        if link.port is not None:
            line_settings(driver, link.line)
        else:
            split_address(link.connect or link.listen or "", driver.port)
    except ConfigError as error:
        yield ConfigError(f"{at}: {error}", code=error.code)


def _slow_links(config: SiteConfig, places: Places) -> Iterator[Remark]:
    """A remark on each link whose device is asked less often than it is expected to speak."""
    for index, link in enumerate(config.links):
        driver = load_driver(link.driver)
        settings = driver.settings(link.options)
        expected = link.expected_period or driver.expected_period
        for name in _PACES:
            asked = settings.get(name)
            if isinstance(asked, int | float) and asked > expected and not settings.get("passive"):
                yield places.remark(
                    ("links", index, "options", name),
                    f"{asked:g} s, but a message is expected every {expected:g} s: the link would"
                    " turn silent between two, or what it brings not cover a minute;"
                    f" set expected_period = {asked:g} for the link",
                    code="CONFIG_PERIOD",
                )
