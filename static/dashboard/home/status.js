/** Finds how the data of the page are, and shows it: live, lagging, stale, and why. */

import { Freshness } from "../site/freshness.js";
import { ageText, describe, worst } from "../site/texts.js";
import { LABELS } from "./panels.js";

export class Status {
  #stream;
  #shown;
  #clock;
  #display;
  #freshness = new Freshness();
  #age = null;

  constructor(stream, shown, clock, display) {
    this.#stream = stream;
    this.#shown = shown;
    this.#clock = clock;
    this.#display = display;
  }

  /** Record what was painted: its age is measured to this moment. */
  painted() {
    const { liveTime } = this.#shown;
    if (liveTime !== null) this.#freshness.painted(liveTime, this.#clock.now());
  }

  /** Once a second: the age is the greatest since the last time. */
  tick() {
    if (document.hidden) this.painted(); // nothing is painted, and nobody sees that
    this.#age = this.#freshness.read(this.#clock.now());
    this.#display.showAge(ageText(this.#age));
    this.show();
  }

  show() {
    const { served, late, liveTime } = this.#shown;
    const all = [...this.#stream.views.values()];
    const { retryAt } = this.#stream;
    const views = served.length > 0 ? served : all;
    const onTime = views.filter((view) => !late.includes(view));
    this.#display.show(
      describe({
        standing: worst(onTime.length > 0 ? onTime : views),
        hasRows: liveTime !== null,
        asOf: liveTime,
        age: this.#age,
        wait: retryAt === null ? null : Math.max(0, retryAt - Date.now()),
        late: late.map((view) => this.#describeLate(view)),
      }),
    );
  }

  #describeLate({ name, asOf, standing }) {
    // The others may be ahead of this computer's clock.
    const now = Math.max(this.#clock.now(), this.#shown.liveTime ?? 0);
    const age = asOf === null ? null : now - asOf;
    return { label: LABELS[name], state: standing.state, reason: standing.reason, asOf, age };
  }
}
