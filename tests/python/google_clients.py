"""Google's own Python client against the offline Dialogflow: steps as JSON from standard input, what came of them to standard
output. Arguments: host:port, and grpc or rest."""

import json
import sys

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import dialogflow_v2 as df
from google.protobuf import field_mask_pb2, struct_pb2
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


def context_of(session, step):
    name = f"{session}/contexts/{step['context']}"
    parameters = struct(step.get("parameters", {}))
    return df.Context(name=name, lifespan_count=step.get("lifespan", 0), parameters=parameters)


def last(name):
    return name.rsplit("/", 1)[-1]


def shown(context):
    return f"{last(context.name)} {context.lifespan_count}"


def status_of(error):
    """Google's name of it; by REST it stands in the body alone."""
    code = error.grpc_status_code
    return code.name if code else error.response.json()["error"]["status"]


def message(it):
    kind = type(it).pb(it).WhichOneof("message")
    return [kind, list(it.text.text)] if kind == "text" else [kind]


def result(answer):
    told = answer.query_result
    return {
        "intent": told.intent.display_name,
        "action": told.action,
        "text": told.fulfillment_text,
        "messages": [message(it) for it in told.fulfillment_messages],
        "parameters": MessageToDict(type(told).pb(told).parameters),
        "complete": told.all_required_params_present,
        "contexts": [shown(it) for it in told.output_contexts],
        "language": told.language_code,
        "fallback": told.intent.is_fallback,
        "ends": told.intent.end_interaction,
        "handoff": told.intent.live_agent_handoff,
    }


def intent(it):
    return {
        "id": last(it.name),
        "name": it.display_name,
        "action": it.action,
        "events": list(it.events),
        "inputs": [last(name) for name in it.input_context_names],
        "outputs": [shown(context) for context in it.output_contexts],
        "parameters": [[one.display_name, one.entity_type_display_name, one.mandatory] for one in it.parameters],
        "phrases": len(it.training_phrases),
        "messages": len(it.messages),
        "priority": it.priority,
        "fallback": it.is_fallback,
        "ends": it.end_interaction,
        "handoff": it.live_agent_handoff,
        "parent": last(it.parent_followup_intent_name),
    }


class Clients:
    def __init__(self, address, transport):
        self.sessions = client_of(df.SessionsClient, address, transport)
        self.contexts = client_of(df.ContextsClient, address, transport)
        self.entities = client_of(df.SessionEntityTypesClient, address, transport)
        self.agents = client_of(df.AgentsClient, address, transport)
        self.intents = client_of(df.IntentsClient, address, transport)

    def detect(self, step):
        query = df.QueryInput()
        if "text" in step:
            query.text = df.TextInput(text=step["text"], language_code=step.get("language", "en"))
        elif "event" in step:
            parameters = struct(step.get("parameters", {}))
            language = step.get("language", "en")
            query.event = df.EventInput(name=step["event"], parameters=parameters, language_code=language)
        request = df.DetectIntentRequest(session=step["session"], query_input=query)
        return result(self.sessions.detect_intent(request=request, retry=None, timeout=30))

    def agent(self, step):
        agent = self.agents.get_agent(parent=step["parent"])
        return {"name": agent.display_name, "language": agent.default_language_code, "zone": agent.time_zone}

    def list_intents(self, step):
        view = df.IntentView.INTENT_VIEW_FULL if step["full"] else df.IntentView.INTENT_VIEW_UNSPECIFIED
        request = df.ListIntentsRequest(
            parent=step["parent"], language_code=step["language"], intent_view=view, page_size=step["size"]
        )
        return [intent(it) for it in self.intents.list_intents(request=request)]

    def list_contexts(self, step):
        return [shown(it) for it in self.contexts.list_contexts(parent=step["session"])]

    def create_context(self, step):
        return shown(self.contexts.create_context(parent=step["session"], context=context_of(step["session"], step)))

    def update_context(self, step):
        mask = field_mask_pb2.FieldMask(paths=["lifespan_count"])
        return shown(self.contexts.update_context(context=context_of(step["session"], step), update_mask=mask))

    def get_context(self, step):
        context = self.contexts.get_context(name=f"{step['session']}/contexts/{step['context']}")
        return MessageToDict(type(context).pb(context).parameters)

    def delete_context(self, step):
        self.contexts.delete_context(name=f"{step['session']}/contexts/{step['context']}")

    def delete_contexts(self, step):
        self.contexts.delete_all_contexts(parent=step["session"])

    def create_entity_type(self, step):
        made = df.SessionEntityType(
            name=f"{step['session']}/entityTypes/{step['entity']}",
            entity_override_mode=step["mode"],
            entities=[df.EntityType.Entity(value=it, synonyms=[it]) for it in step["values"]],
        )
        made = self.entities.create_session_entity_type(parent=step["session"], session_entity_type=made)
        return f"{last(made.name)} {int(made.entity_override_mode)}"

    def list_entity_types(self, step):
        return [last(it.name) for it in self.entities.list_session_entity_types(parent=step["session"])]

    def delete_entity_type(self, step):
        self.entities.delete_session_entity_type(name=f"{step['session']}/entityTypes/{step['entity']}")


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
