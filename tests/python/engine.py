"""A routing engine's side of the contract in proto/usher/engine/v1/engine.proto, small enough to copy.

`Link` keeps the stream: numbers, acknowledgements, credits, resuming after a loss. `Engine` keeps the contract of
contacts and commands on it. Your contact centre is the `Centre` that it calls. One asyncio loop, no locks.

Generate the modules imported below with grpcio-tools:

    python -m grpc_tools.protoc -I proto --python_out=OUT --grpc_python_out=OUT proto/usher/engine/v1/engine.proto
"""

import asyncio
import contextlib
from collections import deque

import grpc
from google.protobuf import json_format, struct_pb2

from usher.engine.v1 import engine_pb2 as pb, engine_pb2_grpc as rpc

# Attaching again cannot mend these: a wrong token, unit or Hello, or another engine in our place.
FINAL = {
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.ABORTED,
}
OUTCOME = pb.CommandOutcome.Outcome


class Link:
    """One lane to Usher. `received` is called once for every frame that is not a repetition."""

    def __init__(self, target, token, hello, received, credentials=None):
        self.target, self.token, self.credentials = target, token, credentials
        self.hello, self.on_frame = hello, received
        self.session, self.credits = "", 0  # as named by the last Welcome
        self.received = 0  # the highest gateway frame taken
        self.acknowledged = 0  # the highest gateway frame we have said we took
        self.sent = 0  # the highest number given to a frame of ours
        self.written = 0  # the highest frame of ours on the present stream
        self.outbox = deque()  # frames that Usher has not acknowledged, oldest first
        self.attached, self.pause = asyncio.Event(), 0.05  # seconds until the next attempt
        self.work = asyncio.Event()  # something to write

    def send(self, **body):
        """Sends now, or as soon as a stream and credits are there. Example: send(contact_ended=pb.ContactEnded(…))"""
        self.sent += 1
        self.outbox.append(pb.EngineFrame(seq=self.sent, **body))
        self.work.set()

    async def run(self):
        """Keeps the link up. Raises grpc.aio.AioRpcError when attaching again is of no use."""
        while True:
            try:
                await self.attach()
            except grpc.aio.AioRpcError as error:
                if error.code() in FINAL:
                    raise
            self.pause = 0.05 if self.attached.is_set() else min(2 * self.pause, 5)
            self.attached.clear()
            await asyncio.sleep(self.pause)

    async def attach(self):
        """One stream, from Hello to its end."""
        async with self._channel() as channel:
            bearer = (("authorization", f"Bearer {self.token}"),)
            call = rpc.VirtualAgentsStub(channel).Attach(metadata=bearer)
            self.hello.session, self.hello.last_received = self.session, self.received
            with contextlib.suppress(asyncio.InvalidStateError):  # refused already: read says why
                await call.write(pb.EngineFrame(hello=self.hello))
            first = await call.read()
            if first is grpc.aio.EOF:
                return
            self._on_welcome(first)
            writer = asyncio.create_task(self._write(call))
            try:
                while (frame := await call.read()) is not grpc.aio.EOF:
                    self._on_frame(frame)
            finally:
                writer.cancel()

    def _channel(self):
        keep_alive = [("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000)]
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, keep_alive)
        return grpc.aio.secure_channel(self.target, self.credentials, keep_alive)

    def _on_welcome(self, frame):
        welcome = frame.welcome
        if welcome.resumed:
            self._on_ack(frame.ack)
            self.written = welcome.last_received  # what lies above goes out again
        else:
            # Another session: what was never acknowledged goes out under new numbers.
            self.received = self.sent = self.written = 0
            for again in self.outbox:
                self.sent += 1
                again.seq = self.sent
        self.acknowledged = self.received
        self.session, self.credits = welcome.session, welcome.credits
        self.attached.set()
        self.work.set()

    def _on_frame(self, frame):
        self._on_ack(frame.ack)
        if frame.seq > self.received:
            self.on_frame(frame)
            self.received = frame.seq  # after it was carried out: an acknowledgement is a promise
            self.work.set()

    def _on_ack(self, ack):
        while self.outbox and self.outbox[0].seq <= ack:
            self.outbox.popleft()
        self.work.set()

    async def _write(self, call):
        """The only writer: what is new, as credits allow, and an acknowledgement when nothing else carries it."""
        while True:
            await self.work.wait()
            self.work.clear()
            for frame in list(self.outbox)[: self.credits]:
                if frame.seq > self.written:
                    frame.ack = self.acknowledged = self.received
                    self.written = frame.seq
                    await call.write(frame)
            if self.acknowledged < self.received:
                self.acknowledged = self.received
                await call.write(pb.EngineFrame(ack=self.received, heartbeat=pb.Empty()))


class Centre:
    """What your contact centre does when Usher asks. Methods return at once; long work answers later by `outcome`."""

    def log_on(self, user, password, media_types):
        """None when the agent is logged on, otherwise a pb.LogOnRefused.Reason."""

    def log_off(self, user, reason): ...
    def say(self, contact, messages): ...
    def typing(self, contact): ...
    def end(self, contact, reason): ...
    def notice(self, kind, notice): ...  # contact_accepted, contact_rejected, refused, draining

    def requeue(self, contact, action_seq, requeue):
        return OUTCOME.OUTCOME_OFFERED  # ACCEPTED, FAILED or EXPIRED follows by Engine.outcome

    def create_callback(self, contact, callback):
        return OUTCOME.OUTCOME_DONE

    def push_url(self, contact, url):
        return OUTCOME.OUTCOME_DONE



class Engine:
    """Contacts and commands on one link."""

    def __init__(self, target, token, engine_id, business_unit, directory, centre, credentials=None):
        hello = pb.Hello(engine_id=engine_id, business_unit=business_unit, directory=directory)
        self.link = Link(target, token, hello, self._on_frame, credentials)
        self.centre = centre
        self.done = {}  # contact → the highest action carried out; a contact that is not here is over
        self.messages = {}  # contact → its customer messages by id, newest last

    def offer(self, contact, agent, media_type, **more):
        self.done.setdefault(contact, 0)  # a contact that comes back goes on counting
        self.messages.setdefault(contact, {})
        offer = pb.ContactOffered(contact=contact, agent=agent, media_type=media_type, **more)
        self.link.send(contact_offered=offer)

    def customer_says(self, contact, message_id, text, sensitive=False):
        self._customer(pb.CustomerMessage(contact=contact, message_id=message_id, text=text, sensitive=sensitive))

    def customer_event(self, contact, message_id, name, parameters):
        event = pb.EventBody(name=name, parameters=json_format.ParseDict(parameters, struct_pb2.Struct()))
        self._customer(pb.CustomerMessage(contact=contact, message_id=message_id, event=event))

    def outcome(self, contact, action_seq, outcome):
        it = pb.CommandOutcome(contact=contact, action_seq=action_seq, outcome=outcome)
        self.link.send(command_outcome=it)

    def ended(self, contact, reason):
        """The customer left, or a person is done with them."""
        self._forget(contact)
        self.link.send(contact_ended=pb.ContactEnded(contact=contact, reason=reason))

    def _customer(self, message):
        self.messages[message.contact][message.message_id] = message
        self.link.send(customer_message=message)

    def _forget(self, contact):
        self.done.pop(contact, None), self.messages.pop(contact, None)

    def _on_frame(self, frame):
        kind = frame.WhichOneof("body")
        body = getattr(frame, kind) if kind else None
        if kind == "command":
            self._on_command(body)
        elif kind == "log_on_agent":
            self._on_log_on(body)
        elif kind == "log_off_agent":
            self.centre.log_off(body.user, body.reason)
        elif kind == "typing":
            self.centre.typing(body.contact)
        elif kind == "busy":
            if again := self.messages.get(body.contact, {}).get(body.message_id):
                send = lambda: self.link.send(customer_message=again)
                asyncio.get_running_loop().call_later(body.retry_after_ms / 1000, send)
        elif kind == "refused" and body.message_id:
            self.messages.get(body.contact, {}).pop(body.message_id, None)
            self.centre.notice(kind, body)
        elif kind:  # None: of a newer Usher; taken all the same
            self.centre.notice(kind, body)

    def _on_log_on(self, order):
        reason = self.centre.log_on(order.user, order.password, list(order.media_types))
        if reason is None:
            self.link.send(agent_logged_on=pb.AgentLoggedOn(user=order.user))
        else:
            self.link.send(log_on_refused=pb.LogOnRefused(user=order.user, reason=reason))

    def _on_command(self, command):
        contact, seq = command.contact, command.action_seq
        if seq <= self.done.get(contact, seq):
            return  # carried out before, or the contact is over
        self.done[contact] = seq
        kind = command.WhichOneof("command")
        outcome = None
        if kind == "say":
            self.centre.say(contact, command.say.messages)
        elif kind == "requeue":
            outcome = self.centre.requeue(contact, seq, command.requeue)
        elif kind == "create_callback":
            outcome = self.centre.create_callback(contact, command.create_callback)
        elif kind == "push_url":
            outcome = self.centre.push_url(contact, command.push_url.url)
        elif kind == "end_contact":
            outcome = self._on_end(contact, command.end_contact)
        if outcome is not None:
            self.outcome(contact, seq, outcome)

    def _on_end(self, contact, end):
        newest = next(reversed(self.messages[contact]), "")
        if end.unless_after != newest:
            return OUTCOME.OUTCOME_SUPERSEDED
        if end.farewell:
            self.centre.say(contact, end.farewell)
        self.centre.end(contact, end.reason)
        self._forget(contact)
        return OUTCOME.OUTCOME_DONE
