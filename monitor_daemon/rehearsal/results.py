"""What a scenario comes to in the end: the outcomes of the trial, and its days."""

from datetime import tzinfo
from itertools import pairwise
from typing import Final

from monitor_daemon.calendar import day_start
from monitor_daemon.core.events import HOUR
from monitor_daemon.core.exposure import Exposure
from monitor_daemon.core.outcomes import (
    CATECHOLAMINES,
    WITHOUT_DOBUTAMINE,
    Missing,
    free_days,
    lactate_clearance,
    vasopressor_days,
)
from monitor_daemon.core.subject import Bed, Subject

#: The analyses of free days, by the suffix of their names.
_ANALYSES: Final = {"": CATECHOLAMINES, "_without_dobutamine": WITHOUT_DOBUTAMINE}


def outcomes(subject: Subject, bed: Bed, exposure: Exposure) -> dict[str, float | str]:
    """The outcomes of a randomised patient, as if his follow-up were over now."""
    randomised = subject.randomised or 0
    found: dict[str, float | str] = {}
    for suffix, drugs in _ANALYSES.items():
        free = free_days(
            exposure.runs,
            exposure.unknown,
            randomised,
            death=subject.death,
            discharge=subject.discharge,
            drugs=drugs,
        )
        found[f"catecholamine_free_days{suffix}"] = free.main
        found[f"after_last_liberation{suffix}"] = free.after_last_liberation
        found[f"alive_and_free{suffix}"] = free.alive_and_free
    found["vasopressor_days"] = vasopressor_days(
        exposure.runs,
        exposure.unknown,
        randomised,
        death=subject.death,
        discharge=subject.discharge,
    ).days
    values = [
        value
        for results in (subject.results, bed.results)
        for value in results.values.get("lactate", [])
    ]
    clearance = lactate_clearance(values, randomised, subject.death)
    found["lactate_clearance"] = (
        "missing" if isinstance(clearance, Missing) else round(clearance.percent, 3)
    )
    return found


def day_hours(subject: Subject, zone: tzinfo) -> list[float]:
    """The lengths of D0, D1, ... in hours, by the ends that the core was told."""
    starts = [day_start(subject.days[0] - 1, zone), *subject.days] if subject.days else []
    return [(end - start) / HOUR for start, end in pairwise(starts)]
