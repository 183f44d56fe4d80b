/** The busiest editors: of all time, of the last hour, of the last five minutes. */

import { append } from "../site/dom.js";
import { nameText } from "../site/safe_text.js";
import { Bars } from "./bars.js";
import { countText } from "./numbers.js";

/** The views, by the value of their switch. */
const RACES = { "5min": "top10_5min", hour: "top10_hour", all: "top10" };
const PARAMETER = "race";

export class Race {
  #bars;
  #fields;
  #radios;
  /** The races that are offered, as one text. */
  #offered = "";
  /** Whether the order must be the true one in the next paint. */
  #isSwitched = true;

  /**
   * @param {HTMLElement} list
   * @param {HTMLFieldSetElement} fields the switch
   * @param {() => void} onSwitch
   */
  constructor(list, fields, onSwitch) {
    this.#fields = fields;
    this.#radios = [...fields.querySelectorAll("input")];
    this.#bars = new Bars(list, {
      size: 10,
      settle: 700,
      nameOf: ({ user }) => user,
      countOf: ({ count }) => count,
      label: ({ count }) => countText(count),
      describe: describeEditor,
      speak: ({ user }) => nameText(user).text,
      caption: "The busiest editors",
      heads: ["Editor", "Edits"],
    });
    const wish = new URLSearchParams(location.search).get(PARAMETER);
    for (const radio of this.#radios)
      radio.checked = radio.value === (wish in RACES ? wish : "5min");
    fields.addEventListener("change", () => {
      this.#isSwitched = true;
      rememberInAddress(this.#value);
      onSwitch();
    });
  }

  get #value() {
    return this.#radios.find(({ checked }) => checked)?.value ?? "5min";
  }

  /** The view that is chosen. */
  get view() {
    return RACES[this.#value];
  }

  /** Offer only the races whose views are served. @param {Set<string>} served */
  offer(served) {
    const there = this.#radios.filter(({ value }) => served.has(RACES[value]));
    const offered = there.map(({ value }) => value).join();
    if (offered === this.#offered) return;
    this.#offered = offered;
    for (const radio of this.#radios) radio.parentElement.hidden = !there.includes(radio);
    if (there.length > 0 && !there.some(({ checked }) => checked)) there.at(-1).checked = true;
    this.#fields.hidden = there.length < 2;
  }

  /** @param {readonly any[]} rows @param {number} now @param {boolean} isAtOnce */
  show(rows, now, isAtOnce) {
    const count = this.#bars.show(rows, now, isAtOnce || this.#isSwitched);
    this.#isSwitched = false;
    return count;
  }
}

function describeEditor(element, { user }) {
  const { text, isName } = nameText(user);
  const name = append(element, "bdi", isName ? "name" : "name nameless");
  name.textContent = text;
  name.title = text;
}

/** Keep the choice in the page's address, where a reload and a bookmark find it. */
function rememberInAddress(value) {
  const url = new URL(location.href);
  url.searchParams.set(PARAMETER, value);
  history.replaceState(history.state, "", url);
}
