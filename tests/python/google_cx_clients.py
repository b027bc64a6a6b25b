"""Google's own Python client of Dialogflow CX against the offline Dialogflow: steps as JSON from standard input, what came of
them to standard output. Arguments: host:port, and grpc or rest."""

import json
import sys

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import dialogflowcx_v3 as cx
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict


def client_of(kind, address, transport):
    """A client over the wanted transport, without credentials and without TLS."""
    made = kind.get_transport_class(transport)
    if transport == "grpc":
        return kind(transport=made(channel=grpc.insecure_channel(address)))
    return kind(transport=made(host=address, credentials=AnonymousCredentials(), url_scheme="http"))


def struct(value):
    made = struct_pb2.Struct()
    made.update(value)
    return made


def plain(holder, field):
    return MessageToDict(getattr(type(holder).pb(holder), field))


def status_of(error):
    """Google's name of it; by REST it stands in the body alone."""
    code = error.grpc_status_code
    return code.name if code else error.response.json()["error"]["status"]


def message(it):
    kind = type(it).pb(it).WhichOneof("message")
    if kind == "text":
        return [kind, list(it.text.text)]
    return [kind, plain(it, "payload")] if kind == "payload" else [kind]


def result(answer):
    told = answer.query_result
    return {
        "query": type(told).pb(told).WhichOneof("query"),
        "type": told.match.match_type.name,
        "intent": told.match.intent.display_name,
        "event": told.match.event,
        "found": plain(told.match, "parameters"),
        "session": plain(told, "parameters"),
        "messages": [message(it) for it in told.response_messages],
        "page": told.current_page.display_name,
        "language": told.language_code,
    }


class Clients:
    def __init__(self, address, transport):
        self.sessions = client_of(cx.SessionsClient, address, transport)
        self.agents = client_of(cx.AgentsClient, address, transport)

    def detect(self, step):
        query = cx.QueryInput(language_code=step.get("language", "en"))
        if "text" in step:
            query.text = cx.TextInput(text=step["text"])
        elif "digits" in step:
            query.dtmf = cx.DtmfInput(digits=step["digits"], finish_digit="#")
        elif "event" in step:
            query.event = cx.EventInput(event=step["event"])
        elif "intent" in step:
            query.intent = cx.IntentInput(intent=step["intent"])
        parameters = cx.QueryParameters(parameters=struct(step.get("parameters", {})))
        request = cx.DetectIntentRequest(session=step["session"], query_input=query, query_params=parameters)
        return result(self.sessions.detect_intent(request=request, retry=None, timeout=30))

    def agent(self, step):
        agent = self.agents.get_agent(name=step["name"])
        return {"name": agent.display_name, "language": agent.default_language_code, "zone": agent.time_zone}


def main():
    clients = Clients(sys.argv[1], sys.argv[2])
    told = []
    for step in json.load(sys.stdin):
        try:
            told.append(getattr(clients, step["do"])(step))
        except GoogleAPICallError as error:
            told.append({"error": status_of(error)})
    json.dump(told, sys.stdout)


main()
