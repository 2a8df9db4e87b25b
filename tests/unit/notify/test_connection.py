"""The MQTT client can be stopped in any instant."""

import asyncio

import aiomqtt
import pytest

from monitor_daemon.notify.connection import Client


async def test_a_stop_in_the_instant_of_an_answer_is_not_forgotten():
    answer = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(Client("127.0.0.1")._wait_for(answer, 5))
    await asyncio.sleep(0)
    answer.set_result("accepted")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_answer_that_does_not_come_is_the_librarys_error():
    silence = asyncio.get_running_loop().create_future()
    with pytest.raises(aiomqtt.MqttError, match="timed out"):
        await Client("127.0.0.1")._wait_for(silence, 0.01)
    assert silence.cancelled()
