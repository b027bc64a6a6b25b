// What the pages share: words, elements, lists that are updated in place, events that come back, requests with clear errors.

export const language = document.documentElement.lang === "de" ? "de" : "en";
const { default: words } = await import(`./words.${language}.js`);

/** The words for `key`, with `{name}` filled in. */
export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** An element; `on…` are listeners, the rest attributes. Text is text, never markup. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Sets what has changed, so that nothing is announced, selected or moved for nothing. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Makes `parent`'s children those of `items`, by key, in place: what stays keeps its focus and its state. */
export function keep(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = old.get(name);
    old.delete(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    update(child, item);
  }
  for (const child of old.values()) child.remove();
}

/** A page that nobody looks at lets go of its events after this: browsers allow six connections to an address in all tabs. */
const RESTS_AFTER = 5000;

/**
 * Events of a URL. The browser comes back by itself after a cut; after a refusal we do. A stream that was opened anew begins
 * with its history: whoever reads it drops what it has. Ends by what it returns.
 */
export function listen(url, handlers, { onState = () => {}, rests = true } = {}) {
  let source, timer, rest, pause = 500;
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = () => {
    source = new EventSource(url);
    source.onopen = () => { pause = 500; onState(true); };
    source.onerror = () => {
      onState(false);
      if (source?.readyState === EventSource.CLOSED) {
        timer = setTimeout(open, pause);
        pause = Math.min(pause * 2, 8000);
      }
    };
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handler(event.data ? JSON.parse(event.data) : null));
    }
  };
  const seen = () => {
    clearTimeout(rest);
    if (document.hidden) rest = setTimeout(close, RESTS_AFTER);
    else if (!source) open();
  };
  if (rests) document.addEventListener("visibilitychange", seen);
  open();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    clearTimeout(rest);
    close();
  };
}

/** Posts JSON. Throws an error whose message can be shown. */
export async function post(url, body) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error(t("unreachable"));
  }
  const answer = (response.headers.get("content-type") ?? "").includes("json") ? await response.json() : null;
  if (!response.ok) throw new Error(answer?.detail ?? answer?.title ?? `${response.status}`);
  return answer;
}

/** Also where `crypto.randomUUID` is not: plain HTTP from another machine. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const clockTime = (at) => clock.format(new Date(at));
export const dayTime = (at) => day.format(new Date(at));

/** Whether the reader is at the end of a scrolled list. */
export const atEnd = (element) => element.scrollHeight - element.scrollTop - element.clientHeight < 48;
export const toEnd = (element) => { element.scrollTop = element.scrollHeight; };
