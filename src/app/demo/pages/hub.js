// One stream of events for all windows: browsers keep six connections to an address, in all of them together. Runs as a shared
// worker; where a browser has none, each page has a hub of its own.

/** As many as the server bundles. */
const MOST = 16;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

export class Hub {
  /** Who listens to what: key → { url, tell }. */
  #listeners = new Map();
  #source = null;
  #timer;
  #soon = false;
  #pause = FIRST_PAUSE;

  /** `tell` is given {event, data}, or {on} when the connection comes or goes. */
  add(key, url, tell) {
    this.#listeners.set(key, { url, tell });
    // A window that died without a word leaves its listeners behind: the oldest give way.
    while (this.#urls().length > MOST) this.#listeners.delete(this.#listeners.keys().next().value);
    this.#reopenSoon();
  }

  remove(key) {
    const gone = this.#listeners.get(key);
    this.#listeners.delete(key);
    if (gone && !this.#urls().includes(gone.url)) this.#reopenSoon();
  }

  #urls() {
    return [...new Set([...this.#listeners.values()].map((it) => it.url))];
  }

  /** What changes in one go is one new stream. */
  #reopenSoon() {
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#open();
    });
  }

  /** Anew and so from the beginning of each history: whoever listens drops what it has. */
  #open() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    const urls = this.#urls();
    if (urls.length === 0) return;
    const source = new EventSource(`/events?${urls.map((it) => `of=${it}`).join("&")}`);
    this.#source = source;
    source.onopen = () => {
      this.#pause = FIRST_PAUSE;
      for (const it of this.#listeners.values()) it.tell({ on: true });
    };
    source.onerror = () => {
      for (const it of this.#listeners.values()) it.tell({ on: false });
      // The browser comes back by itself after a cut; after a refusal we do.
      if (source.readyState === EventSource.CLOSED) this.#again();
    };
    source.onmessage = (message) => {
      const { of, event, data, over } = JSON.parse(message.data);
      if (over !== undefined) {
        // A contact's entries end with it; nothing else should.
        if (over !== 200 || !of.startsWith("/desk/v1/contacts/")) this.#again();
        return;
      }
      for (const it of this.#listeners.values()) if (it.url === of) it.tell({ event, data });
    };
  }

  #again() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }
}

if (globalThis.SharedWorkerGlobalScope) {
  const hub = new Hub();
  let windows = 0;
  globalThis.onconnect = ({ ports: [port] }) => {
    const name = ++windows;
    port.onmessage = ({ data: { id, url } }) => {
      const key = `${name}.${id}`;
      if (url) hub.add(key, url, (what) => port.postMessage({ id, ...what }));
      else hub.remove(key);
    };
  };
}
