/** The small print: each view, with the state and the position of its copy on this page. */

const time = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 1,
});

export class ViewsTable {
  #cells = new Map();

  constructor(body, views) {
    for (const view of views) {
      const row = body.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = view.name;
      row.append(head);
      this.#cells.set(
        view,
        Array.from({ length: 4 }, () => row.insertCell()),
      );
    }
  }

  show() {
    for (const [view, cells] of this.#cells) {
      const texts = [
        view.standing.state,
        view.loaded ? String(view.size) : "–",
        known(view.asOf),
        view.position?.epoch ?? "–",
      ];
      for (const [at, text] of texts.entries()) {
        if (cells[at].textContent !== text) cells[at].textContent = text;
      }
    }
  }
}

function known(asOf) {
  if (asOf === null) return "–";
  return asOf === Infinity ? "for ever" : time.format(asOf);
}
