"""The files that come with the program: protocols, drug file, code maps.

In a wheel they lie inside the package; in a clone they are `config/` at the root.
"""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

_PACKAGED = Path(str(files("monitor_daemon"))) / "_config"
_CLONE = Path(str(files("monitor_daemon"))).parent / "config"


def root() -> Path:
    """The folder of the packaged configuration."""
    return _PACKAGED if _PACKAGED.is_dir() else _CLONE


def text(name: str) -> str:
    """A packaged file's text, e.g. `protocols/personalise.toml`."""
    return (root() / name).read_text(encoding="utf-8")


@cache
def protocols() -> dict[str, str]:
    """Every packaged protocol: "id@version" to the file's text."""
    found = {}
    for path in sorted((root() / "protocols").glob("*.toml")):
        content = path.read_text(encoding="utf-8")
        found[protocol_key(content)] = content
    return found


def protocol_key(content: str) -> str:
    """The "id@version" under which a protocol file is in force."""
    head = tomllib.loads(content).get("protocol", {})
    return f"{head.get('id')}@{head.get('version')}"
