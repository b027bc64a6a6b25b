#!/usr/bin/env python3
"""Writes a Dialogflow ES export of an invented contact centre: many intents whose phrases share most of their words.

    python3 benches/nlp/synthetic.py DIR [--intents 120] [--phrases 20] [--seed 1]

An intent is an act (cancel, change, ask for the price, …) on a thing (order, contract, …). Acts and things have several wordings
each, of which some are shared with others (`stop` is cancel or pause, `bill` is invoice or the last payment), and the frames around
them are the same for all, so that the words that tell intents apart are a small part of each phrase. The same arguments give the
same bytes.
"""
import argparse
import json
import pathlib
import random

# Wordings; what several rows share is meant to be confusing.
THINGS = {
    "order": ["order", "purchase", "the things I bought", "what I ordered"],
    "delivery": ["delivery", "parcel", "package", "shipment"],
    "return": ["return", "the parcel I sent back", "my returned item", "goods I returned"],
    "invoice": ["invoice", "bill", "statement", "billing document"],
    "payment": ["payment", "last bill", "direct debit", "transaction", "charge"],
    "contract": ["contract", "plan", "agreement", "tariff"],
    "subscription": ["subscription", "membership", "monthly plan", "newsletter plan"],
    "appointment": ["appointment", "booking", "slot with the technician", "visit"],
    "account": ["account", "profile", "login", "customer area"],
    "password": ["password", "passcode", "login code", "secret for my account"],
    "card": ["card", "credit card", "bank card", "payment card"],
    "address": ["address", "place I live", "delivery address", "street on file"],
    "phone": ["phone number", "mobile number", "number you have for me", "telephone"],
    "warranty": ["warranty", "guarantee", "cover for my device", "protection plan"],
    "device": ["device", "router", "machine", "appliance"],
    "insurance": ["insurance", "policy", "cover", "insurance policy"],
    "voucher": ["voucher", "gift card", "discount code", "coupon"],
    "points": ["points", "bonus points", "loyalty balance", "rewards"],
}
ACTS = {
    "cancel": ["cancel", "stop", "call off", "get rid of", "end"],
    "change": ["change", "modify", "update", "edit", "move"],
    "status": ["check on", "get the status of", "follow", "find out where things stand with", "see the progress of"],
    "price": ["know the price of", "find out what I pay for", "see the cost of", "know how much is due for"],
    "start": ["get a new", "set up a", "open a", "start a", "order a new"],
    "complain": ["complain about", "report a problem with", "say that something is wrong with", "raise an issue about"],
    "pause": ["pause", "stop for a while", "put on hold", "suspend"],
    "copy": ["get a copy of", "see again", "have you resend", "print", "download"],
    "explain": ["understand", "have someone explain", "get information about", "ask a question about"],
    "confirm": ["confirm", "make sure you have", "verify", "double-check"],
}
FRAMES = [
    "I want to {}", "I would like to {}", "I'd like to {}", "how can I {}", "how do I {}", "can I {}", "could you help me {}",
    "please help me to {}", "is it possible to {}", "I need to {}", "what do I have to do to {}", "tell me how to {}", "I am trying to {}",
    "where can I {}", "hello, I want to {}", "hi there, can I {}", "{}", "please {}", "I was told I could {}", "do you let me {}",
    "my wife wants to {}", "we would like to {}", "can someone {} for me", "I can't seem to {}", "I've been trying to {}",
]
# Without the act's verb: as people say it, and harder.
SHORT = {
    "cancel": ["I don't want the {} any more", "no more {} please", "the {} is no longer needed"],
    "change": ["the {} is wrong, it must be different", "my {} has changed", "there is a mistake in my {}"],
    "status": ["where is my {}", "any news on the {}", "what is going on with the {}", "still waiting for the {}"],
    "price": ["how much is the {}", "what does the {} cost me", "price of the {}"],
    "start": ["I don't have a {} yet", "do you offer a {}", "a new {} please"],
    "complain": ["the {} is a disaster", "there is something wrong with my {}", "not happy with the {}"],
    "pause": ["I am away, no {} until then", "not now with the {}, later", "can the {} wait a month"],
    "copy": ["I lost the {}", "my {} got lost, send it again", "I need the {} on paper"],
    "explain": ["what is the {} about", "what does {} mean", "I don't get the {}"],
    "confirm": ["is my {} all right", "did the {} go through", "do you have my {}"],
}
TAILS = ["", "", "", " please", " thanks", " today", " online", " by phone", " if possible", " as soon as possible", " this week", " for me",
         " before {date}", " from {date}", " with number {number}", " for {city}"]
