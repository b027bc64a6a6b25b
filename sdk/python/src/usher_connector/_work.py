"""A turn in hand."""

import asyncio
from collections import deque

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

MOST_PARTS = 64  # The contract allows no more before the final answer.


class Work:
    """What is said of one turn goes out in order, on the socket where the turn came last.

    What a cut keeps back waits for the turn to come again.
    """

    def __init__(self, socket: ClientConnection | None) -> None:
        self.task: asyncio.Task[None] | None = None
        self._socket = socket
        self._unsent: deque[str] = deque()
        self._answer: str | None = None
        self._sending = asyncio.Lock()

    async def say(self, part: str) -> None:
        if len(self._unsent) < MOST_PARTS:
            self._unsent.append(part)
        await self._flush()

    async def hint(self, frame: str) -> None:
        """Sends what is worth nothing later."""
        try:
            if self._socket is not None:
                await self._socket.send(frame)
        except ConnectionClosed:
            pass

    async def finish(self, answer: str) -> None:
        self._answer = answer
        self._unsent.append(answer)
        await self._flush()

    async def come_again(self, socket: ClientConnection | None) -> None:
        self._socket = socket
        if self._answer is not None and self._answer not in self._unsent:
            self._unsent.append(self._answer)
        await self._flush()

    async def _flush(self) -> None:
        async with self._sending:
            while self._unsent and self._socket is not None:
                frame = self._unsent.popleft()
                try:
                    await self._socket.send(frame)
                except ConnectionClosed:
                    self._unsent.appendleft(frame)
                    return
