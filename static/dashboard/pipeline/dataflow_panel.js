/** A view's dataflow as a picture: operators as boxes, channels as arrows with their rows a second. */

import { append, setText } from "../site/dom.js";
import { visibleText } from "../site/safe_text.js";
import { SpokenTable } from "../site/spoken_table.js";
import { rateText } from "../site/texts.js";
import { readDataflows, TABLES } from "./dataflow_graph.js";
import { layOut } from "./layers.js";
import { Rate } from "./metrics.js";

/** Sizes of a box, and of the room between two boxes: least and most along the flow. Pixels. */
const BOX = { width: 112, height: 72 };
const ALONG = [52, 110];
const ACROSS = 22;
/** Around the picture, on both sides together. */
const MARGIN = 8;
const SVG = "http://www.w3.org/2000/svg";
const PARAMETER = "dataflow";
/** The first choice: it has a join. */
const FAVOURITE = "edits_by_language";

const numbers = new Intl.NumberFormat("en-US");
const narrow = matchMedia("(max-width: 62rem)");

/** @import { Channel, Dataflow, Operator } from "./dataflow_graph.js" */

export class DataflowPanel {
  #section;
  #select;
  #place;
  #wish = new URLSearchParams(location.search).get(PARAMETER);
  /** The snapshots that were read. @type {(readonly any[])[]} */
  #read = [];
  /** @type {Dataflow[]} */
  #flows = [];
  /** What is drawn: a picture is made again only if its boxes or arrows are others. */
  #drawn = "";
  /** @type {Map<string, { rate: Rate, label: HTMLElement, line: SVGElement }>} */
  #channels = new Map();
  /** @type {Map<string, HTMLElement>} */
  #records = new Map();
  #table = /** @type {?SpokenTable} */ (null);

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#section = section;
    this.#select = /** @type {HTMLSelectElement} */ (section.querySelector("select"));
    this.#place = /** @type {HTMLElement} */ (section.querySelector(".dataflow"));
    this.#select.addEventListener("change", () => this.#choose(this.#select.value));
    addEventListener("resize", () => this.#redraw());
  }

  /**
   * @param {(name: string) => ?readonly any[]} rowsOf the rows of a table; null if they are not known
   * @param {?number} time of the rows
   */
  show(rowsOf, time) {
    const tables = TABLES.map(rowsOf);
    if (tables.some((rows) => rows === null)) return;
    if (tables.every((rows, at) => rows === this.#read[at])) return;
    this.#read = /** @type {any[][]} */ (tables);
    this.#flows = readDataflows((name) => this.#read[TABLES.indexOf(name)]);
    this.#section.hidden = this.#flows.length === 0;
    this.#list();
    this.#paint(time);
  }

  #choose(name) {
    this.#wish = name;
    const url = new URL(location.href);
    url.searchParams.set(PARAMETER, name);
    history.replaceState(history.state, "", url);
    this.#redraw();
  }

  #redraw() {
    this.#drawn = "";
    this.#paint(null);
  }

