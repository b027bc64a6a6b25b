// Google's own Node client against the offline Dialogflow: steps as JSON from standard input, what came of them to standard
// output. Arguments: host, port, and grpc or rest. NODE_PATH names the directory of the packages.
'use strict';

const dialogflow = require('@google-cloud/dialogflow').v2;
const { SessionsClient, ContextsClient, SessionEntityTypesClient, AgentsClient, IntentsClient } = dialogflow;
const { status } = require('@grpc/grpc-js');
const grpc = require('@grpc/grpc-js');

const [host, port, transport] = process.argv.slice(2);

// Without credentials and without TLS.
const options = transport === 'grpc'
  ? { apiEndpoint: host, port: Number(port), sslCreds: grpc.credentials.createInsecure() }
  : {
      apiEndpoint: host,
      port: Number(port),
      fallback: true,
      protocol: 'http',
      auth: {
        getClient: async () => ({ request: undefined, getRequestHeaders: async () => new Headers() }),
        getRequestHeaders: async () => new Headers(),
        getProjectId: async () => 'p',
        fetch: (url, init) => fetch(url, init),
        request: async () => undefined,
      },
    };

const clients = {
  sessions: new SessionsClient(options),
  contexts: new ContextsClient(options),
  entities: new SessionEntityTypesClient(options),
  agents: new AgentsClient(options),
  intents: new IntentsClient(options),
};

const last = (name) => name.slice(name.lastIndexOf('/') + 1);
const shown = (context) => `${last(context.name)} ${context.lifespanCount}`;

const value = (from) => {
  switch (from.kind ?? Object.keys(from)[0]) {
    case 'nullValue': return null;
    case 'listValue': return (from.listValue.values ?? []).map(value);
    case 'structValue': return plain(from.structValue);
    default: return from[from.kind ?? Object.keys(from)[0]];
  }
};
const plain = (from) => Object.fromEntries(Object.entries(from?.fields ?? {}).map(([key, it]) => [key, value(it)]));
const struct = (from) => ({
  fields: Object.fromEntries(Object.entries(from ?? {}).map(([key, it]) => [key, { stringValue: it }])),
});

const message = (it) => {
  const kind = { text: 'text', image: 'image', quickReplies: 'quick_replies', card: 'card', payload: 'payload' }[it.message];
  return kind === 'text' ? [kind, it.text.text] : [kind];
};

const contextOf = (step) => ({
  name: `${step.session}/contexts/${step.context}`,
  lifespanCount: step.lifespan ?? 0,
  parameters: struct(step.parameters),
});

const steps = {
  async detect(step) {
    const languageCode = step.language ?? 'en';
    const queryInput = {};
    if ('text' in step) queryInput.text = { text: step.text, languageCode };
    else if ('event' in step) queryInput.event = { name: step.event, parameters: struct(step.parameters), languageCode };
    const [{ queryResult: told }] = await clients.sessions.detectIntent({ session: step.session, queryInput });
    return {
      intent: told.intent?.displayName ?? '',
      action: told.action,
      text: told.fulfillmentText,
      messages: told.fulfillmentMessages.map(message),
      parameters: plain(told.parameters),
      complete: told.allRequiredParamsPresent,
      contexts: told.outputContexts.map(shown),
      language: told.languageCode,
      fallback: told.intent?.isFallback ?? false,
      ends: told.intent?.endInteraction ?? false,
      handoff: told.intent?.liveAgentHandoff ?? false,
    };
  },
  async agent(step) {
    const [agent] = await clients.agents.getAgent({ parent: step.parent });
    return { name: agent.displayName, language: agent.defaultLanguageCode, zone: agent.timeZone };
  },
  async list_intents(step) {
    const request = {
      parent: step.parent,
      languageCode: step.language,
      intentView: step.full ? 'INTENT_VIEW_FULL' : 'INTENT_VIEW_UNSPECIFIED',
      pageSize: step.size,
    };
    const [list] = await clients.intents.listIntents(request);
    return list.map((it) => ({
      id: last(it.name),
      name: it.displayName,
      action: it.action,
      events: it.events,
      inputs: it.inputContextNames.map(last),
      outputs: it.outputContexts.map(shown),
      parameters: it.parameters.map((one) => [one.displayName, one.entityTypeDisplayName, one.mandatory]),
      phrases: it.trainingPhrases.length,
      messages: it.messages.length,
      priority: it.priority,
      fallback: it.isFallback,
      ends: it.endInteraction,
      handoff: it.liveAgentHandoff,
      parent: last(it.parentFollowupIntentName),
    }));
  },
  async list_contexts(step) {
    const [list] = await clients.contexts.listContexts({ parent: step.session });
    return list.map(shown);
  },
  async create_context(step) {
    const [made] = await clients.contexts.createContext({ parent: step.session, context: contextOf(step) });
    return shown(made);
  },
  async update_context(step) {
    const updateMask = { paths: ['lifespan_count'] };
    const [made] = await clients.contexts.updateContext({ context: contextOf(step), updateMask });
    return shown(made);
  },
  async get_context(step) {
    const [context] = await clients.contexts.getContext({ name: `${step.session}/contexts/${step.context}` });
    return plain(context.parameters);
  },
  async delete_context(step) {
    await clients.contexts.deleteContext({ name: `${step.session}/contexts/${step.context}` });
    return null;
  },
  async delete_contexts(step) {
    await clients.contexts.deleteAllContexts({ parent: step.session });
    return null;
  },
  async create_entity_type(step) {
    const sessionEntityType = {
      name: `${step.session}/entityTypes/${step.entity}`,
      entityOverrideMode: step.mode,
      entities: step.values.map((it) => ({ value: it, synonyms: [it] })),
    };
    const [made] = await clients.entities.createSessionEntityType({ parent: step.session, sessionEntityType });
    const mode = { ENTITY_OVERRIDE_MODE_OVERRIDE: 1, ENTITY_OVERRIDE_MODE_SUPPLEMENT: 2 }[made.entityOverrideMode];
    return `${last(made.name)} ${mode ?? made.entityOverrideMode}`;
  },
  async list_entity_types(step) {
    const [list] = await clients.entities.listSessionEntityTypes({ parent: step.session });
    return list.map((it) => last(it.name));
  },
  async delete_entity_type(step) {
    await clients.entities.deleteSessionEntityType({ name: `${step.session}/entityTypes/${step.entity}` });
    return null;
  },
};

async function main() {
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  const told = [];
  for (const step of JSON.parse(text)) {
    try {
      told.push(await steps[step.do](step));
    } catch (error) {
      if (error.code === undefined) throw error;
      told.push({ error: status[error.code] ?? String(error.code) });
    }
  }
  process.stdout.write(JSON.stringify(told));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
