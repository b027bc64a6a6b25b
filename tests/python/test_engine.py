"""A routing engine in Python, from the contract alone, against a running gateway: `test_engine.py HOST:PORT CALL_AT_MS`.

The gateway and what its language engine answers are prepared by tests/it/python.rs. Prints each step that holds; ends
with a traceback and a status other than 0 at the first that does not.
"""

import asyncio
import sys
import tempfile
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"
PATIENCE_S = 20


def generate():
    out = tempfile.mkdtemp(prefix="usher-python-")
    include = files("grpc_tools") / "_proto"
    contract = PROTO / "usher/engine/v1/engine.proto"
    arguments = ["", f"-I{PROTO}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}", str(contract)]
    if protoc.main(arguments) != 0:
        sys.exit("engine.proto does not compile")
    sys.path.insert(0, out)


generate()
from engine import OUTCOME, Centre, Engine, pb  # noqa: E402: generated a moment ago


class Wire:
    """A TCP connection between engine and gateway that can be cut at any moment."""

    def __init__(self, upstream):
        self.host, self.port = upstream.rsplit(":", 1)
        self.writers = set()

    async def listen(self):
        self.server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    async def _relay(self, reader, writer):
        onward, back = await asyncio.open_connection(self.host, self.port)
        self.writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(onward, writer), return_exceptions=True)

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def close(self):
        self.server.close()
        self.cut()


class Desk(Centre):
    """Notes what Usher asks for, by kind and contact."""

    def __init__(self):
        self.seen = defaultdict(asyncio.Queue)
        self.refusal = None
        self.requeue_outcome = OUTCOME.OUTCOME_OFFERED

    def note(self, kind, contact, what):
        self.seen[kind, contact].put_nowait(what)

    async def next(self, kind, contact):
        return await asyncio.wait_for(self.seen[kind, contact].get(), PATIENCE_S)

    async def hears(self, contact, *texts):
        """The next thing said to the customer must be this."""
        said = [it.text for it in await self.next("say", contact)]
        assert said == list(texts), f"{said} was said to {contact}, not {texts}"

    def log_on(self, user, password, media_types):
        self.note("log_on", user, (password, media_types))
        return self.refusal

    def say(self, contact, messages):
        self.note("say", contact, list(messages))

    def requeue(self, contact, action_seq, requeue):
        self.note("requeue", contact, (action_seq, requeue))
        return self.requeue_outcome

    def create_callback(self, contact, callback):
        self.note("callback", contact, callback)
        return OUTCOME.OUTCOME_DONE

    def push_url(self, contact, url):
        self.note("push", contact, url)
        return OUTCOME.OUTCOME_DONE

    def end(self, contact, reason):
        self.note("end", contact, reason)

    def notice(self, kind, notice):
        self.note(kind, getattr(notice, "contact", ""), notice)


DIRECTORY = pb.Directory(
    queues=[
        pb.Queue(id="support", name="Support", media_type=pb.MEDIA_TYPE_WEB_INTERACTION, open=True),
        pb.Queue(id="callbacks", name="Callbacks", media_type=pb.MEDIA_TYPE_WEB_INTERACTION, open=True),
    ],
    users=[pb.User(id="va1", name="Usher", agent_rights=True, sign_on=pb.SIGN_ON_PASSWORD)],
)


def engine(target, desk, token="token-1", unit="sales"):
    return Engine(target, token, "engine-1", unit, DIRECTORY, desk)


async def open_contact(desk, engine, contact):
    engine.offer(contact, "va1", pb.MEDIA_TYPE_WEB_INTERACTION, language="en")
    accepted = await desk.next("contact_accepted", contact)
    assert accepted.agent == "va1", accepted


async def refused(target, **how):
    """The status with which the gateway turns an engine away for good."""
    try:
        await asyncio.wait_for(engine(target, Desk(), **how).link.run(), PATIENCE_S)
    except grpc.aio.AioRpcError as error:
        assert error.details(), "a refusal says why"
        return error.code()
    raise AssertionError("run ends by a refusal alone")


async def health_and_reflection(target):
    async with grpc.aio.insecure_channel(target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ["", "usher.engine.v1.VirtualAgents"]:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, (service, answer)
        # Reflection wants the token: it tells about the inside.
        bearer = (("authorization", "Bearer token-1"),)
        ask = [reflection_pb2.ServerReflectionRequest(file_containing_symbol="usher.engine.v1.VirtualAgents")]
        answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter(ask), metadata=bearer)
        async for answer in answers:
            files = [FileDescriptorProto.FromString(it) for it in answer.file_descriptor_response.file_descriptor_proto]
            methods = [method.name for file in files for service in file.service for method in service.method]
            assert methods == ["Attach"], answer
            return
        raise AssertionError("reflection answers")


async def wrong_token(target):
    assert await refused(target, token="stolen") == grpc.StatusCode.UNAUTHENTICATED


async def unknown_unit(target):
    assert await refused(target, unit="atlantis") == grpc.StatusCode.NOT_FOUND


