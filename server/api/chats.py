"""The part of the control API that is about conversations and comparisons (docs/control-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.response import Response

from paddock.sdk.chats import BranchRequest, ChatSearch, FolderPatch, MessagePatch, NewMessage
from paddock.sdk.compare import AdoptRequest, AskPanes, StandingsBy, VoteRequest
from paddock.sdk.errors import BadRequest
from paddock.sdk.types import ChatPatch, NewChat, Pane, SendRequest
from paddock.server.api.bodies import client_of, decode
from paddock.server.api.streams import followed

if TYPE_CHECKING:
    from paddock.server.host import Host

Asked = Request[Any, Any, Any]
Answer = Response[Any]


class ChatsApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        chat = "/control/chats/{chat_id:str}"
        message = chat + "/messages/{message_id:str}"
        folder = "/control/chat-folders/{folder_id:str}"
        return [
            get("/control/chats")(self.chats),
            post("/control/chats", status_code=200)(self.create),
            post("/control/chat-search", status_code=200)(self.search),
            get(chat)(self.chat),
            patch(chat)(self.patch),
            delete(chat, status_code=204)(self.delete),
            post(chat + "/restore", status_code=200)(self.restore),
            post(chat + "/branch", status_code=200)(self.branch),
            post(chat + "/send", status_code=200)(self.send),
            post(chat + "/messages", status_code=200)(self.add_message),
            patch(message)(self.patch_message),
            get(message + "/revisions")(self.revisions),
            get("/control/pictures/{name:str}")(self.picture),
            get("/control/chat-folders")(self.folders),
            post("/control/chat-folders", status_code=200)(self.add_folder),
            patch(folder)(self.patch_folder),
            delete(folder, status_code=204)(self.delete_folder),
            post(chat + "/panes", status_code=200)(self.set_panes),
            post(chat + "/ask", status_code=200)(self.ask_panes),
            post(chat + "/adopt", status_code=200)(self.adopt),
            get(chat + "/plan")(self.plan),
            get("/control/votes")(self.votes),
            post("/control/votes", status_code=200)(self.vote),
            delete("/control/votes/{vote_id:str}", status_code=204)(self.take_back),
            get("/control/leaderboard")(self.leaderboard),
        ]

    # -------------------------------------------------------------- conversations

    async def chats(self, request: Asked) -> Answer:
        deleted = _flag(request, "deleted")
        return _json(await self._host.chats.conversations.summaries(deleted=deleted))

    async def create(self, request: Asked) -> Answer:
        return _json(await self._host.chats.conversations.create(decode(await request.body(), NewChat)))

    async def chat(self, chat_id: str) -> Answer:
        return _json(await self._host.chats.conversations.get(chat_id))

    async def patch(self, chat_id: str, request: Asked) -> Answer:
        return _json(await self._host.chats.conversations.patch(chat_id, decode(await request.body(), ChatPatch)))

    async def delete(self, chat_id: str, request: Asked) -> None:
        await self._host.chats.conversations.delete(chat_id, forever=_flag(request, "forever"))

    async def restore(self, chat_id: str) -> Answer:
        return _json(await self._host.chats.conversations.restore(chat_id))

    async def send(self, chat_id: str, request: Asked) -> Answer:
        asked = decode(await request.body(), SendRequest)
        run = await self._host.chats.conversations.send(chat_id, asked, client_of(request))
        return followed(run)

    async def picture(self, name: str) -> Answer:
        return _json(await self._host.chats.editing.picture(name))

    # -------------------------------------------------------------- by hand

    async def search(self, request: Asked) -> Answer:
        return _json(await self._host.chats.editing.search(decode(await request.body(), ChatSearch)))

    async def branch(self, chat_id: str, request: Asked) -> Answer:
        asked = decode(await request.body(), BranchRequest)
        return _json(await self._host.chats.editing.branch(chat_id, asked.message))

    async def add_message(self, chat_id: str, request: Asked) -> Answer:
        return _json(await self._host.chats.editing.add_message(chat_id, decode(await request.body(), NewMessage)))

    async def patch_message(self, chat_id: str, message_id: str, request: Asked) -> Answer:
        asked = decode(await request.body(), MessagePatch)
        return _json(await self._host.chats.editing.patch_message(chat_id, message_id, asked))

    async def revisions(self, chat_id: str, message_id: str) -> Answer:
        return _json(await self._host.chats.editing.revisions(chat_id, message_id))

    async def folders(self) -> Answer:
        return _json(await self._host.chats.editing.folders())

    async def add_folder(self, request: Asked) -> Answer:
        return _json(await self._host.chats.editing.put_folder("", decode(await request.body(), FolderPatch)))

    async def patch_folder(self, folder_id: str, request: Asked) -> Answer:
        return _json(await self._host.chats.editing.put_folder(folder_id, decode(await request.body(), FolderPatch)))

    async def delete_folder(self, folder_id: str) -> None:
        await self._host.chats.editing.delete_folder(folder_id)

    # -------------------------------------------------------------- comparing

    async def set_panes(self, chat_id: str, request: Asked) -> Answer:
        return _json(await self._host.chats.comparing.set_panes(chat_id, decode(await request.body(), list[Pane])))

    async def ask_panes(self, chat_id: str, request: Asked) -> Answer:
        asked = decode(await request.body(), AskPanes)
        return _json(await self._host.chats.comparing.ask(chat_id, asked, client_of(request)))

    async def adopt(self, chat_id: str, request: Asked) -> Answer:
        asked = decode(await request.body(), AdoptRequest)
        return _json(await self._host.chats.comparing.adopt(chat_id, asked.pane))

    async def plan(self, chat_id: str) -> Answer:
        return _json(await self._host.chats.comparing.plan(chat_id))

    async def vote(self, request: Asked) -> Answer:
        return _json(await self._host.chats.comparing.vote(decode(await request.body(), VoteRequest)))

    async def votes(self, request: Asked) -> Answer:
        return _json(await self._host.chats.comparing.votes(request.query_params.get("chat", "")))

    async def take_back(self, vote_id: str) -> None:
        await self._host.chats.comparing.take_back(vote_id)

    async def leaderboard(self, request: Asked) -> Answer:
        by = request.query_params.get("by", "model")
        try:
            wanted = msgspec.convert(by, StandingsBy)
        except msgspec.ValidationError:
            raise BadRequest(f"There is no leaderboard by “{by}”.", hint="Ask by model, quant or tag.") from None
        return _json(await self._host.chats.comparing.leaderboard(wanted, request.query_params.get("tag", "")))


def _flag(request: Asked, name: str) -> bool:
    return request.query_params.get(name, "") in ("1", "true")


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
