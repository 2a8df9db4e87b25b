"""Which room imports which, held true over the syntax tree of every file, and what is tracked."""

import ast
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "monitor_daemon").rglob("*.py")) + sorted((ROOT / "drivers").rglob("*.py"))
CODE = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]

VOCABULARY = {"monitor_daemon.core.vocabulary", "monitor_daemon.core.errors"}
#: Room of `monitor_daemon` to the rooms it imports. `core.errors` and `core.vocabulary` are
#: everybody's words. What is not listed here is a room nobody planned.
ARROWS = {
    "core": set(),
    "hl7": set(),
    "resources": set(),
    "watchdog": set(),
    "calendar": set(),
    "groups": set(),
    "clock": {"core"},
    "config": {"core", "resources", "notify"},
    "journal": {"core"},
    "vault": {"journal"},
    "engine": {"core", "journal", "vault", "clock"},
    "control": {"core", "engine", "clock", "calendar"},
    "notify": {"core", "engine", "journal", "hl7", "clock", "groups"},
    "rehearsal": {"core", "resources", "calendar"},
    "adherence": {"core", "journal"},
    "daemon": {
        "core", "engine", "journal", "vault", "control", "notify", "drivers", "clock", "config",
        "watchdog",
    },
    "demo": {"daemon", "core", "control", "notify", "drivers", "clock", "config", "groups"},
    "cli": {
        "demo", "daemon", "core", "control", "engine", "vault", "rehearsal", "adherence", "drivers",
        "clock", "config", "groups",
    },
}  # fmt: skip
IMPURE = {
    "asyncio", "sqlite3", "aiosqlite", "time", "socket", "os", "io", "pathlib", "logging",
    "structlog", "random", "secrets", "threading", "subprocess", "locale",
}  # fmt: skip
CLOCK_READERS = {
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "monotonic_ns"),
    ("time", "perf_counter"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"),
    ("date", "today"),
}  # fmt: skip
#: Commands that talk to a device without a running daemon, and so without an engine clock.
CLOCK_EXCEPTIONS = {"monitor_daemon/cli/drivers.py"}
#: Texts that name a path of somebody's machine.
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|root|home/\w+|Users/\w+)/")
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".json", ".jsonl", ".csv", ".cfg", ".sh",
        ".service", ".conf", ".rules", ".html", ".css", ".js"}  # fmt: skip
SKIPPED = {".venv", ".git", "__pycache__", "dist", "build", "node_modules"}


def name(path):
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


@cache
def imports(path):
    """Every module a file imports, wherever in the file; `from a.b import c` counts as a.b."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno}: relative import"
            module = node.module or ""
            inside = {f"{module}.{alias.name}" for alias in node.names}
            exact = {m for m in inside if (ROOT / m.replace(".", "/")).exists()}
            exact |= {m for m in inside if (ROOT / (m.replace(".", "/") + ".py")).exists()}
            found |= exact or {module}
    return frozenset(found)


def rooms(path):
    """The rooms a file of `monitor_daemon` imports, other than its own and the common words."""
    ours = set()
    for module in imports(path) - VOCABULARY:
        first, _, rest = module.partition(".")
        if first == "drivers":
            ours.add("drivers")
        elif first == "monitor_daemon" and rest:
            ours.add(rest.split(".")[0])
    return ours - {room(path), "__init__"}


def room(path):
    parts = path.relative_to(ROOT / "monitor_daemon").parts
    return parts[0].removesuffix(".py")


INSIDE = [path for path in SOURCES if name(path).startswith("monitor_daemon/")]


@pytest.mark.parametrize("path", INSIDE, ids=name)
def test_arrows_point_down_only(path):
    own = room(path)
    if own == "__init__":
        assert rooms(path) == set()
        return
    assert own in ARROWS, f"{own}: a room that the table does not know"
    assert rooms(path) <= ARROWS[own]


def test_every_room_and_arrow_of_the_table_is_used():
    used = {own: set() for own in map(room, INSIDE) if own != "__init__"}
    for path in INSIDE:
        if room(path) != "__init__":
            used[room(path)] |= rooms(path)
    assert used == ARROWS


def test_the_arrow_table_itself_has_no_circle():
    left = {own: set(below) & set(ARROWS) for own, below in ARROWS.items()}
    while left:
        ground = {own for own, below in left.items() if not below}
        assert ground, f"a circle among {sorted(left)}"
        left = {own: below - ground for own, below in left.items() if own not in ground}


@pytest.mark.parametrize("path", [p for p in INSIDE if room(p) in {"core", "hl7"}], ids=name)
def test_core_and_hl7_are_pure(path):
    outside = {module.split(".")[0] for module in imports(path)}
    assert not outside & IMPURE
    assert {m for m in imports(path) if m.startswith(("drivers", "monitor_daemon"))} <= {
        m for m in imports(path) if m.startswith(f"monitor_daemon.{room(path)}")
    }
    assert not clock_calls(path)


def test_the_common_words_import_nothing_of_ours():
    for module in VOCABULARY:
        path = ROOT / (module.replace(".", "/") + ".py")
        assert not [m for m in imports(path) if m.startswith(("monitor_daemon", "drivers"))]


@pytest.mark.parametrize("path", [p for p in SOURCES if name(p).startswith("drivers/")], ids=name)
def test_a_driver_knows_the_kit_its_own_folder_and_the_words(path):
    folder = path.relative_to(ROOT / "drivers").parts[0]
    allowed = ["drivers.kit", *VOCABULARY]
    if folder != "kit" and not folder.endswith(".py"):
        allowed.append(f"drivers.{folder}")
    if folder == "hl7":
        allowed.append("monitor_daemon.hl7")
    ours = {m for m in imports(path) if m.split(".")[0] in {"monitor_daemon", "drivers"}}
    assert not {m for m in ours if not any(m == a or m.startswith(f"{a}.") for a in allowed)}


def clock_calls(path):
    """Lines that read a clock of the machine, called or handed on."""
    lines = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in CLOCK_READERS:
                lines.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", INSIDE, ids=name)
def test_only_the_clock_reads_clocks(path):
    if name(path) == "monitor_daemon/clock.py":
        assert clock_calls(path)
    elif name(path) not in CLOCK_EXCEPTIONS:
        assert clock_calls(path) == []


def test_the_exceptions_are_still_needed():
    assert all(clock_calls(ROOT / path) for path in CLOCK_EXCEPTIONS)


def test_only_the_serial_link_moves_bytes_with_serialx():
    assert [name(p) for p in CODE if "serialx" in {m.split(".")[0] for m in imports(p)}] == [
        "drivers/kit/serial_link.py"
    ]


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_file_past_400_lines_asks_to_be_two(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def texts():
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(p in SKIPPED or (p.startswith(".") and p != ".ci") for p in parts[:-1])
        if not hidden and path.is_file() and (path.suffix in TEXT or not path.suffix):
            yield path


def test_nothing_names_a_path_of_this_machine():
    found = [
        f"{name(path)}:{number}"
        for path in texts()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


#: Bytes of the largest file that a clone should have to carry.
LARGEST = 400_000
ARCHIVES = {".whl", ".egg", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".jar"}


def test_no_large_file_and_no_archive_is_tracked():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no clone: nothing is tracked")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    # What is deleted and not yet committed is listed and not there.
    tracked = [path for part in listed.split("\0") if part and (path := ROOT / part).is_file()]
    assert ROOT / "pyproject.toml" in tracked
    assert [name(path) for path in tracked if path.stat().st_size > LARGEST] == []
    assert [name(path) for path in tracked if path.suffix.lower() in ARCHIVES] == []
