/** The connection to the gateway: dials, answers, and comes back after a cut. */

import WebSocket from "ws";

import { asMessages, Failed, replyFrame, type Answer, type Closed, type Frame, type Outcome, type Turn } from "./turns.js";

const SUBPROTOCOL = "usher.connector.v1";
const MAX_FRAME_BYTES = 1024 * 1024;
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
  private readonly running = new Map<string, AbortController>();
  /** Final answers by turn: a turn that comes again gets the same one. */
  private readonly answers = new Map<string, { at: number; frame: Frame }>();
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
    this.send({ type: "leaving" });
  }

  /** One connection, from dial to close. */
  private serveOnce(): Promise<Ended> {
    return new Promise((resolve) => {
      const ended: Ended = { welcomed: false, code: 1006 };
      const socket = new WebSocket(this.url, SUBPROTOCOL, {
        headers: { Authorization: `Bearer ${this.token}` },
        perMessageDeflate: false,
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
    // Nobody waits for what an older session asked.
    if (this.session !== undefined && frame.resumed !== true) this.running.forEach((it) => it.abort());
    this.session = frame.session as string;
    this.socket = socket;
  }

  private take(frame: Frame): void {
    if (frame.type === "turn") this.takeTurn(frame);
    else if (frame.type === "cancelled") this.running.get(frame.turn_id as string)?.abort();
    else if (frame.type === "outcome") this.notify(() => this.outcomeHandler?.(frame as unknown as Outcome));
    else if (frame.type === "closed") this.notify(() => this.closedHandler?.(frame as unknown as Closed));
    else if (frame.type === "error") this.log(`the gateway refused a frame: ${String(frame.code)} ${String(frame.message)}`);
    // Others are new within v1.
  }

  private takeTurn(frame: Frame): void {
    const id = frame.turn_id as string;
    if (this.running.has(id)) return; // At work on it: it is answered once.
    const known = this.answers.get(id);
    if (known !== undefined) {
      this.send(known.frame);
      return;
    }
    const abort = new AbortController();
    this.running.set(id, abort);
    void this.answer(this.turn(frame, abort.signal)).finally(() => this.running.delete(id));
  }

  private async answer(turn: Turn): Promise<void> {
    let frame: Frame;
    try {
      frame = replyFrame(turn.id, await this.turnHandler?.(turn));
    } catch (error) {
      const failed = error instanceof Failed ? error : new Failed();
      if (!(error instanceof Failed) && !turn.signal.aborted) this.log("the handler failed", error);
      frame = { type: "failed", turn_id: turn.id, kind: failed.kind };
      if (failed.detail !== "") frame.detail = failed.detail.slice(0, 500);
    }
    if (turn.signal.aborted) return;
    this.keep(turn.id, frame);
    this.send(frame);
  }

  private turn(frame: Frame, signal: AbortSignal): Turn {
    const input = frame.input as Turn["input"];
    const id = frame.turn_id as string;
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
      signal,
      say: (words) => this.send({ type: "reply", turn_id: id, messages: asMessages(words), final: false }),
      typing: () => this.send({ type: "typing", turn_id: id }),
    };
  }

  private keep(turnId: string, frame: Frame): void {
    const now = Date.now();
    this.answers.set(turnId, { at: now, frame });
    for (const [id, { at }] of this.answers) {
      if (this.answers.size <= 2 * this.credits && at >= now - ANSWERS_KEPT_MS) break;
      this.answers.delete(id);
    }
  }

  /** What cannot be sent now need not be: after a resume the gateway asks again. */
  private send(frame: Frame): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
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

function detailOf(body: string): string {
  try {
    return String((JSON.parse(body) as { detail?: unknown }).detail ?? "");
  } catch {
    return "";
  }
}
