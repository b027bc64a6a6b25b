// Making elements. Text goes in as text and never as markup.

/// el("p", {class: "by", dir: "auto", onclick: …}, "text", child, …)
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((it) => it !== null && it !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/// A line drawing on a grid of 24; decoration only.
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  chat: "M4 5h16v11H9l-5 4z",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12h15M13 6l6 6-6 6",
  down: "M12 5v14M6 13l6 6 6-6",
};

/// The address when it is one that a browser may be sent to, else null.
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url : null;
  } catch {
    return null;
  }
}

/// Control characters by their pictures, so that text shows what is in it; line breaks and tabs stay.
export function visible(text) {
  return String(text)
    .replace(/\r\n?/g, "\n")
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (it) => String.fromCharCode(0x2400 + it.charCodeAt(0)))
    .replace(/[\u007f-\u009f]/g, "\u2421");
}
