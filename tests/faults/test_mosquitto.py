"""The whole daemon with mosquitto: an alert, a kill and a return as a subscriber sees them."""

import pytest
from brokers import ROOT, SITE, make_broker, observing
from site_process import Gateway, Site, arterial, message, tidy, until


@pytest.fixture
async def mosquitto(tmp_path):
    async with make_broker("mosquitto", tmp_path) as broker:
        yield broker


@pytest.fixture
async def site(tmp_path, mosquitto):
    made = Site(tmp_path / "site", mosquitto.settings, ("bed-1",), speed=60.0, site_id=SITE)
    await made.start()
    yield made
    tidy(made.process)
    await made.stop()


async def open_alert(site):
    """Make MAP 34 of subject S1 an open alert; gives its id."""
    await site.enrol("S1", "bed-1", "usual_vp01")
    async with Gateway(site.mllp) as gateway:

        async def raised():
            assert b"MSA|CA|" in await gateway.send(
                message("M1", "WARD^ROOM^bed-1", "", *arterial(34))
            )
            return (await site.status())["subjects"]["S1"]["alerts"].get("SEVERE_LOW")

        return (await until(raised, "the alert"))["id"]


async def test_an_alert_reaches_who_listens_and_who_comes_later(site, mosquitto):
    async with observing(mosquitto.settings) as observer:
        await observer.sees_it_running()
        alert = await open_alert(site)
        await observer.until(lambda: observer.events)
        assert observer.events[0] == 1
        topic = f"{ROOT}/subjects/S1/alerts/{alert}"
        await observer.sees(topic, kind="SEVERE_LOW", bed="bed-1")
    async with observing(mosquitto.settings) as later:
        await later.sees(topic, alert_id=alert)
        await later.sees(f"{ROOT}/subjects/S1/state", bed="bed-1", phase="RESUS")
        await later.sees(f"{ROOT}/links/gateway", link="gateway")


async def test_a_kill_is_told_by_the_will_and_a_return_by_the_same_alert(site, mosquitto):
    async with observing(mosquitto.settings) as observer:
        alert = await open_alert(site)
        topic = f"{ROOT}/subjects/S1/alerts/{alert}"
        await observer.sees(topic, kind="SEVERE_LOW")
        await site.kill()
        await observer.sees(f"{ROOT}/status", state="offline", since=None)
        assert observer.held[topic]["kind"] == "SEVERE_LOW"
        await site.start()
        await observer.sees_it_running()
        assert "SEVERE_LOW" in (await site.status())["subjects"]["S1"]["alerts"]
        assert await site.stop() == 0
        await observer.sees(f"{ROOT}/status", state="offline", next_due=None)
    assert observer.first_receipts == sorted(observer.first_receipts)
