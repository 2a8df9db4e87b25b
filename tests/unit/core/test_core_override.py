"""A physician's own target, and whether the graces begin with it (reference R6)."""

import pytest
from bedside import KEY, PERSONALISE, Bedside, alerts, enrolment

from monitor_daemon.core.people import Override


@pytest.mark.parametrize(("grace", "raised"), [("true", 30), ("false", 25)])
def test_the_grace_of_a_new_aim_begins_with_an_override_or_does_not(grace, raised):
    # 66 mmHg under 75 from minute 15 on: sustained for 10 min, and 15 min after the change.
    text = PERSONALISE.replace("override_grace = true", f"override_grace = {grace}")
    bedside = Bedside(protocols={KEY: text})
    bedside.run(-15, 0)
    bedside.give(0, enrolment())
    bedside.run(0, 15)
    bedside.give(15, Override("S1", 75.0, "doctor", "procedure"))
    bedside.run(15, raised)
    assert "MAP_LOW" not in alerts(bedside.decisions, "raised")
    bedside.run(raised, raised + 2)
    assert "MAP_LOW" in alerts(bedside.decisions, "raised")
