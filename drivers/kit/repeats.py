"""A message that its sender repeats until it is answered: stored once, answered each time.

The memory is that of a running link and limited. After a restart, or when so many other messages
came in between that it has forgotten, a repeat is stored a second time; the record then cites both
originals, and the core takes a value of the same source and time only once.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from drivers.kit.contract import Message, Problem
from drivers.kit.link import Sink
from drivers.kit.link_state import LinkState

#: Messages and senders remembered for each link. Thirty beds that send once a minute fill this in
#: more than two days; it takes about 20 MB.
MESSAGES: Final = 100_000
SENDERS: Final = 64

#: Storage of a message: still under way, or None when it is done.
_Storing = asyncio.Future[object] | None
_Memory = OrderedDict[bytes, _Storing]


@dataclass(frozen=True, slots=True)
class Repeatable(Message):
    """A message whose sender sends the same bytes again if he gets no answer.

    `sender` is what he calls himself on the wire. A driver makes one only if the bytes tell a
    repeat from a new message with the same values, by an identifier and a time of transmission.
    """

    sender: bytes = b""


class Once:
    """A sink before another `sink`: it hands on each `Repeatable` once.

    A repeat is done when the first one is stored, so that its answer promises no more than that.
    `repeats` counts them. When `messages` are remembered, the sender who sent most of them forgets
    his oldest.
    """

    def __init__(self, sink: Sink, messages: int = MESSAGES, senders: int = SENDERS) -> None:
        self.repeats = 0
        self._sink = sink
        self._messages = messages
        self._senders = senders
        self._memories: OrderedDict[bytes, _Memory] = OrderedDict()
        self._storing: deque[tuple[_Memory, bytes, asyncio.Future[object]]] = deque()

    def message(self, link: str, message: Message, received: float) -> Awaitable[object]:
        """Store a message unless it is known. Raises what the sink raises."""
        if not isinstance(message, Repeatable):
            return self._sink.message(link, message, received)
        self._settle()
        memory = self._memory(message.sender)
        key = sha256(message.raw).digest()
        if key in memory:
            known = memory[key]
            if known is None or not _failed(known):
                self.repeats += 1
                # Whoever gives up waiting for the repeat must not cancel the first.
                return asyncio.sleep(0) if known is None else asyncio.shield(known)
        storing = asyncio.ensure_future(self._sink.message(link, message, received))
        memory[key] = storing
        memories = self._memories.values()
        if sum(map(len, memories)) > self._messages:
            max(memories, key=len).popitem(last=False)
        self._storing.append((memory, key, storing))
        return storing

    def problem(self, link: str, problem: Problem) -> None:
        """Hand on."""
        self._sink.problem(link, problem)

    def state(self, link: str, state: LinkState, reason: str, since: float) -> None:
        """Hand on."""
        self._sink.state(link, state, reason, since)

    def _memory(self, sender: bytes) -> _Memory:
        memory = self._memories.get(sender)
        if memory is None:
            memory = self._memories[sender] = OrderedDict()
            if len(self._memories) > self._senders:
                self._memories.popitem(last=False)
        else:
            self._memories.move_to_end(sender)
        return memory

    def _settle(self) -> None:
        """Let go of what has been stored since, forget what could not be."""
        while self._storing and self._storing[0][2].done():
            memory, key, storing = self._storing.popleft()
            if memory.get(key) is storing:
                if _failed(storing):
                    del memory[key]
                else:
                    memory[key] = None


def _failed(storing: "asyncio.Future[object]") -> bool:
    return storing.done() and (storing.cancelled() or storing.exception() is not None)
