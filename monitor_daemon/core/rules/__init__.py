"""Kinds of rule by name. A new kind is a file here, a line in this table and a test."""

from typing import Final

from monitor_daemon.core.protocol import RuleKind
from monitor_daemon.core.rules import (
    crt,
    days,
    inclusion,
    infusions,
    minutes,
    notices,
    phases,
    physician_range,
    pressure,
    screening,
    sources,
    study,
    vasopressin,
)
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
    "event": notices.EventAlert(),
    "clock_set": notices.ClockSet(),
    "override": notices.TargetOverride(),
    "vasopressin_start": vasopressin.VasopressinStart(),
    "vasopressin_due": vasopressin.VasopressinDue(),
    "vasopressin_dose": vasopressin.VasopressinDose(),
    "weight_mismatch": infusions.WeightMismatch(),
    "concentration_change": infusions.ConcentrationChanged(),
    "boluses": infusions.Boluses(),
    "feed_frozen": pressure.FeedFrozen(),
    "source_disagrees": sources.SourceDisagrees(),
    "inclusion": inclusion.Inclusion(),
    "inclusion_window": screening.InclusionWindow(),
    "study_not_started": study.StudyNotStarted(),
    "study_interrupted": study.StudyInterrupted(),
    "study_rate": study.StudyRate(),
    "open_label": study.OpenLabel(),
    "range_low": physician_range.RangeLow(),
    "range_high": physician_range.RangeHigh(),
    "range_missing": physician_range.RangeMissing(),
    "range_stale": physician_range.RangeStale(),
    "days": days.Days(),
    "day_form_due": days.DayFormDue(),
    "last_day": days.LastDay(),
}


def kinds() -> dict[str, RuleKind]:
    """What each kind of rule wants to be told: what a protocol file is checked against."""
    return {name: family.kind for name, family in FAMILIES.items()}
