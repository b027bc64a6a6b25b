"""What a customer can be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]
"""One message, as the contract writes it; made by the functions of this module."""


@dataclass(frozen=True)
class Button:
    """Pressing it sends `postback`, or else its text, as the customer's words."""

    text: str
    postback: str | None = None


def text(words: str) -> Message:
    return {"text": words}


def quick_replies(title: str, replies: Sequence[str]) -> Message:
    return {"quick_replies": {"title": title, "replies": list(replies)}}


def card(
    title: str,
    subtitle: str | None = None,
    image_uri: str | None = None,
    buttons: Sequence[Button] = (),
) -> Message:
    value: dict[str, Any] = {"title": title}
    if subtitle is not None:
        value["subtitle"] = subtitle
    if image_uri is not None:
        value["image_uri"] = image_uri
    if buttons:
        value["buttons"] = [
            {"text": it.text} if it.postback is None else {"text": it.text, "postback": it.postback} for it in buttons
        ]
    return {"card": value}


def image(uri: str, description: str | None = None) -> Message:
    return {"image": {"uri": uri} if description is None else {"uri": uri, "description": description}}


def payload(value: Mapping[str, Any]) -> Message:
    """Something that the customer's channel understands."""
    return {"payload": dict(value)}
