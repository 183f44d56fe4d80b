/** Small helpers for the DOM: text is only ever set as text. */

/** @param {Element} target @param {string} text */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Append an element of a class to its parent.
 *
 * @param {Element} parent
 * @param {string} tag
 * @param {string} [className]
 */
export function append(parent, tag, className = "") {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  parent.append(element);
  return element;
}
