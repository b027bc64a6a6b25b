// What the pages share: words, elements, lists that are updated in place, events that come back, requests with clear errors.

import { Hub } from "./hub.js";

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

/** A page that nobody looks at lets go of its events after this: what nobody follows need not be sent. */
const RESTS_AFTER = 5000;
/** Longer than anything takes that still comes. */
const ANSWER_WITHIN = 15000;

/** The hub that all windows share, or this page's own. */
const hub = globalThis.SharedWorker ? shared() : new Hub();

function shared() {
  const { port } = new SharedWorker("/assets/hub.js", { type: "module", name: "usher" });
  const tells = new Map();
  port.onmessage = ({ data: { id, ...what } }) => tells.get(id)?.(what);
  return {
    add: (id, url, tell) => { tells.set(id, tell); port.postMessage({ id, url }); },
    remove: (id) => { tells.delete(id); port.postMessage({ id }); },
  };
}

let listened = 0;

/**
 * Events of a URL, by the one stream that all windows share. It begins with its history whenever it is opened anew, also for
 * another window's sake: whoever reads it drops what it has. Ends by what it returns.
 */
export function listen(url, handlers, { onState = () => {}, rests = true } = {}) {
  let id = null, rest;
  const close = () => {
    clearTimeout(rest);
    if (id !== null) hub.remove(id);
    id = null;
  };
  const open = () => {
    clearTimeout(rest);
    if (id !== null) return;
    id = ++listened;
    hub.add(id, url, ({ on, event, data }) => {
      if (on !== undefined) onState(on);
      else handlers[event]?.(event === "omitted" ? data : JSON.parse(data));
    });
  };
  const seen = () => {
    clearTimeout(rest);
    if (document.hidden) rest = setTimeout(close, RESTS_AFTER);
    else open();
  };
  if (rests) document.addEventListener("visibilitychange", seen);
  // Nobody else tells a shared hub that a window is gone, or has come back from the browser's history.
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    removeEventListener("pagehide", close);
    removeEventListener("pageshow", open);
    close();
  };
}

/** Posts JSON. Throws an error whose message can be shown. */
export async function post(url, body) {
  let response, answer = null;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    if ((response.headers.get("content-type") ?? "").includes("json")) answer = await response.json();
  } catch (error) {
    throw new Error(t(error.name === "TimeoutError" ? "no-answer" : "unreachable"));
  }
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
