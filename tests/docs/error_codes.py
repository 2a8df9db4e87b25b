"""The stable codes in the source, found in its syntax tree."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
#: Callables whose argument at this place is a code.
PLACES = {"Fault": 0, "FrameFault": 1, "fault": 0}


def codes() -> set[str]:
    """Every code that an error of ours, a Fault or a log line can carry."""
    sources = [*(ROOT / "monitor_daemon").rglob("*.py"), *(ROOT / "drivers").rglob("*.py")]
    return {code for path in sources for code in _codes(ast.parse(path.read_text("utf-8")))}


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for value in _holders(node):
            for part in ast.walk(value):
                word = part.value if isinstance(part, ast.Constant) else None
                if isinstance(word, str) and CODE.fullmatch(word):
                    yield word


def _holders(node: ast.AST) -> Iterator[ast.expr]:
    """Expressions in which a code may stand."""
    if isinstance(node, ast.Call):
        yield from (k.value for k in node.keywords if k.arg == "code")
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        place = PLACES.get(str(name))
        if place is not None and len(node.args) > place:
            yield node.args[place]
    elif isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "code" for target in node.targets
    ):
        yield node.value