async def log_on(desk, engine):
    password, media = await desk.next("log_on", "va1")
    assert password == "secret", "the profile's agent password"
    assert pb.MEDIA_TYPE_WEB_INTERACTION in media, media
    engine.link.send(agent_logged_off=pb.AgentLoggedOff(user="va1", reason="shift is over"))
    await desk.next("log_on", "va1")


async def talk(desk, engine):
    await open_contact(desk, engine, "talk")
    engine.customer_says("talk", "m1", "hello")
    await desk.hears("talk", "Hi there.")
    engine.customer_event("talk", "m2", "CART_OPENED", {"total": 12.5})
    await desk.hears("talk", "I see your cart.")
    engine.customer_says("talk", "m1", "hello")  # a repetition, dropped
    engine.customer_says("talk", "m3", "are you there?")
    await desk.hears("talk", "echo: are you there?")
    engine.ended("talk", "the customer left")


async def requeue_and_return(desk, engine):
    await open_contact(desk, engine, "back")
    engine.customer_says("back", "m1", "a person please")
    await desk.hears("back", "One moment.")  # the engine's text goes before its action
    seq, requeue = await desk.next("requeue", "back")
    assert requeue.queue == "support", requeue
    said = [(it.speaker, it.text) for it in requeue.context.transcript]
    customer, agent = pb.TranscriptLine.SPEAKER_CUSTOMER, pb.TranscriptLine.SPEAKER_VIRTUAL_AGENT
    assert said == [(customer, "a person please"), (agent, "One moment.")], said
    engine.outcome("back", seq, OUTCOME.OUTCOME_ACCEPTED)
    engine.offer("back", "va1", pb.MEDIA_TYPE_WEB_INTERACTION, returned_from=seq)
    await desk.next("contact_accepted", "back")
    await desk.hears("back", "Welcome back.")  # the language engine was told of the return
    engine.customer_says("back", "m2", "still me")
    await desk.hears("back", "echo: still me")
    engine.ended("back", "done")


async def requeue_expires(desk, engine):
    await open_contact(desk, engine, "alone")
    engine.customer_says("alone", "m1", "a person please")
    await desk.hears("alone", "One moment.")
    seq, _ = await desk.next("requeue", "alone")
    engine.outcome("alone", seq, OUTCOME.OUTCOME_EXPIRED)
    await desk.hears("alone", "Nobody is free.")
    engine.customer_says("alone", "m2", "then you")
    await desk.hears("alone", "echo: then you")
    engine.ended("alone", "done")


async def callback(desk, engine, at_ms):
    await open_contact(desk, engine, "call")
    engine.customer_says("call", "m1", "call me")
    await desk.hears("call", "I will book that.")
    booked = await desk.next("callback", "call")
    assert (booked.queue, booked.phone, booked.at_ms) == ("callbacks", "+4930123456", at_ms), booked
    await desk.hears("call", "Booked.")  # the language engine was told of the callback
    engine.ended("call", "done")


async def push_url(desk, engine):
    await open_contact(desk, engine, "page")
    engine.customer_says("page", "m1", "show me")
    await desk.hears("page", "Look here.")
    assert await desk.next("push", "page") == "https://shop.example.com/sale"
    engine.ended("page", "done")


async def goodbye(desk, engine):
    await open_contact(desk, engine, "bye")
    engine.customer_says("bye", "m1", "bye")
    await desk.hears("bye", "Goodbye.")
    await desk.next("end", "bye")


async def cut_connection(desk, engine, wire):
    """Cut five times amid the talk, in both directions: nothing is lost and nothing comes twice."""
    await open_contact(desk, engine, "cut")
    session = engine.link.session
    texts = [f"line {number}" for number in range(25)]
    heard = 0
    for number, text in enumerate(texts):
        engine.customer_says("cut", f"m{number}", text)
        if number % 5 == 2:
            wire.cut()
        if number % 5 == 4:
            await desk.hears("cut", f"echo: {texts[heard]}")
            heard += 1
    for text in texts[heard:]:
        await desk.hears("cut", f"echo: {text}")
    assert engine.link.session == session, "the same session was resumed"
    # What comes next shows that nothing was left in the pipe.
    engine.customer_says("cut", "last", "last")
    await desk.hears("cut", "echo: last")
    engine.ended("cut", "done")
    while engine.link.outbox:  # until everything is acknowledged
        await asyncio.sleep(0.01)


async def step(name, doing):
    await asyncio.wait_for(doing, 3 * PATIENCE_S)
    print("holds:", name, flush=True)


async def main(target, at_ms):
    await step("health and reflection", health_and_reflection(target))
    await step("wrong token", wrong_token(target))
    await step("unknown unit", unknown_unit(target))
    desk, wire = Desk(), Wire(target)
    playing = engine(await wire.listen(), desk)
    running = asyncio.create_task(playing.link.run())
    for it in [log_on, talk, requeue_and_return, requeue_expires, push_url, goodbye]:
        await step(it.__name__.replace("_", " "), it(desk, playing))
    await step("callback", callback(desk, playing, at_ms))
    await step("cut connection", cut_connection(desk, playing, wire))
    assert not running.done(), running
    running.cancel()
    wire.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
