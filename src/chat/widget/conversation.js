// One customer's conversation with the server: what was said, in order and once, through every break of the connection.
//
// It knows nothing of the screen; it tells its `watcher`.

import { Refused, events, request } from "./wire.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const TYPING_EVERY_MS = 3_000;

/// 128 random bits; `crypto.randomUUID` is not there on pages without TLS.
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/// Pauses grow from failure to failure and end early when the browser is online again.
class Patience {
  #failures = 0;

  calm() {
    this.#failures = 0;
  }

  async wait(signal, atLeastMs = 0) {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    const pause = Math.max(atLeastMs, longest * (0.5 + Math.random() / 2));
    await new Promise((resolve) => {
      const timer = setTimeout(done, pause);
      function done() {
        clearTimeout(timer);
        globalThis.removeEventListener("online", early);
        signal.removeEventListener("abort", done);
        resolve();
      }
      // What the server asked for is kept to in any case.
      function early() {
        if (atLeastMs === 0) done();
      }
      globalThis.addEventListener("online", early);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }
}

export class Conversation {
  #base;
  #memory;
  #watcher;
  /// Ended by `stop`; a new one for every life of the element on the page.
  #life = new AbortController();
  #contact = null;
  /// Aborted to stop listening; null while nobody listens.
  #listening = null;
  #last = 0;
  #isEnded = false;
  /// The life whose messages are being sent.
  #draining = null;
  #outbox = [];
  #nth = 0;
  #typedAt = 0;

  /// watcher: entry(entry, isHistory), hint(hint), pending(message), sent(id), unsent(id), link("up" | "down" | "elsewhere" | "gone"),
  /// contact(id | null).
  constructor(base, memory, watcher) {
    this.#base = base;
    this.#memory = memory;
    this.#watcher = watcher;
  }

  get contactId() {
    return this.#contact?.contactId ?? null;
  }

  get isEnded() {
    return this.#isEnded;
  }

  /// Takes up the contact that was kept; false when there is none.
  resume() {
    const contact = this.#memory.contact;
    if (!contact) return false;
    this.#take(contact);
    for (const message of this.#memory.unsent) this.#enqueue(message);
    return true;
  }

  /// Begins a contact, or takes up the one that another tab has begun meanwhile.
  ///
  /// Tries until it succeeds, is refused for good (then it throws) or is stopped.
  async begin(wanted, onTrouble) {
    const life = this.#life.signal;
    const patience = new Patience();
    while (!life.aborted && !this.#contact) {
      try {
        await alone(`usher-chat:${this.#base}`, async () => {
          const contact = this.#memory.contact ?? (await request(new URL("v1/contacts", this.#base), "POST", null, wanted));
          if (life.aborted) return;
          this.#memory.contact = contact;
          this.#take(contact);
        });
      } catch (error) {
        if (error instanceof Refused && error.isFinal) throw error;
        onTrouble(error instanceof Refused && error.status === 429 ? "busy" : "down");
        await patience.wait(life, error.retryAfterMs);
      }
    }
  }

  #take(contact) {
    this.#contact = contact;
    this.#last = 0;
    this.#isEnded = false;
    this.#watcher.contact(contact.contactId);
    if (document.visibilityState === "visible") this.listen();
    this.#drain();
  }

  #url(tail) {
    return new URL(`v1/contacts/${encodeURIComponent(this.#contact.contactId)}${tail}`, this.#base);
  }

  // --- what comes ---------------------------------------------------------------------------------------------------

  /// Goes on from the last entry; does nothing while it listens already.
  listen() {
    if (this.#listening || !this.#contact || this.#isEnded) return;
    this.#listening = new AbortController();
    this.#follow(this.#listening.signal);
  }

  /// Rests the connection: browsers allow few to one server, and a window that nobody sees needs none.
  rest() {
    this.#listening?.abort();
    this.#listening = null;
  }

  async #follow(listening) {
    const patience = new Patience();
    const history = Math.max(this.#last, this.#memory.seen(this.contactId));
    while (!listening.aborted && !this.#isEnded) {
      const url = new URL(this.#contact.events, this.#base);
      url.searchParams.set("after", String(this.#last));
      try {
        for await (const { event, data } of events(url, listening, () => this.#watcher.link("up"))) {
          patience.calm();
          if (listening.aborted) return;
          if (event === "closed") return this.#stopListening("elsewhere");
          if (event === "message") await this.#hear(JSON.parse(data), history);
        }
      } catch (error) {
        if (listening.aborted) return;
        if (error instanceof Refused && error.isFinal) return this.#stopListening("gone");
        this.#watcher.link("down");
        await patience.wait(listening, error.retryAfterMs);
        continue;
      }
      if (!this.#isEnded) await patience.wait(listening);
    }
  }

  #stopListening(why) {
    this.#listening = null;
    this.#watcher.link(why);
  }

  async #hear(heard, history) {
    if (heard.seq === undefined) return this.#watcher.hint(heard);
    // After a resume an entry may come again; it is shown once.
    if (heard.seq <= this.#last) return;
    this.#last = heard.seq;
    // Showing it takes a moment, in which the contact may be left behind.
    const contactId = this.contactId;
    if (heard.type === "message" && heard.from === "customer") this.#settle(heard.id);
    if (heard.type === "state" && heard.state === "ended") this.#isEnded = true;
    await this.#watcher.entry(heard, heard.seq <= history);
    if (contactId) this.#memory.keepSeen(contactId, heard.seq);
  }

  // --- what goes ----------------------------------------------------------------------------------------------------

  /// Shows the message at once and sends it as soon as it can be sent.
  say(text) {
    const message = { id: randomId(), text, at: Date.now(), nth: this.#nth++ };
    this.#memory.keepUnsent(message);
    this.#enqueue(message);
  }

  sayAgain(id) {
    const message = this.#memory.unsent.find((it) => it.id === id);
    if (message) this.#enqueue(message);
  }

  #enqueue(message) {
    if (this.#outbox.some((it) => it.id === message.id)) return;
    this.#outbox.push(message);
    this.#watcher.pending(message);
    this.#drain();
  }

  /// One after the other, each until it is answered: the order holds, and its id makes a repetition harmless.
  async #drain() {
    const life = this.#life.signal;
    if (this.#draining === life || !this.#contact) return;
    this.#draining = life;
    const patience = new Patience();
    while (this.#outbox.length && !life.aborted) {
      const { id, text } = this.#outbox[0];
      try {
        await request(this.#url("/messages"), "POST", this.#contact.token, { id, text });
        patience.calm();
        this.#settle(id);
        this.#watcher.sent(id);
      } catch (error) {
        if (life.aborted) return;
        if (!this.#outbox.some((it) => it.id === id)) continue;
        if (error instanceof Refused && error.isFinal) {
          this.#outbox = this.#outbox.filter((it) => it.id !== id);
          this.#watcher.unsent(id);
        } else {
          await patience.wait(life, error.retryAfterMs);
        }
      }
    }
    if (this.#draining === life) this.#draining = null;
  }

  #settle(id) {
    this.#outbox = this.#outbox.filter((it) => it.id !== id);
    this.#memory.dropUnsent(id);
  }

  /// The customer writes. Told now and then only, and a lost one does not matter.
  typing() {
    const now = Date.now();
    if (!this.#contact || this.#isEnded || now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    request(this.#url("/typing"), "POST", this.#contact.token).catch(() => undefined);
  }

  /// The customer ends the contact. Throws when the server could not be told.
  async leave() {
    try {
      await request(this.#url(""), "DELETE", this.#contact.token);
    } catch (error) {
      // Ended or forgotten: what was wanted is so.
      if (!(error instanceof Refused && error.isFinal)) throw error;
    }
  }

  /// Leaves the contact behind, for a new one.
  forget() {
    this.stop();
    this.#memory.forgetContact();
    this.#watcher.contact(null);
  }

  /// Ends all that is under way; what is kept stays kept.
  stop() {
    this.rest();
    this.#life.abort();
    this.#life = new AbortController();
    this.#contact = null;
    this.#outbox = [];
    this.#isEnded = false;
  }
}

/// One tab at a time, where the browser can do that.
async function alone(name, work) {
  if (navigator.locks) await navigator.locks.request(name, work);
  else await work();
}
