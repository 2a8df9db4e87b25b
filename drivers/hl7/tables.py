"""What an OBX means at one site, remembered: a steady stream is looked up, not judged again."""

from collections.abc import Iterable
from typing import Final, Literal

from drivers.hl7.code_map import SiteCode
from drivers.hl7.codes import CodeTable
from drivers.hl7.mdc import Code
from drivers.hl7.units import Conversion, conversion
from monitor_daemon.core.vocabulary import Quality, Reading

_MEMO_LIMIT: Final = 4096

Plan = tuple[Code, Conversion | None]
#: What an OBX with these fields (2, 3, 4, 6, 8, 11) means when it holds a plain number: signal,
#: unit, quality, unvalidated, channel, source.
Express = tuple[str, str, Quality, Literal[True] | None, str | None, str]


class Tables:
    """The codes of one site with a memory of what OBX-3 and OBX-6 meant together."""

    def __init__(self, site: Iterable[SiteCode] = ()) -> None:
        self._codes = CodeTable(site)
        self._memo: dict[tuple[str, str, str, bool], Plan] = {}
        self.express: dict[tuple[str, ...], Express] = {}

    def plan(self, obx3: str, obx4: str, obx6: str, *, pds: bool) -> Plan:
        """The meaning of a code and how to convert its unit (None: it cannot be converted)."""
        channel = obx4.strip().rpartition(".")[0] if self._codes.by_channel else ""
        key = (obx3, channel, obx6, pds)
        plan = self._memo.get(key)
        if plan is None:
            code = self._codes.find(obx3, channel, pds=pds)
            unit = obx6 if obx6.strip() else code.unit
            plan = code, conversion(code.signal, unit) if code.signal else None
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[key] = plan
        return plan

    def remember(self, obx: list[str], reading: Reading) -> None:
        """Keep what this OBX meant, for the next one that differs only in its number."""
        if reading.value is None:
            return
        if len(self.express) >= _MEMO_LIMIT:
            self.express.clear()
        self.express[obx[2], obx[3], obx[4], obx[6], obx[8], obx[11]] = (
            reading.signal,
            reading.unit,
            reading.quality,
            reading.unvalidated,
            reading.channel,
            reading.source or "",
        )
