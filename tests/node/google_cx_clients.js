// Google's own Node client of Dialogflow CX against the offline Dialogflow: steps as JSON from standard input, what came of
// them to standard output. Arguments: host, port, and grpc or rest. NODE_PATH names the directory of the packages.
'use strict';

const { SessionsClient, AgentsClient } = require('@google-cloud/dialogflow-cx').v3;
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

const clients = { sessions: new SessionsClient(options), agents: new AgentsClient(options) };

const value = (from) => {
  const kind = from.kind ?? Object.keys(from)[0];
  switch (kind) {
    case 'nullValue': return null;
    case 'listValue': return (from.listValue.values ?? []).map(value);
    case 'structValue': return plain(from.structValue);
    default: return from[kind];
  }
};
const plain = (from) => Object.fromEntries(Object.entries(from?.fields ?? {}).map(([key, it]) => [key, value(it)]));
const wrapped = (it) => (it === null ? { nullValue: 'NULL_VALUE' } : { stringValue: it });
const struct = (from) => ({ fields: Object.fromEntries(Object.entries(from ?? {}).map(([key, it]) => [key, wrapped(it)])) });

const KINDS = { text: 'text', payload: 'payload', liveAgentHandoff: 'live_agent_handoff', endInteraction: 'end_interaction' };
const message = (it) => {
  const kind = KINDS[it.message] ?? it.message;
  if (kind === 'text') return [kind, it.text.text];
  return kind === 'payload' ? [kind, plain(it.payload)] : [kind];
};
const QUERIES = { text: 'text', triggerEvent: 'trigger_event', dtmf: 'dtmf' };

const steps = {
  async detect(step) {
    const queryInput = { languageCode: step.language ?? 'en' };
    if ('text' in step) queryInput.text = { text: step.text };
    else if ('digits' in step) queryInput.dtmf = { digits: step.digits, finishDigit: '#' };
    else if ('event' in step) queryInput.event = { event: step.event };
    else if ('intent' in step) queryInput.intent = { intent: step.intent };
    const queryParams = { parameters: struct(step.parameters) };
    const [{ queryResult: told }] = await clients.sessions.detectIntent({ session: step.session, queryInput, queryParams });
    return {
      query: QUERIES[told.query] ?? told.query,
      type: told.match.matchType,
      intent: told.match.intent?.displayName ?? '',
      event: told.match.event,
      found: plain(told.match.parameters),
      session: plain(told.parameters),
      messages: told.responseMessages.map(message),
      page: told.currentPage.displayName,
      language: told.languageCode,
    };
  },
  async agent(step) {
    const [agent] = await clients.agents.getAgent({ name: step.name });
    return { name: agent.displayName, language: agent.defaultLanguageCode, zone: agent.timeZone };
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
      told.push({ error: grpc.status[error.code] ?? String(error.code) });
    }
  }
  process.stdout.write(JSON.stringify(told));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
