"""Pumps that fall silent, and syringes nobody can put a dose to: reference section 3.5."""

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule
from monitor_daemon.core.rules.family import Family


class PumpGap(Family):
    """A channel that was delivering has said nothing for more than five minutes."""

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        silent = moment.bed.infusions.silent(moment.now)
        return Verdict(bool(silent), not silent, values={"channels": ", ".join(silent)})


class DrugUnmapped(Family):
    """A channel delivers an unknown drug, or a known one of unknown concentration."""

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        unknown = moment.bed.infusions.unknown()
        return Verdict(bool(unknown), not unknown, values={"channels": ", ".join(unknown)})
