"""What `check` finds in the key, password and TLS files that a site configuration names.

A file that cannot be read here and now is only warned of: systemd makes a credential when it starts
the daemon, and a password may be for the daemon's user alone. One that is read must be usable.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from drivers.kit.tls import Tls
from monitor_daemon.config import SiteConfig
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.toml_text import Path as Keys
from monitor_daemon.core.toml_text import Places, Remark
from monitor_daemon.vault.vault import load_key

#: Files by their keys, and what reads them all. Raises ConfigError for what is in them.
_Group = tuple[dict[Keys, Path | None], Callable[[], object]]


def secrets(config: SiteConfig, places: Places) -> Iterator[Remark | ConfigError]:
    """A remark for each file that cannot be read, an error for each whose content is of no use."""
    for files, use in _groups(config):
        named = {keys: file for keys, file in files.items() if file is not None}
        unread = [(keys, why) for keys, file in named.items() if (why := _unreadable(file))]
        for keys, why in unread:
            reason = f"{why}; the daemon must be able to read it when it starts"
            yield places.remark(keys, reason, code="CONFIG_FILE")
        if named and not unread:
            try:
                use()
            except ConfigError as error:
                yield error


def _groups(config: SiteConfig) -> Iterator[_Group]:
    key, broker, manager = config.store.vault_key_file, config.broker, config.alarm_manager
    yield {("store", "vault_key_file"): key}, partial(load_key, key)
    if not broker.embedded:
        yield {("broker", "password_file"): broker.password_file}, broker.password
        yield _tls(("broker",), broker), broker.tls_context
    if manager is not None:
        yield _tls(("alarm_manager",), manager), manager.tls_context
    for index, link in enumerate(config.links):
        tls = Tls(link.tls_cert, link.tls_key, link.tls_ca, link.tls_name)
        use = tls.for_dialling if link.listen is None else tls.for_listener
        yield _tls(("links", index), link), use


def _tls(table: Keys, settings: BaseModel) -> dict[Keys, Path | None]:
    return {(*table, key): getattr(settings, key) for key in ("tls_ca", "tls_cert", "tls_key")}


def _unreadable(file: Path) -> str:
    """Why a file cannot be read; "" if it can."""
    try:
        with file.open("rb"):
            return ""
    except OSError as error:
        return f"{file}: {error.strerror}"
