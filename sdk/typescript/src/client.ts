/** The connection to the gateway: dials, answers, and comes back after a cut. */

import WebSocket from "ws";

import { asMessages, Failed, replyFrame, type Answer, type Closed, type Frame, type Outcome, type Turn } from "./turns.js";
import { Work } from "./work.js";

const SUBPROTOCOL = "usher.connector.v1";
/** From the gateway; `welcome` says what it takes itself. */
const MAX_FRAME_BYTES = 1024 * 1024;
const DIAL_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const ANSWERS_KEPT_MS = 60_000;
/** After these nothing is gained by coming back as we are. */
const FINAL_CLOSES: Record<number, string> = {
  4001: "the token is revoked",
  4004: "the session goes on on another socket",
  4005: "the profile is gone",
};
const FINAL_STATUSES = [400, 401, 404, 405, 409, 426];

export interface Options {
  /** What you call yourself, for the gateway's logs. */
  name?: string;
  /** How many turns you want at a time. */
  credits?: number;
  /** Takes what goes wrong; by default `console.warn`. */
  log?: (message: string, error?: unknown) => void;
}

/** The gateway does not let us in, and trying again would not help. */
export class Refused extends Error {}

/** How one connection ended. */
interface Ended {
  welcomed: boolean;
  code: number;
  /** The HTTP status of a refused upgrade. */
  status?: number;
  detail?: string;
  retryAfterMs?: number;
}

/** Serves one profile. Give it a handler for turns, then `serve`. */
export class Connector {
  private readonly url: string;
  private readonly credits: number;
  private readonly name: string;
  private readonly log: (message: string, error?: unknown) => void;
  private session: string | undefined;
  private socket: WebSocket | undefined;
  private turnHandler: ((turn: Turn) => Answer | Promise<Answer>) | undefined;
  private outcomeHandler: ((outcome: Outcome) => void | Promise<void>) | undefined;
  private closedHandler: ((closed: Closed) => void | Promise<void>) | undefined;
  private largestAnswer = 65_536;
  private readonly running = new Map<string, Work>();
  /** What is answered: a turn that comes again gets the same answer. */
  private readonly answered = new Map<string, { at: number; work: Work }>();
  private leaving = false;
  private wake: (() => void) | undefined;

  /** `url` is the gateway's, such as `ws://127.0.0.1:7402` or `wss://usher.example.com`. */
  constructor(
    url: string,
    private readonly token: string,
    options: Options = {},
  ) {
    const base = url.replace(/\/+$/, "");
    this.url = base.endsWith("/connectors/v1") ? base : `${base}/connectors/v1`;
    this.name = options.name ?? "usher-connector-typescript";
    this.credits = options.credits ?? 16;
    this.log = options.log ?? ((message, error) => console.warn(message, ...(error === undefined ? [] : [error])));
  }

  /** The handler returns the answer: words, messages, or a `Reply`. */
  onTurn(handler: (turn: Turn) => Answer | Promise<Answer>): this {
    this.turnHandler = handler;
    return this;
  }

  onOutcome(handler: (outcome: Outcome) => void | Promise<void>): this {
    this.outcomeHandler = handler;
    return this;
  }

  onClosed(handler: (closed: Closed) => void | Promise<void>): this {
    this.closedHandler = handler;
    return this;
  }

