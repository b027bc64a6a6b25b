"""Attach your own language engine to Usher: get every turn of a contact, give its answer."""

from ._client import Connector, Refused
from ._turns import Action, Closed, Failed, Outcome, Reply, Turn
from ._messages import Button, Message, card, image, payload, quick_replies, text

__all__ = [
    "Action",
    "Button",
    "Closed",
    "Connector",
    "Failed",
    "Message",
    "Outcome",
    "Refused",
    "Reply",
    "Turn",
    "card",
    "image",
    "payload",
    "quick_replies",
    "text",
]