VALUES = {
    "date": ("@sys.date", "date", ["tomorrow", "next monday", "the 3rd of may", "today", "next week", "friday", "12 june"]),
    "number": ("@sys.number", "number", ["4711", "12", "350", "20031", "7"]),
    "city": ("@sys.geo-city", "city", ["Berlin", "Hamburg", "London", "Paris", "Vienna"]),
}
ARTICLES = ["my", "the", "my", "our", "this", "that"]


def typo(text, dice):
    """One slip of the finger."""
    at = dice.randrange(1, max(2, len(text) - 2))
    kind = dice.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1:]
    if kind == 1:
        return text[:at] + text[at + 1:at + 2] + text[at:at + 1] + text[at + 2:]
    return text[:at] + text[at] + text[at:]


def noun(thing, dice):
    word = dice.choice(THINGS[thing])
    return word if word.startswith(("the ", "what ", "my ")) else f"{dice.choice(ARTICLES)} {word}"


def phrase(act, thing, dice):
    if dice.random() < 0.3:
        said = dice.choice(SHORT[act]).format(dice.choice(THINGS[thing]))
    else:
        verb = dice.choice(ACTS[act])
        what = dice.choice(THINGS[thing]) if verb.endswith((" a", " new")) else noun(thing, dice)
        said = dice.choice(FRAMES).format(f"{verb} {what}")
    if dice.random() < 0.08:
        said = typo(said, dice)
    if dice.random() < 0.05:
        said = said.upper()
    tail = dice.choice(TAILS)
    for name, (meta, alias, values) in VALUES.items():
        before, mark, after = tail.partition("{" + name + "}")
        if mark:
            return [{"text": said + before, "userDefined": False},
                    {"text": dice.choice(values), "meta": meta, "alias": alias, "userDefined": True}]
    return [{"text": said + tail + dice.choice(["", "", ".", "?"]), "userDefined": False}]


def intent(name, parameters):
    return {"id": name, "name": name, "auto": True, "contexts": [], "events": [], "priority": 500000, "fallbackIntent": False,
            "webhookUsed": False, "webhookForSlotFilling": False, "responses": [{
                "action": name, "resetContexts": False, "affectedContexts": [], "parameters": parameters, "speech": [],
                "messages": [{"type": "0", "lang": "en", "speech": ["Done."]}]}]}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("directory", type=pathlib.Path)
    arguments.add_argument("--intents", type=int, default=120)
    arguments.add_argument("--phrases", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    dice = random.Random(given.seed)
    pairs = [(act, thing) for thing in THINGS for act in ACTS]
    if given.intents > len(pairs):
        arguments.error(f"there are {len(pairs)} intents at most")
    dice.shuffle(pairs)
    folder = given.directory / "intents"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    write = lambda path, value: path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    write(given.directory / "agent.json", {"displayName": "synthetic", "language": "en", "supportedLanguages": [],
                                           "defaultTimezone": "Europe/Berlin", "mlMinConfidence": 0.3})
    parameters = [{"id": alias, "name": alias, "required": False, "dataType": meta, "value": f"${alias}", "isList": False}
                  for meta, alias, _ in VALUES.values()]
    taken = set()
    for act, thing in pairs[:given.intents]:
        name = f"{thing}.{act}"
        phrases = []
        for attempt in range(given.phrases * 50):
            parts = phrase(act, thing, dice)
            text = "".join(it["text"] for it in parts)
            # A text means one thing.
            if len(phrases) < given.phrases and text.lower() not in taken:
                taken.add(text.lower())
                phrases.append({"id": f"{name}-{len(phrases)}", "data": parts, "isTemplate": False, "count": 0})
        write(folder / f"{name}.json", intent(name, parameters))
        write(folder / f"{name}_usersays_en.json", phrases)
    fallback = intent("Default Fallback Intent", [])
    fallback["fallbackIntent"] = True
    write(folder / "Default Fallback Intent.json", fallback)


if __name__ == "__main__":
    main()
