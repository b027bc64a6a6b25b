// The parts of a message as elements.

import { el, visible, webAddress } from "./dom.js";

/// `choose(text)` says it for the customer. Yields null for what has nothing to show.
export function contentElement(content, texts, choose) {
  switch (content.kind) {
    case "text":
      return el("p", { class: "bubble", dir: "auto" }, visible(content.text));
    case "quickReplies":
      return quickReplies(content, choose);
    case "card":
      return card(content, texts, choose);
    case "image":
      return image(content.uri, content.description, texts);
    case "payload":
      return el("p", { class: "unshowable" }, texts.unshowable);
    default:
      // A newer server may know more kinds than this page has loaded.
      return el("p", { class: "unshowable" }, texts.unshowable);
  }
}

function choice(label, text, choose) {
  return el("button", { type: "button", class: "choice", dir: "auto", onclick: () => choose(text) }, visible(label));
}

function quickReplies({ title, replies }, choose) {
  const buttons = replies.map((reply) => choice(reply, reply, choose));
  const group = el("div", { class: "choices", role: "group", "aria-label": visible(title) || undefined }, ...buttons);
  return el("div", { class: "replies" }, title ? el("p", { class: "bubble", dir: "auto" }, visible(title)) : null, group);
}

function card({ title, subtitle, imageUri, buttons }, texts, choose) {
  const actions = buttons.map((button) => {
    const label = button.text || button.postback;
    const page = webAddress(button.postback);
    if (!page) return choice(label, button.postback || button.text, choose);
    return el("a", { class: "choice", dir: "auto", href: page.href, target: "_blank", rel: "noopener noreferrer" }, visible(label));
  });
  return el(
    "div",
    { class: "card" },
    imageUri ? image(imageUri, title, texts) : null,
    title ? el("p", { class: "title", dir: "auto" }, visible(title)) : null,
    subtitle ? el("p", { class: "subtitle", dir: "auto" }, visible(subtitle)) : null,
    actions.length ? el("div", { class: "choices" }, ...actions) : null,
  );
}

/// The picture, or what it shows in words where it cannot be loaded.
function image(uri, description, texts) {
  const words = visible(description || "") || texts.image;
  const instead = () => el("p", { class: "no-image", dir: "auto" }, words);
  const address = webAddress(uri);
  if (!address) return instead();
  const picture = el("img", { src: address.href, alt: words, referrerpolicy: "no-referrer", decoding: "async" });
  picture.addEventListener("error", () => picture.replaceWith(instead()), { once: true });
  return picture;
}
