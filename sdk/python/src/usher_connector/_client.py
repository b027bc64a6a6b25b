"""The connection to the gateway: dials, answers, and comes back after a cut."""

import asyncio
import json
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from ._turns import Closed, Failed, Outcome, Reply, Turn, Words

log = logging.getLogger("usher_connector")

SUBPROTOCOL = "usher.connector.v1"
MAX_FRAME_BYTES = 1024 * 1024
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
ANSWERS_KEPT_S = 60.0
# After these nothing is gained by coming back as we are.
FINAL_CLOSES = {4001: "the token is revoked", 4004: "the session goes on on another socket", 4005: "the profile is gone"}

Answer = Words | Reply | None
OnTurn = Callable[[Turn], Awaitable[Answer]]


class Refused(Exception):
    """The gateway does not let us in, and trying again would not help."""


class Connector:
    """Serves one profile. Register a handler for turns, then `run` it.

    `url` is the gateway's, such as `ws://127.0.0.1:7402` or `wss://usher.example.com`.
    """

    def __init__(self, url: str, token: str, *, name: str = "usher-connector-python", credits: int = 16) -> None:
        self._url = url.rstrip("/") + ("" if url.rstrip("/").endswith("/connectors/v1") else "/connectors/v1")
        self._token = token
        self._name = name
        self._credits = credits
        self._session: str | None = None
        self._socket: ClientConnection | None = None
        self._on_turn: OnTurn | None = None
        self._on_outcome: Callable[[Outcome], Awaitable[None]] | None = None
        self._on_closed: Callable[[Closed], Awaitable[None]] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        # Final answers by turn, with the time they were given: a turn that comes again gets the same one.
        self._answers: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()
        self._notices: set[asyncio.Task[None]] = set()
        self._leaving = False

    def on_turn(self, handler: OnTurn) -> OnTurn:
        """The handler returns the answer: words, messages, or a `Reply`; None ends an answer that `turn.say` began."""
        self._on_turn = handler
        return handler

    def on_outcome(self, handler: Callable[[Outcome], Awaitable[None]]) -> Callable[[Outcome], Awaitable[None]]:
        self._on_outcome = handler
        return handler

    def on_closed(self, handler: Callable[[Closed], Awaitable[None]]) -> Callable[[Closed], Awaitable[None]]:
        self._on_closed = handler
        return handler

    def run(self) -> None:
        """Serves until the process is interrupted."""
        try:
            asyncio.run(self.serve())
        except KeyboardInterrupt:
            pass

    async def serve(self) -> None:
        """Serves until `leave`, or until the gateway refuses for good (`Refused`)."""
        if self._on_turn is None:
            raise RuntimeError("register a handler first: @connector.on_turn")
        pause = FIRST_PAUSE_S
        while not self._leaving:
            try:
                if await self._serve_once():
                    pause = FIRST_PAUSE_S
            except InvalidStatus as refused:
                self._refused(refused)
                pause = max(pause, _retry_after(refused))
            except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
                log.warning("no connection to the gateway: %s", type(error).__name__)
            if not self._leaving:
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def leave(self) -> None:
        """Takes no further turns; `serve` returns when the running ones are answered."""
        self._leaving = True
        await self._send({"type": "leaving"})

    async def _serve_once(self) -> bool:
        """One connection, from dial to close. Says whether the gateway welcomed us."""
        welcomed = False
        async with connect(
            self._url,
            additional_headers={"Authorization": f"Bearer {self._token}"},
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            max_size=MAX_FRAME_BYTES,
        ) as socket:
            hello: dict[str, Any] = {"type": "hello", "name": self._name, "credits": self._credits}
            if self._session is not None:
                hello["resume"] = self._session
            await socket.send(json.dumps(hello))
            try:
                async for data in socket:
                    frame = json.loads(data)
                    if frame.get("type") == "welcome":
                        welcomed = True
                        await self._welcome(frame, socket)
                    else:
                        self._take(frame)
            except ConnectionClosed:
                pass  # The code tells why, below.
            finally:
                self._socket = None
        if socket.close_code == 1000 and self._leaving:
            return welcomed
        if (reason := FINAL_CLOSES.get(socket.close_code or 0)) is not None:
            raise Refused(reason)
        log.info("the connection was closed: %s %s", socket.close_code, socket.close_reason)
        return welcomed

    async def _welcome(self, frame: Mapping[str, Any], socket: ClientConnection) -> None:
        if self._session is not None and not frame["resumed"]:
            # Nobody waits for what the old session asked.
            for task in list(self._running.values()):
                task.cancel()
        self._session = frame["session"]
        self._socket = socket
        log.info("serving profile %s of %s", frame["profile"], frame["unit"])

    def _take(self, frame: Mapping[str, Any]) -> None:
        match frame.get("type"):
            case "turn":
                self._take_turn(frame)
            case "cancelled":
                if task := self._running.get(frame["turn_id"]):
                    task.cancel()
            case "outcome" if self._on_outcome is not None:
                self._notify(
                    self._on_outcome(
                        Outcome(frame["contact"], frame["outcome"], frame.get("action"), frame.get("detail"))
                    )
                )
            case "closed" if self._on_closed is not None:
                self._notify(self._on_closed(Closed(frame["contact"], frame["reason"])))
            case "error":
                log.error("the gateway refused a frame: %s %s", frame.get("code"), frame.get("message"))
            case _:
                pass  # New kinds may come within v1.

    def _take_turn(self, frame: Mapping[str, Any]) -> None:
        turn_id = frame["turn_id"]
        if turn_id in self._running:
            return  # At work on it: it is answered once.
        known = self._answers.get(turn_id)
        work = self._send(known[1]) if known is not None else self._answer(Turn.of(frame, self._send))
        task = asyncio.ensure_future(work)
        self._running[turn_id] = task
        task.add_done_callback(lambda _: self._running.pop(turn_id, None))

    async def _answer(self, turn: Turn) -> None:
        assert self._on_turn is not None
        try:
            answer = await self._on_turn(turn)
            reply = answer if isinstance(answer, Reply) else Reply(() if answer is None else answer)
            frame = reply.frame(turn.id)
        except Failed as failed:
            frame = {"type": "failed", "turn_id": turn.id, "kind": failed.kind}
            if failed.detail:
                frame["detail"] = failed.detail[:500]
        except Exception:
            log.exception("the handler failed")
            frame = {"type": "failed", "turn_id": turn.id, "kind": "internal"}
        self._keep(turn.id, frame)
        await self._send(frame)

    def _keep(self, turn_id: str, frame: dict[str, Any]) -> None:
        now = asyncio.get_running_loop().time()
        self._answers[turn_id] = (now, frame)
        while self._answers and (
            len(self._answers) > 2 * self._credits or next(iter(self._answers.values()))[0] < now - ANSWERS_KEPT_S
        ):
            self._answers.popitem(last=False)

    async def _send(self, frame: dict[str, Any]) -> None:
        """What cannot be sent now need not be: after a resume the gateway asks again."""
        if self._socket is not None:
            try:
                await self._socket.send(json.dumps(frame))
            except ConnectionClosed:
                pass

    def _notify(self, handled: Awaitable[None]) -> None:
        async def quietly() -> None:
            try:
                await handled
            except Exception:
                log.exception("a handler of notices failed")

        task = asyncio.ensure_future(quietly())
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    def _refused(self, refused: InvalidStatus) -> None:
        status = refused.response.status_code
        if status in (400, 401, 404, 405, 409, 426):
            try:
                detail = json.loads(refused.response.body or b"{}").get("detail", "")
            except ValueError:
                detail = ""
            raise Refused(f"the gateway answered {status}: {detail}") from None
        log.warning("the gateway answered %s", status)


def _retry_after(refused: InvalidStatus) -> float:
    try:
        return min(float(refused.response.headers.get("Retry-After", "0")), LONGEST_PAUSE_S)
    except ValueError:
        return 0.0