  get #flow() {
    const named = (name) => this.#flows.find((flow) => flow.name === name);
    const largest = [...this.#flows].sort((a, b) => b.channels.length - a.channels.length);
    return named(this.#wish) ?? named(FAVOURITE) ?? largest[0];
  }

  /** List the dataflows in the switch. */
  #list() {
    const names = this.#flows.map(({ name }) => name);
    const listed = [...this.#select.options].map(({ value }) => value);
    if (names.join("\n") !== listed.join("\n")) {
      this.#select.replaceChildren();
      for (const name of names) {
        const option = /** @type {HTMLOptionElement} */ (append(this.#select, "option"));
        option.value = name;
        option.textContent = visibleText(name);
      }
    }
    if (this.#flow) this.#select.value = this.#flow.name;
  }

  /** @param {?number} time */
  #paint(time) {
    const flow = this.#flow;
    if (!flow) return;
    const parts = [...flow.operators, ...flow.channels].map(({ id }) => id);
    const key = JSON.stringify([flow.name, parts]);
    if (key !== this.#drawn) this.#draw(flow);
    this.#drawn = key;
    for (const { id, records } of flow.operators) {
      const text = records === 0 ? "" : `${numbers.format(records)} kept`;
      setText(/** @type {HTMLElement} */ (this.#records.get(id)), text);
    }
    for (const { id, sent } of flow.channels) {
      const channel = this.#channels.get(id);
      if (!channel) continue;
      if (time !== null) channel.rate.add(sent, time);
      const { perSecond } = channel.rate;
      setText(channel.label, perSecond === null ? "" : `${shortRate(perSecond)}/s`);
      const width = 1.5 + Math.log10(1 + (perSecond ?? 0));
      channel.line.style.strokeWidth = `${width.toFixed(1)}px`;
      channel.line.toggleAttribute("data-flows", Number(perSecond) > 0);
    }
    this.#table?.show(() => this.#speak(flow), performance.now());
  }

  /** @param {Dataflow} flow */
  #speak({ operators, channels }) {
    const nameOf = (id) => visibleText(operators.find((one) => one.id === id)?.name ?? "");
    return channels.map(({ id, from, to, sent }) => [
      `${nameOf(from)} to ${nameOf(to)}`,
      rateText(this.#channels.get(id)?.rate.perSecond ?? null) || "not known",
      numbers.format(sent),
      numbers.format(operators.find((one) => one.id === to)?.records ?? 0),
    ]);
  }

  /** @param {Dataflow} flow */
  #draw({ operators, channels }) {
    const before = this.#channels;
    this.#channels = new Map();
    this.#place.replaceChildren();
    const grid = layOut(
      operators.map(({ id }) => id),
      channels,
    );
    const scale = new Scale(grid, this.#place.clientWidth - MARGIN);
    const picture = append(this.#place, "div", "picture");
    picture.setAttribute("aria-hidden", "true"); // the table has the same
    picture.style.width = `${scale.width}px`;
    picture.style.height = `${scale.height}px`;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${scale.width} ${scale.height}`);
    picture.append(svg);
    for (const { id } of channels) {
      const path = grid.paths.get(id);
      if (!path) continue;
      const points = path.map((place) => scale.centre(place));
      const line = document.createElementNS(SVG, "path");
      line.setAttribute("d", scale.curve(points));
      svg.append(line);
      const label = append(picture, "span", "flow");
      const { x, y } = scale.label(points);
      label.style.left = `${x}px`;
      label.style.top = `${y}px`;
      this.#channels.set(id, { line, label, rate: before.get(id)?.rate ?? new Rate() });
    }
    this.#records = new Map(
      operators.map((one) => [
        one.id,
        drawBox(picture, one, scale.centre(grid.places.get(one.id))),
      ]),
    );
    const heads = ["Channel", "Rows a second", "Rows so far", "Rows that its end keeps"];
    this.#table = new SpokenTable(this.#place, "The channels of the dataflow", heads);
  }
}

/** @param {HTMLElement} picture @param {Operator} operator @param {{x: number, y: number}} centre */
function drawBox(picture, { name }, { x, y }) {
  const box = append(picture, "div", "operator");
  box.style.left = `${x - BOX.width / 2}px`;
  box.style.top = `${y - BOX.height / 2}px`;
  const [kind, ...rest] = name.split(" ");
  if (rest.length > 0) append(box, "span", "quiet").textContent = visibleText(kind);
  const text = append(box, "bdi");
  // A long name may be broken after an underscore.
  text.textContent = visibleText(rest.join(" ") || name).replaceAll("_", "_\u200b");
  box.title = visibleText(name);
  return append(box, "span", "kept");
}

/** From layers and rows to pixels: along the flow from left to right, on a phone from top to bottom. */
class Scale {
  #isDown = narrow.matches;
  #step;
  #cross;
  width;
  height;

  /** @param {{layers: number, rows: number}} grid @param {number} room */
  constructor({ layers, rows }, room) {
    const [along, across] = this.#isDown ? [BOX.height, BOX.width] : [BOX.width, BOX.height];
    const [least, most] = ALONG;
    const gap = (room - layers * along) / Math.max(1, layers - 1);
    this.#step = along + (this.#isDown ? least : Math.max(least, Math.min(most, gap)));
    this.#cross = across + (this.#isDown ? 12 : ACROSS);
    const length = this.#step * (layers - 1) + along;
    const breadth = this.#cross * (rows - 1) + across;
    [this.width, this.height] = this.#isDown ? [breadth, length] : [length, breadth];
  }

  /** @param {import("./layers.js").Place | undefined} place */
  centre({ layer, row } = { layer: 0, row: 0 }) {
    const [along, across] = [this.#step * layer, this.#cross * row];
    const [x, y] = this.#isDown ? [across, along] : [along, across];
    return { x: x + BOX.width / 2, y: y + BOX.height / 2 };
  }

  /** A line through the points that leaves and enters boxes straight. @param {{x: number, y: number}[]} points */
  curve(points) {
    const half = (this.#isDown ? BOX.height : BOX.width) / 2;
    const shift = ({ x, y }, by) => (this.#isDown ? { x, y: y + by } : { x: x + by, y });
    const ends = points.map((point) => [shift(point, -half), shift(point, half)]);
    let text = `M${textOf(ends[0][1])}`;
    for (const [at, [enter, leave]] of ends.slice(1).entries()) {
      const from = ends[at][1];
      const bend = this.#isDown ? (enter.y - from.y) / 2 : (enter.x - from.x) / 2;
      text += ` C${textOf(shift(from, bend))} ${textOf(shift(enter, -bend))} ${textOf(enter)}`;
      if (at < ends.length - 2) text += ` L${textOf(leave)}`;
    }
    return text;
  }

  /** Where the rate of a channel is written: in the gap before its end. @param {{x: number, y: number}[]} points */
  label(points) {
    const [before, end] = points.slice(-2);
    const gap = this.#step - (this.#isDown ? BOX.height : BOX.width);
    const half = (this.#isDown ? BOX.height : BOX.width) / 2 + gap / 2;
    if (this.#isDown) return { x: (before.x + end.x) / 2, y: end.y - half };
    return { x: end.x - half, y: (before.y + end.y) / 2 };
  }
}

/** @param {{x: number, y: number}} point */
function textOf({ x, y }) {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}

/** @param {number} rate */
function shortRate(rate) {
  return rate > 0 && rate < 9.95 ? rate.toFixed(1) : numbers.format(Math.round(rate));
}
