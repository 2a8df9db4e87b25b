"""A patient of 60 kg at rest on his target: MAP 66, norepinephrine 0.080, nothing to report."""

import copy
from pathlib import Path

from monitor_daemon.rehearsal.rehearse import rehearse_document

QUIET = {
    "id": "quiet",
    "trial": "personalise",
    "arm": "usual_vp03",
    "weight_kg": 60,
    "end": 60,
    "map": [{"from": -15, "to": 60, "value": 66}],
    "ne": [{"t": -60, "ch": "A", "rate": 4.8, "conc": 60}],
    "expect": [{"t": 0, "phase": "ACTIVE"}, {"t": 0, "target": 65}],
}


def document(**changes):
    """The quiet patient, changed; `expect` lines are added to his own."""
    made = copy.deepcopy(QUIET)
    made["expect"] += changes.pop("expect", [])
    return made | changes


def differences(made, folder=Path()):
    return rehearse_document(made, folder / "scenario.yaml").differences
