"""Turns, their answers, and what becomes of contacts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ._messages import Message, text

Words = str | Message | Sequence[str | Message]
"""A text, a message, or several of either."""


class Failed(Exception):
    """Raise it when you cannot answer: the customer hears the profile's fallback message at once.

    `detail` is for the administrator's eyes: nothing of the customer's, no secret.
    """

    def __init__(self, detail: str = "", kind: Literal["internal", "unavailable", "quota"] = "internal") -> None:
        super().__init__(detail)
        self.detail = detail
        self.kind = kind


@dataclass(frozen=True)
class Action:
    """Something for the contact centre to do, by its exact name in the profile."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = True
    """False while parameters are missing: then nothing is done yet."""


@dataclass(frozen=True)
class Reply:
    """A whole answer. What is left out is not sent."""

    messages: Words = ()
    action: Action | None = None
    not_understood: bool = False
    end: bool = False
    live_agent: bool = False
    intent: str | None = None
    confidence: float | None = None

    def frame(self, turn_id: str) -> dict[str, Any]:
        frame: dict[str, Any] = {"type": "reply", "turn_id": turn_id}
        if messages := as_messages(self.messages):
            frame["messages"] = messages
        if self.action is not None:
            frame["action"] = self.action.name
            frame["parameters"] = dict(self.action.parameters)
            if not self.action.complete:
                frame["parameters_complete"] = False
        for flag in ("not_understood", "end", "live_agent"):
            if getattr(self, flag):
                frame[flag] = True
        if self.intent is not None:
            frame["intent"] = self.intent
        if self.confidence is not None:
            frame["confidence"] = self.confidence
        return frame


def as_messages(words: Words) -> list[Message]:
    if isinstance(words, str):
        return [text(words)]
    if isinstance(words, Mapping):
        return [words]
    return [text(it) if isinstance(it, str) else it for it in words]


@dataclass(frozen=True)
class Turn:
    """One input of a contact, waiting for its answer."""

    id: str
    contact: str
    media: Literal["openmedia", "webinteraction", "speech"]
    language: str
    input: Mapping[str, Any]
    """Exactly one of `text`, `event`, `structured`, `dtmf`."""
    parameters: Mapping[str, Any]
    """The contact's attributes, and what happened since the last turn."""
    actions: Sequence[str]
    """Names of the actions that can be asked for."""
    deadline_ms: int
    again: bool
    """You, or another process of yours, may have had this turn before."""
    shadow: bool
    """Nobody sees the answer: do nothing that has effects elsewhere."""
    seed: Mapping[str, Any] | None
    """What was said before, when you take over from another engine."""
    _send: Callable[[dict[str, Any]], Awaitable[None]] = field(repr=False, compare=False)

    @property
    def text(self) -> str | None:
        """The customer's words, if the input is words."""
        words = self.input.get("text")
        return words if isinstance(words, str) else None

    @property
    def event(self) -> str | None:
        """The event's name, if the input is one."""
        event = self.input.get("event")
        return event["name"] if isinstance(event, Mapping) else None

    async def say(self, words: Words) -> None:
        """Says a part of the answer now; the rest is what the handler returns. Raises if it is too large."""
        await self._send({"type": "reply", "turn_id": self.id, "messages": as_messages(words), "final": False})

    async def typing(self) -> None:
        """The customer sees that somebody writes."""
        await self._send({"type": "typing", "turn_id": self.id})

    @classmethod
    def of(cls, frame: Mapping[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> "Turn":
        return cls(
            id=frame["turn_id"],
            contact=frame["contact"],
            media=frame["media"],
            language=frame["language"],
            input=frame["input"],
            parameters=frame["parameters"],
            actions=frame.get("actions", ()),
            deadline_ms=frame["deadline_ms"],
            again=frame.get("again", False),
            shadow=frame.get("shadow", False),
            seed=frame.get("seed"),
            _send=send,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of an action, or of a hand-over that the gateway began by itself (`action` is None)."""

    contact: str
    outcome: str
    action: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Closed:
    """A contact is over: forget it."""

    contact: str
    reason: str
