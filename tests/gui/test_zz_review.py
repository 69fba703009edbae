from __future__ import annotations
import asyncio
from typing import Any
import pytest
from hands import type_in, click
from test_inspector_store import scene, inspector, kept, change, stored  # noqa
from paddock.gui.bridge import Bridge
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.errors import StorageFailed
from paddock.sdk.types import ChatPatch, NewChat

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_refused(scene, inspector, monkeypatch):
    temperature, top_p = (inspector.samplers[name] for name in ("temperature", "top_p"))
    real = AsyncClient.patch_chat
    refused = []
    async def no(self, id, patch):
        refused.append(patch)
        raise StorageFailed("The disk is full.", hint="Make room.")
    with monkeypatch.context() as m:
        m.setattr(AsyncClient, "patch_chat", no)
        type_in(temperature.box, "0.33")
        inspector.flush()
        scene.until(lambda: bool(refused))
        scene.until(lambda: not scene.chat.settings._on_the_way)
    print("MESSAGES", scene.window.bar.texts())
    # another program changes something else
    change(scene, title="Other")
    scene.until(lambda: scene.host.chats[scene.dialogue.chat].title == "Other")
    scene.qtbot.wait(100)
    print("AFTER", inspector.sampling(), stored(scene).sampling)
    change(scene, stop=("END",))
    scene.until(lambda: inspector.settings().stop == ("END",))
    print("AFTER2", inspector.sampling(), stored(scene).sampling)
    assert inspector.sampling() == {"temperature": 0.33}


def test_order(scene, inspector, monkeypatch):
    temperature, top_p = (inspector.samplers[name] for name in ("temperature", "top_p"))
    real = AsyncClient.patch_chat
    arrived = []
    late = [True]
    async def slow(self, id, patch):
        if late:
            late.clear()
            await asyncio.sleep(0.4)
        answer = await real(self, id, patch)
        arrived.append(patch)
        return answer
    monkeypatch.setattr(AsyncClient, "patch_chat", slow)
    type_in(temperature.box, "0.33")
    inspector.flush()
    type_in(temperature.box, "0.44")
    inspector.flush()
    scene.until(lambda: len(arrived) == 2)
    scene.until(lambda: not scene.chat.settings._on_the_way)
    scene.qtbot.wait(100)
    print("ORDER", inspector.sampling(), stored(scene).sampling)
    assert stored(scene).sampling == {"temperature": 0.44}


def test_rounding(scene, inspector):
    temperature, top_p = (inspector.samplers[name] for name in ("temperature", "top_p"))
    change(scene, sampling={"temperature": 0.123456789, "top_k": 41})
    scene.until(lambda: "temperature" in inspector.sampling())
    print("SHOWN", inspector.sampling())
    type_in(top_p.box, "0.5")
    inspector.flush()
    scene.until(lambda: "top_p" in stored(scene).sampling)
    print("ROUND", stored(scene).sampling)
    assert stored(scene).sampling["temperature"] == 0.123456789


def test_reopened(scene, inspector, monkeypatch):
    temperature, top_p = (inspector.samplers[name] for name in ("temperature", "top_p"))
    other = scene.ask(lambda client: client.create_chat(NewChat(title="B", model=scene.model("fast")))).summary.id
    scene.until(lambda: other in scene.host.chats)
    first = scene.dialogue.chat
    real = AsyncClient.patch_chat
    late = [True]
    async def slow(self, id, patch):
        if late:
            late.clear()
            await asyncio.sleep(0.4)
        return await real(self, id, patch)
    monkeypatch.setattr(AsyncClient, "patch_chat", slow)
    type_in(temperature.box, "0.33")
    scene.chat.open(other)
    scene.chat.open(first)
    print("BEFORE", inspector.sampling())
    type_in(top_p.box, "0.5")
    inspector.flush()
    scene.until(lambda: not scene.chat.settings._on_the_way)
    scene.qtbot.wait(100)
    print("REOPENED", inspector.sampling(), stored(scene).sampling)
    assert inspector.sampling() == stored(scene).sampling == {"temperature": 0.33, "top_p": 0.5}


def test_host_back(scene, inspector, monkeypatch):
    from paddock.sdk.errors import HostUnavailable
    temperature = inspector.samplers["temperature"]
    refused = []
    async def no(self, id, patch):
        refused.append(patch)
        raise HostUnavailable("gone")
    with monkeypatch.context() as m:
        m.setattr(AsyncClient, "patch_chat", no)
        type_in(temperature.box, "0.33")
        inspector.flush()
        scene.until(lambda: bool(refused) and not scene.chat.settings._on_the_way)
    change(scene, stop=("END",))
    scene.host.refresh_chats()
    kept(scene, sampling={"temperature": 0.33}, stop=("END",))
    assert inspector.settings().stop == ("END",)
