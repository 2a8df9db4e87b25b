"""Measured results of a patient or of a bed: laboratory values, cardiac index, venous pressure."""

from bisect import insort
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE

#: Kinds that are kept, by their signal's name.
KINDS: Final = frozenset({"lactate", "sodium", "creatinine", "cardiac_index", "cvp"})
#: Values of one kind that are kept; monitors repeat theirs, so one a minute is enough.
_KEPT: Final = 500


class Results(msgspec.Struct):
    """(measured at in ms, value) by kind, in the order of measurement."""

    values: dict[str, list[tuple[int, float]]] = {}

    def add(self, kind: str, at: int, value: float) -> None:
        """Take a result; another one of the same minute takes its place (a correction)."""
        known = self.values.setdefault(kind, [])
        if known and known[-1][0] // MINUTE == at // MINUTE:
            known[-1] = (at, value)
            return
        known[:] = [item for item in known if item[0] // MINUTE != at // MINUTE]
        insort(known, (at, value))
        del known[:-_KEPT]

    def remove(self, kind: str, at: int) -> bool:
        """Forget the result measured at `at`, which was withdrawn; True if there was one."""
        known = self.values.get(kind, [])
        found = [item for item in known if item[0] == at]
        for item in found:
            known.remove(item)
        return bool(found)

    def newest(self, kind: str, now: int) -> tuple[int, float] | None:
        """The result measured last, up to `now`."""
        return next((item for item in reversed(self.values.get(kind, [])) if item[0] <= now), None)
