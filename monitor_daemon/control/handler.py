"""One handler for every door: check the request, hand it to the engine, answer what came of it."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from datetime import tzinfo
from typing import Any, Final

import msgspec

from monitor_daemon.control.asked import Asked
from monitor_daemon.control.measured import meant
from monitor_daemon.control.notes import screened
from monitor_daemon.control.requests import Order, Reply, StatusRequest, parse
from monitor_daemon.core.commands.checks import NAME
from monitor_daemon.core.decisions import (
    Alert,
    Eligibility,
    Held,
    Logged,
    Phase,
    Refused,
    Retrospective,
    Target,
)
from monitor_daemon.core.errors import CommandError, MonitorError
from monitor_daemon.engine.engine import Engine

#: The door of commands that come over the broker, where every subscriber may have read them.
MQTT: Final = "mqtt"
#: Commands by MQTT whose answers are remembered, for when the broker brings one again.
_REMEMBERED: Final = 1000
#: What a person is told of that came of a request.
_SAID = Alert | Retrospective | Eligibility | Phase | Target | Held | Logged


class Handler:
    """Carries out requests.

    `beds` are the aliases of the configuration, `status` describes all, `zone` is the site's.
    `token` is the entrance's: it makes the stand-in for a patient's hospital id.
    """

    def __init__(
        self,
        engine: Engine,
        beds: Collection[str],
        status: Callable[[], dict[str, Any]],
        zone: tzinfo,
        token: Callable[[str], str],
    ) -> None:
        self._engine = engine
        self._beds = beds
        self._status = status
        self._zone = zone
        self._token = token
        self._done: OrderedDict[tuple[str, bytes], Reply] = OrderedDict()

    async def handle(self, line: bytes, door: str) -> Reply:
        """Answer one request. `door` says how it came in and becomes part of the actor."""
        request_id = ""
        try:
            request = parse(line)
            request_id = request.request_id
            if isinstance(request, StatusRequest):
                return Reply(ok=True, request_id=request_id, result=self._described(door))
            return await self._carry_out(request, door)
        except MonitorError as error:
            return Reply(ok=False, request_id=request_id, code=error.code, reason=str(error))

    async def handle_message(self, name: str, payload: bytes) -> tuple[str, bytes] | None:
        """Answer a command that came by MQTT: (request_id, reply).

        `name` is the last level of the topic, `payload` the request's other fields. None, and
        nothing is done, without a request_id that can stand in a topic. What was done is not done
        again when the same message comes again: QoS 1 delivers at least once.
        """
        try:
            fields = msgspec.json.decode(payload, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        request_id = fields.get("request_id")
        if not isinstance(request_id, str) or NAME.fullmatch(request_id) is None:
            return None
        reply = self._done.get((name, payload))
        if reply is not None:
            reply = msgspec.structs.replace(reply, repeated=True)
        else:
            reply = await self.handle(msgspec.json.encode({**fields, "command": name}), MQTT)
            if reply.ok and name != StatusRequest.__struct_config__.tag:
                self._remember((name, payload), reply)
        answer = msgspec.structs.replace(reply, request_id=request_id)
        return request_id, msgspec.json.encode(answer)

    def _remember(self, message: tuple[str, bytes], reply: Reply) -> None:
        self._done[message] = reply
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)

    def _described(self, door: str) -> dict[str, Any]:
        """How everything stands; over the broker without the arms, which every subscriber reads."""
        found = self._status()
        if door == MQTT:
            for subject in found.get("subjects", {}).values():
                subject.pop("arm", None)
        return found

    async def _carry_out(self, request: Order, door: str) -> Reply:
        if not request.actor.strip():
            raise CommandError("actor: say who asks", code="BAD_REQUEST")
        for name in ("reason", "told"):
            text = getattr(request, name, None)
            if text is not None and not text.strip():
                raise CommandError(f"{name}: empty; say it in a few words", code="REASON_MISSING")
        bed = getattr(request, "bed", None)
        if bed is not None and bed not in self._beds:
            known = ", ".join(sorted(self._beds))
            raise CommandError(f"bed {bed!r}: one of {known}", code="UNKNOWN_BED")
        request = self._masked(request, door)
        asked = Asked(f"{request.actor} ({door})", self._engine.clock.now(), self._zone)
        command = meant(request.command(asked), self._engine.ward)
        given, held = screened(command, self._engine.ward)
        decisions = await self._engine.submit([given], held)
        for decision in decisions:
            if isinstance(decision, Refused):
                raise CommandError(decision.reason, code=decision.code)
        said = [
            msgspec.to_builtins(decision)
            for decision in decisions
            if isinstance(decision, _SAID) and decision.subject == request.subject
        ]
        return Reply(ok=True, request_id=request.request_id, result={"decisions": said})

    def _masked(self, request: Order, door: str) -> Order:
        """The request with a token for the patient's id, which goes no further than here."""
        patient = getattr(request, "patient", None)
        if patient is None:
            return request
        if door == MQTT:
            raise CommandError("patient: never by MQTT; use the command line", code="BAD_REQUEST")
        if not patient.strip():
            raise CommandError("patient: empty; give the id that ADT sends", code="BAD_VALUE")
        return msgspec.structs.replace(request, patient=self._token(patient.strip()))
