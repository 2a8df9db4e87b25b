"""One MQTT connection that hands out the broker's acknowledgement of each message.

`aiomqtt.Client.publish` waits for an acknowledgement and drops its reason code. Here a message is
given to the socket at once, so that several fly in their order, and its future gives the code.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Self, TypeVar

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import DisconnectFlags, error_string
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor_daemon.notify.settings import BrokerSettings

#: Seconds the broker has to answer a connection or a message.
ANSWER_S = 5.0
#: Seconds of silence after which we ask the broker whether it is there; after 1.5 times as many
#: without a word from us it publishes our last will (MQTT 3.1.1 section 3.1.2.10).
KEEPALIVE_S = 15

_ENDED = "the broker ended the connection"

#: The library's own log repeats what its exceptions say, at every attempt; we say it once.
_QUIET = logging.getLogger(__name__)
_QUIET.setLevel(logging.CRITICAL)

_VERSIONS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}


class Unanswered(aiomqtt.MqttError):
    """The broker took the message and has said nothing since."""

    def __init__(self) -> None:
        super().__init__(f"no acknowledgement within {ANSWER_S:g} s")


_Answer = TypeVar("_Answer")


class Client(aiomqtt.Client):
    """The library's client, which can be stopped in any instant.

    The library waits with `asyncio.wait_for`. In Python 3.11 that forgets a cancellation which
    comes in the instant of the answer: who was to be stopped would then go on for ever.
    """

    async def _wait_for(
        self,
        fut: Awaitable[_Answer],
        timeout: float | None,  # noqa: ASYNC109 - the library's own name
    ) -> _Answer:
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None


class Connection(Client):
    """Enter it to connect. Raises aiomqtt.MqttError when the broker cannot be reached or is lost.

    A stable `identifier` makes the broker end a half-open predecessor, and publish its last will,
    before it takes us on; otherwise that will could come later than our "online".
    """

    def __init__(self, settings: BrokerSettings, identifier: str, will: aiomqtt.Will) -> None:
        super().__init__(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.password(),
            identifier=identifier,
            protocol=_VERSIONS[settings.protocol],
            will=will,
            logger=_QUIET,
            timeout=ANSWER_S,
            keepalive=KEEPALIVE_S,
            tls_context=settings.tls_context(),
        )
        self._acks: dict[int, asyncio.Future[ReasonCode]] = {}

    def send(
        self, topic: str, payload: bytes, *, retain: bool = False
    ) -> "asyncio.Future[ReasonCode]":
        """Publish with QoS 1; the future gives the reason code of the PUBACK.

        Raises ValueError if MQTT itself cannot carry the message, aiomqtt.MqttError if the
        connection is gone.
        """
        info = self._client.publish(topic, payload, 1, retain)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttError(error_string(info.rc))
        ack = self._acks[info.mid] = asyncio.get_running_loop().create_future()
        return ack

    async def deliver(self, topic: str, payload: bytes, *, retain: bool = False) -> ReasonCode:
        """`send`, and wait for the PUBACK. Raises aiomqtt.MqttError, Unanswered if none comes."""
        ack = self.send(topic, payload, retain=retain)
        ends = (ack, self._disconnected)
        await asyncio.wait(ends, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        if ack.done():
            return ack.result()
        if self._disconnected.done():
            raise aiomqtt.MqttError(_ENDED)
        raise Unanswered

    async def __aenter__(self) -> Self:
        """Connect; an attempt that failed leaves no socket behind."""
        try:
            return await super().__aenter__()
        except BaseException:
            self._client.disconnect()
            raise

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect, if there is still somebody to disconnect from."""
        if self._disconnected.done():
            self._disconnected.exception()  # it was told to whoever read messages, or to nobody
        await super().__aexit__(None, None, None)

    def _on_disconnect(
        self,
        client: PahoClient,
        userdata: object,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self._connected.cancelled():
            return  # we gave the attempt up: nobody waits, and the library would stumble over it
        # The library would wait for an answer to CONNECT although nobody is there to give it.
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(_ENDED))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self,
        client: PahoClient,
        userdata: object,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        del client, userdata, properties
        ack = self._acks.pop(mid, None)
        if ack is not None and not ack.done():
            ack.set_result(reason_code)
