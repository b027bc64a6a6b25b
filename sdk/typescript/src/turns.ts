/** Turns, their answers, and what becomes of contacts. */

import { text, type Message } from "./messages.js";

/** A text, a message, or several of either. */
export type Words = string | Message | (string | Message)[];

/** Exactly one of these. */
export type Input =
  | { text: string }
  | { event: { name: string; parameters: Record<string, unknown> } }
  | { structured: Record<string, unknown> }
  | { dtmf: string };

/** What was said before, when you take over from another engine. */
export interface Seed {
  transcript: { speaker: "customer" | "virtual_agent" | "person" | "system"; text: string; at: string }[];
  slots: Record<string, unknown>;
}

/** One input of a contact, waiting for its answer. */
export interface Turn {
  readonly id: string;
  readonly contact: string;
  readonly media: "openmedia" | "webinteraction" | "speech";
  readonly language: string;
  readonly input: Input;
  /** The customer's words, if the input is words. */
  readonly text: string | undefined;
  /** The event's name, if the input is one. */
  readonly event: string | undefined;
  /** The contact's attributes, and what happened since the last turn. */
  readonly parameters: Record<string, unknown>;
  /** Names of the actions that can be asked for. */
  readonly actions: string[];
  readonly deadlineMs: number;
  /** You, or another process of yours, may have had this turn before. */
  readonly again: boolean;
  /** Nobody sees the answer: do nothing that has effects elsewhere. */
  readonly shadow: boolean;
  readonly seed: Seed | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Says a part of the answer now; the rest is what the handler returns. Throws if it is too large. */
  say(words: Words): void;
  /** The customer sees that somebody writes. */
  typing(): void;
}

/** Something for the contact centre to do, by its exact name in the profile. */
export interface Action {
  name: string;
  parameters?: Record<string, unknown>;
  /** False while parameters are missing: then nothing is done yet. */
  complete?: boolean;
}

/** A whole answer. */
export interface Reply {
  messages?: Words;
  action?: Action;
  notUnderstood?: boolean;
  end?: boolean;
  liveAgent?: boolean;
  intent?: string;
  confidence?: number;
}

/** Words alone, or a whole reply; nothing ends an answer that `turn.say` began. */
export type Answer = Words | Reply | undefined | void;

/** What became of an action, or of a hand-over that the gateway began by itself (no `action`). */
export interface Outcome {
  contact: string;
  outcome: string;
  action?: string;
  detail?: string;
}

/** A contact is over: forget it. */
export interface Closed {
  contact: string;
  reason: string;
}

/**
 * Throw it when you cannot answer: the customer hears the profile's fallback message at once.
 * The detail is for the administrator's eyes: nothing of the customer's, no secret.
 */
export class Failed extends Error {
  constructor(
    readonly detail = "",
    readonly kind: "internal" | "unavailable" | "quota" = "internal",
  ) {
    super(detail);
  }
}

export type Frame = Record<string, unknown> & { type: string };

export function asMessages(words: Words): Message[] {
  const list = Array.isArray(words) ? words : [words];
  return list.map((it) => (typeof it === "string" ? text(it) : it));
}

const MESSAGE_KEYS = ["text", "quick_replies", "card", "image", "payload"];

function isWords(answer: Words | Reply): answer is Words {
  return typeof answer === "string" || Array.isArray(answer) || MESSAGE_KEYS.some((key) => key in answer);
}

export function replyFrame(turnId: string, answer: Answer): Frame {
  const reply: Reply = answer === undefined ? {} : isWords(answer) ? { messages: answer } : answer;
  const frame: Frame = { type: "reply", turn_id: turnId };
  const messages = reply.messages === undefined ? [] : asMessages(reply.messages);
  if (messages.length > 0) frame.messages = messages;
  if (reply.action !== undefined) {
    frame.action = reply.action.name;
    frame.parameters = reply.action.parameters ?? {};
    if (reply.action.complete === false) frame.parameters_complete = false;
  }
  if (reply.notUnderstood) frame.not_understood = true;
  if (reply.end) frame.end = true;
  if (reply.liveAgent) frame.live_agent = true;
  if (reply.intent !== undefined) frame.intent = reply.intent;
  if (reply.confidence !== undefined) frame.confidence = reply.confidence;
  return frame;
}
