/** The page of all views: asks the server for their list again and again, and shows it. */

import { StandingDisplay } from "../site/standing.js";
import { ageText } from "../site/texts.js";
import { Refresher } from "./refresher.js";
import { ViewCard } from "./view_card.js";

const LIST = new URL("../../view/list", import.meta.url);
const EVERY = 2_000;
/** An older list is not called live. */
const OLD = 8_000;

const element = (id) => document.getElementById(id);
/** @type {Map<string, ViewCard>} */
const cards = new Map();
const refresher = new Refresher(LIST, EVERY, show);
const display = new StandingDisplay(() => refresher.ask());

function show(list) {
  const names = new Set(list.views.map(({ name }) => name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.element.remove();
    cards.delete(name);
  }
  for (const view of list.views) {
    let card = cards.get(view.name);
    const place = element(view.kind === "internal table" ? "internal" : "own");
    if (card === undefined) {
      card = new ViewCard(view.name);
      cards.set(view.name, card);
    }
    if (card.element.parentElement !== place) place.append(card.element);
    card.show(view, list.time);
  }
  element("internal-section").hidden = element("internal").childElementCount === 0;
  element("empty").hidden = list.views.length > 0;
  showStanding();
}

function showStanding() {
  const { answeredAt, problem, refusal } = refresher;
  const age = answeredAt === null ? null : Date.now() - answeredAt;
  const plain = { notice: "", countdown: "", canRetry: false };
  if (refusal !== "") {
    const notice = `The server refuses this page: ${refusal}.`;
    display.show({ ...plain, state: "refused", word: "Refused", notice, canRetry: true });
  } else if (problem) {
    const notice =
      age === null
        ? "The server cannot be reached."
        : "The connection is lost: this is how things were.";
    const word = age === null ? "Not connected" : "Reconnecting";
    display.show({ ...plain, state: "lost", word, notice, canRetry: true });
  } else if (age === null) {
    display.show({ ...plain, state: "connecting", word: "Connecting" });
  } else if (age > OLD) {
    display.show({ ...plain, state: "stale", word: "Stale" });
  } else {
    display.show({ ...plain, state: "live", word: "Live" });
  }
  display.showAge(age === null ? "" : ageText(age));
}

refresher.onSettled = showStanding;
refresher.start();
setInterval(showStanding, 1_000);