  /** Serves until `leave`; throws `Refused` when coming back cannot help. */
  async serve(): Promise<void> {
    if (this.turnHandler === undefined) throw new Error("give a handler first: connector.onTurn(…)");
    let pause = FIRST_PAUSE_MS;
    while (!this.leaving) {
      const ended = await this.serveOnce();
      const final = FINAL_CLOSES[ended.code];
      if (final !== undefined) throw new Refused(final);
      if (ended.status !== undefined && FINAL_STATUSES.includes(ended.status)) {
        throw new Refused(`the gateway answered ${ended.status}: ${ended.detail ?? ""}`);
      }
      if (this.leaving) return;
      if (ended.welcomed) pause = FIRST_PAUSE_MS;
      this.log(`no connection to the gateway (${ended.status ?? ended.code}); trying again`);
      const wait = Math.max(pause, ended.retryAfterMs ?? 0) * (0.75 + Math.random() / 2);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Takes no further turns; `serve` returns when the running ones are answered. */
  leave(): void {
    this.leaving = true;
    this.wake?.();
    this.sayLeaving(); // Without a socket: after the next `welcome`.
  }

  /** One connection, from dial to close. */
  private serveOnce(): Promise<Ended> {
    return new Promise((resolve) => {
      const ended: Ended = { welcomed: false, code: 1006 };
      const socket = new WebSocket(this.url, SUBPROTOCOL, {
        headers: { Authorization: `Bearer ${this.token}` },
        perMessageDeflate: false,
        handshakeTimeout: DIAL_MS,
        maxPayload: MAX_FRAME_BYTES,
      });
      socket.on("open", () => {
        const hello = { type: "hello", name: this.name, credits: this.credits };
        socket.send(JSON.stringify(this.session === undefined ? hello : { ...hello, resume: this.session }));
      });
      socket.on("message", (data, isBinary) => {
        if (isBinary) return;
        const frame = JSON.parse(data.toString()) as Frame;
        if (frame.type === "welcome") {
          ended.welcomed = true;
          this.welcome(frame, socket);
        } else {
          this.take(frame);
        }
      });
      socket.on("unexpected-response", (request, response) => {
        ended.status = response.statusCode ?? 0;
        const retry = Number(response.headers["retry-after"]);
        if (Number.isFinite(retry)) ended.retryAfterMs = Math.min(retry * 1000, LONGEST_PAUSE_MS);
        let body = "";
        response.on("data", (chunk: Buffer) => (body = (body + chunk.toString()).slice(0, 4096)));
        response.on("end", () => {
          ended.detail = detailOf(body);
          request.destroy();
          resolve(ended);
        });
      });
      socket.on("error", () => undefined); // `close` follows.
      socket.on("close", (code) => {
        if (this.socket === socket) this.socket = undefined;
        ended.code = code;
        resolve(ended);
      });
    });
  }

  private welcome(frame: Frame, socket: WebSocket): void {
    // Handlers run on, even if the session is a new one: their turns may come again.
    this.session = frame.session as string;
    this.largestAnswer = frame.max_frame_bytes as number;
    this.socket = socket;
    if (this.leaving) this.sayLeaving();
  }

  private sayLeaving(): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send('{"type": "leaving"}');
  }

  private take(frame: Frame): void {
    if (frame.type === "turn") this.takeTurn(frame);
    else if (frame.type === "cancelled") this.stop(frame.turn_id as string);
    else if (frame.type === "outcome") this.notify(() => this.outcomeHandler?.(frame as unknown as Outcome));
    else if (frame.type === "closed") this.notify(() => this.closedHandler?.(frame as unknown as Closed));
    else if (frame.type === "error") {
      this.log(`the gateway refused a frame: ${String(frame.code)} ${String(frame.message)}`);
      // The gateway fails the turn at once.
      if (frame.code === "bad_json" || frame.code === "bad_frame") this.stop(frame.turn_id as string);
    }
    // Others are new within v1.
  }

  private takeTurn(frame: Frame): void {
    const id = frame.turn_id as string;
    const known = this.running.get(id) ?? this.answered.get(id)?.work;
    if (known !== undefined) {
      known.comeAgain(this.socket);
      return;
    }
    const work = new Work(this.socket);
    this.running.set(id, work);
    void this.answer(frame, work);
  }

  /** Nobody waits for this turn any more. */
  private stop(id: string): void {
    this.running.get(id)?.abort.abort();
    this.running.delete(id);
  }

  private async answer(frame: Frame, work: Work): Promise<void> {
    const id = frame.turn_id as string;
    let data: string;
    try {
      data = this.encode(replyFrame(id, await this.turnHandler?.(this.turn(frame, work))));
    } catch (error) {
      if (!(error instanceof Failed) && !work.abort.signal.aborted) this.log("the handler failed", error);
      data = this.encode(failedFrame(id, error instanceof Failed ? error : new Failed()));
    }
    if (this.running.get(id) !== work) return;
    this.running.delete(id);
    this.keep(id, work);
    work.finish(data);
  }

  private encode(frame: Frame): string {
    const data = JSON.stringify(frame);
    if (Buffer.byteLength(data) > this.largestAnswer) throw new Failed("the answer is larger than max_frame_bytes");
    return data;
  }

  private turn(frame: Frame, work: Work): Turn {
    const input = frame.input as Turn["input"];
    const id = frame.turn_id as string;
    const atWork = () => this.running.get(id) === work;
    return {
      id,
      contact: frame.contact as string,
      media: frame.media as Turn["media"],
      language: frame.language as string,
      input,
      text: "text" in input ? input.text : undefined,
      event: "event" in input ? input.event.name : undefined,
      parameters: frame.parameters as Record<string, unknown>,
      actions: (frame.actions as string[] | undefined) ?? [],
      deadlineMs: frame.deadline_ms as number,
      again: frame.again === true,
      shadow: frame.shadow === true,
      seed: frame.seed as Turn["seed"],
      signal: work.abort.signal,
      say: (words) => {
        const part = this.encode({ type: "reply", turn_id: id, messages: asMessages(words), final: false });
        if (atWork()) work.say(part);
      },
      typing: () => {
        if (atWork()) work.hint(this.encode({ type: "typing", turn_id: id }));
      },
    };
  }

  private keep(turnId: string, work: Work): void {
    const now = Date.now();
    this.answered.set(turnId, { at: now, work });
    for (const [id, { at }] of this.answered) {
      if (this.answered.size <= 2 * this.credits && at >= now - ANSWERS_KEPT_MS) break;
      this.answered.delete(id);
    }
  }

  private notify(handle: () => void | Promise<void>): void {
    void (async () => {
      try {
        await handle();
      } catch (error) {
        this.log("a handler of notices failed", error);
      }
    })();
  }
}

function failedFrame(turnId: string, { kind, detail }: Failed): Frame {
  const frame: Frame = { type: "failed", turn_id: turnId, kind };
  // The contract's 512 bytes, less what a character cut in two may grow by.
  if (detail !== "") frame.detail = Buffer.from(String(detail)).subarray(0, 500).toString();
  return frame;
}

function detailOf(body: string): string {
  try {
    return String((JSON.parse(body) as { detail?: unknown }).detail ?? "");
  } catch {
    return "";
  }
}
