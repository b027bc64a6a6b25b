"""The connection to the gateway: dials, answers, and comes back after a cut."""

import asyncio
import json
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from ._turns import Closed, Failed, Outcome, Reply, Turn, Words
from ._work import Work

log = logging.getLogger("usher_connector")

SUBPROTOCOL = "usher.connector.v1"
MAX_FRAME_BYTES = 1024 * 1024  # From the gateway; `welcome` says what it takes itself.
MAX_DETAIL_BYTES = 512
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
        self._largest_answer = 65_536
        self._running: dict[str, Work] = {}
        # What is answered, with the time: a turn that comes again gets the same answer.
        self._answered: OrderedDict[str, tuple[float, Work]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = asyncio.Event()

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
        while not self._leaving.is_set():
            try:
                if await self._serve_once():
                    pause = FIRST_PAUSE_S
            except InvalidStatus as refused:
                self._refused(refused)
                pause = max(pause, _retry_after(refused))
            except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
                log.warning("no connection to the gateway: %s", type(error).__name__)
            try:
                await asyncio.wait_for(self._leaving.wait(), pause * random.uniform(0.75, 1.25))
            except TimeoutError:
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def leave(self) -> None:
        """Takes no further turns; `serve` returns when the running ones are answered."""
        self._leaving.set()
        await self._say_leaving()  # Without a socket: after the next `welcome`.

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
        if socket.close_code == 1000 and self._leaving.is_set():
            return welcomed
        if (reason := FINAL_CLOSES.get(socket.close_code or 0)) is not None:
            raise Refused(reason)
        log.info("the connection was closed: %s %s", socket.close_code, socket.close_reason)
        return welcomed

    async def _welcome(self, frame: Mapping[str, Any], socket: ClientConnection) -> None:
        # Handlers run on, even if the session is a new one: their turns may come again.
        self._session = frame["session"]
        self._largest_answer = frame["max_frame_bytes"]
        self._socket = socket
        log.info("serving profile %s of %s", frame["profile"], frame["unit"])
        if self._leaving.is_set():
            await self._say_leaving()

    async def _say_leaving(self) -> None:
        try:
            if self._socket is not None:
                await self._socket.send('{"type": "leaving"}')
        except ConnectionClosed:
            pass

    def _take(self, frame: Mapping[str, Any]) -> None:
        match frame.get("type"):
            case "turn":
                self._take_turn(frame)
            case "cancelled":
                self._stop(frame["turn_id"])
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
                if frame.get("code") in ("bad_json", "bad_frame") and "turn_id" in frame:
                    self._stop(frame["turn_id"])  # The gateway fails it at once.
            case _:
                pass  # New kinds may come within v1.

    def _take_turn(self, frame: Mapping[str, Any]) -> None:
        turn_id = frame["turn_id"]
        work = self._running.get(turn_id)
        if work is None and turn_id in self._answered:
            work = self._answered[turn_id][1]
        if work is not None:
            self._start(work.come_again(self._socket))
            return
        work = self._running[turn_id] = Work(self._socket)
        work.task = self._start(self._answer(frame, work))

    def _stop(self, turn_id: str) -> None:
        """Nobody waits for this turn any more."""
        work = self._running.pop(turn_id, None)
        if work is not None and work.task is not None:
            work.task.cancel()

    async def _answer(self, frame: Mapping[str, Any], work: Work) -> None:
        assert self._on_turn is not None
        turn_id = frame["turn_id"]

        async def send(frame: dict[str, Any]) -> None:
            data = self._encode(frame)
            if self._running.get(turn_id) is work:
                await (work.say(data) if frame["type"] == "reply" else work.hint(data))

        try:
            try:
                answer = await self._on_turn(Turn.of(frame, send))
                reply = answer if isinstance(answer, Reply) else Reply(() if answer is None else answer)
                data = self._encode(reply.frame(turn_id))
            except Failed as failed:
                data = self._encode(_failed(turn_id, failed))
            except Exception:
                log.exception("the handler failed")
                data = self._encode(_failed(turn_id, Failed()))
            if self._running.get(turn_id) is not work:
                return  # Stopped, and the handler would not hear of it.
            self._keep(turn_id, work)
        finally:
            if self._running.get(turn_id) is work:
                del self._running[turn_id]
        await work.finish(data)

    def _encode(self, frame: dict[str, Any]) -> str:
        data = json.dumps(frame, allow_nan=False, ensure_ascii=False)
        if len(data.encode()) > self._largest_answer:
            raise Failed("the answer is larger than max_frame_bytes")
        return data

    def _keep(self, turn_id: str, work: Work) -> None:
        now = asyncio.get_running_loop().time()
        self._answered[turn_id] = (now, work)
        while self._answered and (
            len(self._answered) > 2 * self._credits or next(iter(self._answered.values()))[0] < now - ANSWERS_KEPT_S
        ):
            self._answered.popitem(last=False)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _notify(self, handled: Awaitable[None]) -> None:
        async def quietly() -> None:
            try:
                await handled
            except Exception:
                log.exception("a handler of notices failed")

        self._start(quietly())

    def _refused(self, refused: InvalidStatus) -> None:
        status = refused.response.status_code
        if status in (400, 401, 404, 405, 409, 426):
            try:
                detail = json.loads(refused.response.body or b"{}").get("detail", "")
            except ValueError:
                detail = ""
            raise Refused(f"the gateway answered {status}: {detail}") from None
        log.warning("the gateway answered %s", status)


def _failed(turn_id: str, failed: Failed) -> dict[str, Any]:
    frame = {"type": "failed", "turn_id": turn_id, "kind": failed.kind}
    if failed.detail:
        frame["detail"] = str(failed.detail).encode(errors="replace")[:MAX_DETAIL_BYTES].decode(errors="ignore")
    return frame


def _retry_after(refused: InvalidStatus) -> float:
    try:
        return min(float(refused.response.headers.get("Retry-After", "0")), LONGEST_PAUSE_S)
    except ValueError:
        return 0.0
