"""`monitor-daemon check`: says what is wrong with a configuration, protocol or drug file."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from drivers.kit.registry import load_driver
from monitor_daemon.cli.exits import stop
from monitor_daemon.config import LinkConfig, load
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import ConfigError, MonitorError
from monitor_daemon.core.protocol import parse
from monitor_daemon.core.rules import kinds


def check(
    files: Annotated[list[Path], typer.Argument(help="TOML files of any of the kinds.")],
) -> None:
    """Validate site configurations, protocol files and drug files. Touches no device."""
    failed = False
    for path in files:
        try:
            typer.echo(f"OK {path}: {check_file(path)}")
        except (MonitorError, OSError, UnicodeDecodeError) as error:
            failed = True
            try:
                stop(error if isinstance(error, MonitorError | OSError) else _not_text(path))
            except typer.Exit:
                continue
    if failed:
        raise typer.Exit(1)


def check_file(path: Path) -> str:
    """What a file is and holds, in a few words. Raises ConfigError naming file, key and reason."""
    text = path.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}", code="CONFIG_SYNTAX") from None
    if "protocol" in document or "rules" in document:
        protocol = parse(text, kinds(), str(path))
        for arm in protocol.arms:
            protocol.for_arm(arm)
        return f"protocol {protocol.id} {protocol.version}, {len(protocol.arms)} arms"
    if "drug" in document:
        return f"drug file, {len(DrugTable.parse(text, str(path)).entries)} entries"
    return _check_site(path)


def _check_site(path: Path) -> str:
    config = load(path)
    try:
        texts = config.protocol_texts()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", code=error.code) from None
    for key, text in texts.items():
        parse(text, kinds(), f"{path}: protocol {key}")
    DrugTable.parse(config.drug_text(), str(config.drugs or "packaged drugs.toml"))
    for link in config.links:
        _check_link(link, path)
    return f"site {config.site.id}, {len(config.beds)} beds, {len(config.links)} links"


def _check_link(link: LinkConfig, path: Path) -> None:
    at = f"{path}: links.{link.name}"
    try:
        driver = load_driver(link.driver)
    except ConfigError as error:
        raise ConfigError(f"{at}.driver: {error}", code=error.code) from None
    try:
        driver.settings(link.options)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{at}.options.{error.args[0]}", code="CONFIG_LINK") from None
    way = {"port": link.port, "connect": link.connect, "listen": link.listen}
    transport = {"port": "serial", "connect": "tcp_client", "listen": "mllp_server"}
    for key, value in way.items():
        if value is not None and transport[key] not in driver.transports:
            raise ConfigError(
                f"{at}.{key} = {value!r}: driver {driver.name} speaks over"
                f" {', '.join(driver.transports)}",
                code="CONFIG_LINK",
            )


def _not_text(path: Path) -> ConfigError:
    return ConfigError(f"{path}: not UTF-8 text", code="CONFIG_FILE")
