/** The header's state of the data, the notice, the tab's title and its icon: the same on all pages. */

import { setText } from "./dom.js";

/** The colour of the icon's dot, for each state that is not live. */
const DOTS = {
  connecting: "#8a8f96",
  waiting: "#8a8f96",
  paused: "#8a8f96",
  closed: "#8a8f96",
  lagging: "#e08a00",
  unverified: "#8a5cc7",
  stale: "#d0342c",
  "partly-stale": "#d0342c",
  lost: "#d0342c",
  refused: "#d0342c",
};

/** The icon of the site, with a dot that is seen in a row of tabs. */
function iconOf(state) {
  const bars = [18, 13, 8].map(
    (width, at) => `<rect x="7" y="${8 + 6 * at}" width="${width}" height="4" rx="2"/>`,
  );
  const dot = DOTS[state];
  const mark = dot
    ? `<circle cx="24" cy="24" r="8" fill="${dot}" stroke="#fff" stroke-width="2"/>`
    : "";
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">' +
    '<rect width="32" height="32" rx="8" fill="#0f6b60"/>' +
    `<g fill="#f4f1e8">${bars.join("")}</g>${mark}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

export class StandingDisplay {
  #standing = element("standing");
  #word = element("standing-text");
  #notice = element("notice");
  #noticeText = element("notice-text");
  #countdown = element("countdown");
  #retry = element("retry");
  #age = element("age");
  #icon = document.querySelector("link[rel=icon]");
  #title = document.title;
  #state = "";

  /** @param {() => void} retry connects now */
  constructor(retry) {
    this.#retry.addEventListener("click", retry);
  }

  /** @param {import("./texts.js").Description} description */
  show({ state, word, notice, countdown, canRetry }) {
    setText(this.#word, word);
    setText(this.#noticeText, notice);
    setText(this.#countdown, countdown);
    this.#retry.hidden = !canRetry;
    this.#notice.hidden = notice === "";
    if (state === this.#state) return;
    this.#state = state;
    this.#standing.dataset.state = this.#notice.dataset.state = state;
    document.documentElement.dataset.state = state;
    document.title = state === "live" ? this.#title : `${word} · ${this.#title}`;
    this.#icon.href = iconOf(state);
  }

  /** @param {string} text */
  showAge(text) {
    setText(this.#age, text);
  }
}

function element(id) {
  return document.getElementById(id);
}
