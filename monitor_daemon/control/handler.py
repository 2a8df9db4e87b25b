"""One handler for every door: check the request, hand it to the engine, answer what came of it."""

from collections.abc import Callable, Collection
from datetime import tzinfo
from typing import Any, Final

import msgspec

from monitor_daemon.control.asked import Asked
from monitor_daemon.control.notes import screened
from monitor_daemon.control.requests import Order, Reply, StatusRequest, parse
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
        token: Callable[[str], str] | None = None,
    ) -> None:
        self._engine = engine
        self._beds = beds
        self._status = status
        self._zone = zone
        self._token = token

    async def handle(self, line: bytes, door: str) -> Reply:
        """Answer one request. `door` says how it came in and becomes part of the actor."""
        request_id = ""
        try:
            request = parse(line)
            request_id = request.request_id
            if isinstance(request, StatusRequest):
                return Reply(ok=True, request_id=request_id, result=self._status())
            return await self._carry_out(request, door)
        except MonitorError as error:
            return Reply(ok=False, request_id=request_id, code=error.code, reason=str(error))

    async def handle_message(self, name: str, payload: bytes) -> tuple[str, bytes] | None:
        """Answer a command that came by MQTT: (request_id, reply), or None if it has no id.

        `name` is the last level of the topic, `payload` the request's other fields.
        """
        try:
            fields = msgspec.json.decode(payload, type=dict[str, Any])
        except msgspec.DecodeError:
            return None
        request_id = fields.get("request_id")
        if not isinstance(request_id, str):
            return None
        reply = await self.handle(msgspec.json.encode({**fields, "command": name}), MQTT)
        answer = msgspec.structs.replace(reply, request_id=request_id)
        return request_id, msgspec.json.encode(answer)

    async def _carry_out(self, request: Order, door: str) -> Reply:
        if not request.actor:
            raise CommandError("actor: say who asks", code="BAD_REQUEST")
        bed = getattr(request, "bed", None)
        if bed is not None and bed not in self._beds:
            known = ", ".join(sorted(self._beds))
            raise CommandError(f"bed {bed!r}: one of {known}", code="UNKNOWN_BED")
        request = self._masked(request, door)
        asked = Asked(f"{request.actor} ({door})", self._engine.clock.now(), self._zone)
        given, held = screened(request.command(asked), self._engine.ward)
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
        if self._token is None:
            raise CommandError("patient: there is no key to mask it with", code="BAD_REQUEST")
        if not patient.strip():
            raise CommandError("patient: empty; give the id that ADT sends", code="BAD_VALUE")
        return msgspec.structs.replace(request, patient=self._token(patient.strip()))
