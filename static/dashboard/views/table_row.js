/** The element of one row. What strangers wrote is text, isolated, and only web addresses are links. */

import { append } from "../site/dom.js";
import { describeValue } from "./values.js";

/**
 * @param {Record<string, any>} row
 * @param {readonly { name: string, type: string }[]} columns
 * @param {?Set<string> | undefined} changed names of the columns that flash; null: all of them
 */
export function rowElement(row, columns, changed) {
  const element = document.createElement("div");
  element.className = changed === null ? "row come" : "row";
  element.setAttribute("role", "row");
  for (const { name, type } of columns) {
    const { text, kind, link, full } = describeValue(row[name], type);
    const cell = append(element, "div", `cell ${kind}`);
    cell.setAttribute("role", "cell");
    if (changed?.has(name)) cell.classList.add("changed");
    if (full !== text || full.length > 24) cell.title = full;
    append(link === null ? cell : linkTo(cell, link), "bdi").textContent = text;
  }
  return element;
}

function linkTo(cell, address) {
  const link = append(cell, "a");
  link.href = address;
  link.rel = "noopener noreferrer nofollow";
  link.target = "_blank";
  return link;
}
