"""Transition tables of the program as the manual shows them."""

from collections.abc import Mapping
from enum import StrEnum


def rendered(
    transitions: Mapping[tuple[StrEnum, StrEnum], StrEnum],
    states: type[StrEnum],
    events: type[StrEnum],
) -> str:
    """A table in Markdown: a row a state, a column an event; an empty cell is illegal."""
    lines = [f"| state | {' | '.join(events)} |", f"|---|{'---|' * len(events)}"]
    for state in states:
        cells = [transitions.get((state, event), "") for event in events]
        lines.append(f"| **{state}** | {' | '.join(cells)} |")
    return "\n".join(lines)
