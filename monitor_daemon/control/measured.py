"""Which measurement a person means: he gives its time to the minute, from memory or a chart."""

from typing import Final

import msgspec

from monitor_daemon.clock import iso
from monitor_daemon.core.errors import CommandError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.people import Command, Correct
from monitor_daemon.core.results import KINDS
from monitor_daemon.core.rules.crt import Crt
from monitor_daemon.core.ward import Ward

#: How far the time of a correction may be from that of the measurement. Two of one kind are further
#: apart: a refill time is due every 30 minutes, or 10 after one that is to be confirmed.
_NEAR: Final = 5 * MINUTE
#: Measurements that a refusal names.
_SHOWN: Final = 3


def meant(given: Command, ward: Ward) -> Command:
    """A correction with the very time of the measurement that it means; else the command itself.

    Of refill times only the newest one is remembered, so that another passes as it is: it stands in
    the record and moves nothing. Raises CommandError if no other value was measured then.
    """
    subject = ward.state.subjects.get(given.subject)
    if not isinstance(given, Correct) or subject is None:
        return given
    if given.kind == "crt":
        # Asked only: what is remembered changes by the record alone.
        last = subject.recall(Crt).last if Crt.__name__ in subject.memory else None
        known = [] if last is None else [last.measured]
    else:
        bed = ward.state.beds.get(subject.bed or "")
        kept = [subject.results, *([] if bed is None else [bed.results])]
        known = [at for results in kept for at, _ in results.values.get(given.kind, [])]
    nearest = min(known, key=lambda at: abs(at - given.at), default=None)
    if nearest is not None and abs(nearest - given.at) <= _NEAR:
        return msgspec.structs.replace(given, at=nearest)
    if given.kind in KINDS:
        newest = ", ".join(iso(at) for at in sorted(known)[-_SHOWN:]) or "never"
        raise CommandError(
            f"{given.kind}: none was measured at {iso(given.at)}; measured: {newest}",
            code="BAD_TIME",
        )
    return given
