/** The live page: follows the views that it has panels for, and paints them at one time. */

import { follow } from "../../viewstream/index.js";
import { setText } from "../site/dom.js";
import { pauseWhileHidden } from "../site/hidden_tab.js";
import { StandingDisplay } from "../site/standing.js";
import { sourceText } from "../site/texts.js";
import { Painter } from "./painter.js";
import { Panels, VIEWS } from "./panels.js";
import { ServerClock } from "./server_clock.js";
import { Shown } from "./shown.js";
import { Status } from "./status.js";
import { TimeTravel } from "./time_travel.js";
import { Wall } from "./wall_controls.js";

const SERVER = new URL("../..", import.meta.url);

const stream = follow(VIEWS, { server: SERVER, every: 50, keep: { time: "5m", bytes: 32e6 } });
const shown = new Shown(stream);
const clock = new ServerClock(new URL("about.json", SERVER));
const status = new Status(stream, shown, clock, new StandingDisplay(stream.retry));
const painter = new Painter(paint);
const panels = new Panels(shown, painter.paintSoon);
const travel = new TimeTravel(shown, painter.paintSoon);
const wall = new Wall();

/** Whether the next paint is of all panels, as time has passed. */
let isTickDue = false;

function paint() {
  const now = performance.now();
  shown.update(now);
  travel.show();
  panels.show(now, isTickDue);
  isTickDue = false;
  status.painted();
  status.show();
}

/** What changes as time passes, once a second; nothing of it while nobody looks, but the state. */
function tick() {
  if (stream.state === "paused") return;
  shown.update(performance.now());
  status.tick();
  if (document.hidden) return;
  wall.tick();
  isTickDue = true;
  travel.tick(); // which has the page painted
}

for (const view of stream.views.values()) {
  view.onChange(painter.paintSoon);
  view.onStanding(() => {
    painter.paintSoon();
    if (document.hidden) status.show(); // the tab's title and icon are seen
  });
}
setInterval(tick, 1000);
pauseWhileHidden(stream);
stream.onConnection(({ type }) => {
  if (type === "connected") askAboutServer(); // either clock may have been set since
});

/** Ask for the source of the events and the server's clock. */
async function askAboutServer() {
  try {
    setText(document.getElementById("source"), sourceText(await clock.ask()));
  } catch (error) {
    console.info(`the server does not name its source: ${error.message}`);
  }
}
