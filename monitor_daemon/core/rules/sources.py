"""Two sources of one signal that do not agree: one of them misleads whoever looks at it."""

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.dose import exact
from monitor_daemon.core.moment import NOREPINEPHRINE, Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class SourceDisagrees(Family):
    """Two arterial sources differ by more than `pressure` mmHg, or two pump links by `dose`.

    `dose` is a share of the larger norepinephrine dose. Only the preferred source is judged.
    """

    kind = RuleKind(frozenset({"pressure", "dose"}), shares=frozenset({"dose"}))
    sampled = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        bed, options = moment.bed, rule.options
        found: list[bool | None] = []
        pressure = dose = None
        if bed.others.lines(bed.pressure):
            pressure = bed.others.pressure_gap(bed.pressure, moment.minute)
            found.append(None if pressure is None else pressure > options["pressure"])
        if bed.others.infusions.channels:
            dose = bed.others.dose_gap(bed.infusions, NOREPINEPHRINE, moment.subject.weight_kg)
            found.append(None if dose is None else dose > exact(float(options["dose"])))
        # One that is not known may be the one that disagrees.
        holds = True if any(found) else None if None in found else False
        return Verdict(
            holds=holds,
            clears=None if holds is None else not holds,
            values={"pressure": pressure, "dose_share": None if dose is None else float(dose)},
        )
