import { Connector } from "../src/index.js";

const connector = new Connector(process.env.USHER_URL!, process.env.USHER_CONNECTOR_TOKEN!);

connector.onTurn((turn) =>
  turn.text?.includes("person")
    ? { messages: "I find somebody for you.", action: { name: "to_person", parameters: { topic: "order" } } }
    : { messages: "Say “person” to talk to somebody.", notUnderstood: turn.text !== undefined },
);

await connector.serve();
