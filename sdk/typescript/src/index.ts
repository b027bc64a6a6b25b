/** Attach your own language engine to Usher: get every turn of a contact, give its answer. */

export { Connector, Refused, type Options } from "./client.js";
export { button, card, image, payload, quickReplies, text, type Button, type Message } from "./messages.js";
export {
  Failed,
  type Action,
  type Answer,
  type Closed,
  type Input,
  type Outcome,
  type Reply,
  type Seed,
  type Turn,
  type Words,
} from "./turns.js";
