"""What a kind of rule is: the things it may do at each instant (reference section 0.2)."""

from collections.abc import Sequence

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import Correct, Observe
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.relive import Relived


class Family:
    """A kind of rule. Subclass it in a file of its own and list it in `rules/__init__.py`.

    `kind` names the options that a protocol file gives it. `sampled`: its alerts rest on what
    devices sent, and are void if that was another patient's. `late`: it looks at pressures only and
    judges late ones too. `pumped`: it judges late news of pumps too. A subclass overrides what it
    needs.
    """

    kind = RuleKind(frozenset())
    sampled = False
    late = False
    pumped = False

    def advance(self, moment: Moment, rule: Rule) -> None:
        """Step 3: move phases and memories with the data."""

    def entry(self, moment: Moment, rule: Rule, entry: Observe | Correct) -> None:
        """Step 4: a person's entry arrived."""

    def judge(self, moment: Moment, rule: Rule) -> Verdict | None:
        """Step 5: does the condition of the alert hold? None: this rule raises by itself."""
        del moment, rule
        return None

    def close(self, moment: Moment, rule: Rule) -> None:
        """After step 5, at whole minutes only: write what is in force from now on."""

    def finish(self, moment: Moment, rule: Rule) -> None:
        """The subject leaves his devices: complete what was left open."""

    def remake(
        self, moment: Moment, rule: Rule, minutes: Sequence[int], relived: Relived | None
    ) -> None:
        """The pressures of `minutes`, in order, or what the pumps did is known only now (0.7)."""

    def lose(self, moment: Moment, rule: Rule, since: int) -> None:
        """What the bed told since `since` (ms) was another patient's: it is unknown (0.7)."""
