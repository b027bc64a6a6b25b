import { setTimeout } from "node:timers/promises";
import { Connector } from "../src/index.js";

const connector = new Connector(process.env.USHER_URL!, process.env.USHER_CONNECTOR_TOKEN!);

connector.onTurn(async (turn) => {
  turn.say("One moment, I look that up.");
  turn.typing();
  await setTimeout(2_000, undefined, { signal: turn.signal }); // the slow part
  return "It arrives tomorrow.";
});

await connector.serve();
