import { Connector } from "../src/index.js";

const connector = new Connector(process.env.USHER_URL!, process.env.USHER_CONNECTOR_TOKEN!);

connector.onTurn((turn) => (turn.text ? `You said: ${turn.text}` : "Hello!"));

await connector.serve();
