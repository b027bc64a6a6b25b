// HTTP: single requests, and the stream of events.

const ANSWER_WITHIN_MS = 15_000;
/// The server says something at least every 15 s; after three silences the connection is taken for dead.
const SILENT_FOR_MS = 45_000;

/// The server has answered, and the answer is no.
export class Refused extends Error {
  constructor(status, retryAfterMs, detail) {
    super(detail || `status ${status}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /// Asking again would bring the same.
  get isFinal() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

async function refusal(response) {
  const seconds = Number(response.headers.get("retry-after")) || 0;
  const problem = await response.json().catch(() => null);
  return new Refused(response.status, seconds * 1000, problem?.detail);
}

/// Yields the answer's JSON, or null when it has none.
export async function request(url, method, token, body) {
  const headers = {};
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(url, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? null : response.json();
}

/// Server-sent events as they come: {event, data}. Ends when the server ends them; throws when the connection breaks.
export async function* events(url, signal, onOpen) {
  const silence = new AbortController();
  let alarm;
  const rearm = () => {
    clearTimeout(alarm);
    alarm = setTimeout(() => silence.abort(new Error("the server is silent")), SILENT_FOR_MS);
  };
  rearm();
  try {
    const response = await fetch(url, {
      headers: { accept: "text/event-stream" },
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: anyOf(signal, silence.signal),
    });
    if (!response.ok) throw await refusal(response);
    onOpen();
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rearm();
      yield* parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    clearTimeout(alarm);
    silence.abort();
  }
}

function anyOf(...signals) {
  const either = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) either.abort(signal.reason);
    signal.addEventListener("abort", () => either.abort(signal.reason), { once: true, signal: either.signal });
  }
  return either.signal;
}

/// The part of the event-stream format that our server speaks: lines end in \n; comments and `id` are passed over.
class EventParser {
  #rest = "";
  #event = "message";
  #data = [];

  *feed(chunk) {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length) yield { event: this.#event, data: this.#data.join("\n") };
        this.#event = "message";
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") this.#event = value;
      if (field === "data") this.#data.push(value);
    }
  }
}
