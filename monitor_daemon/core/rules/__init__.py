"""Kinds of rule by name. A new kind is a file here, a line in this table and a test."""

from typing import Final

from monitor_daemon.core.protocol import RuleKind
from monitor_daemon.core.rules import crt, infusions, minutes, phases, pressure, vasopressin
from monitor_daemon.core.rules.family import Family

FAMILIES: Final[dict[str, Family]] = {
    "achievement": phases.Achievement(),
    "resus_overdue": phases.ResusOverdue(),
    "protocol_end": phases.ProtocolEnd(),
    "minute_classes": minutes.MinuteClasses(),
    "map_low": pressure.MapLow(),
    "map_high": pressure.MapHigh(),
    "bins_below": pressure.BinsBelow(),
    "art_check": pressure.ArtCheck(),
    "map_gap": pressure.MapGap(),
    "pump_gap": infusions.PumpGap(),
    "drug_unmapped": infusions.DrugUnmapped(),
    "crt_steps": crt.CrtSteps(),
    "crt_due": crt.CrtDue(),
    "event": crt.EventAlert(),
    "vasopressin_start": vasopressin.VasopressinStart(),
    "vasopressin_due": vasopressin.VasopressinDue(),
}


def kinds() -> dict[str, RuleKind]:
    """What each kind of rule wants to be told: what a protocol file is checked against."""
    return {name: family.kind for name, family in FAMILIES.items()}
