// Follows parts of a view between which a row moves, in a running server, until a time.
//
//     node tests/static/tools/moving_row.mjs http://127.0.0.1:8888 TOKEN 1041 'v[name=a]' 'v[name=b]'
//
// Prints a line when the parts are there, and one of JSON at the end: in how many parts the row is at
// each common time, and the number of rows of each part at each time that the past has.

import { follow } from "../../../static/viewstream/index.js";

const [server, token, end, ...names] = process.argv.slice(2);
const options = { server, transport: "sse", token: () => token, keep: "5m" };
const isMoving = ({ count }) => count === 100;
const places = (views) => views.flatMap((view) => view.snapshot().filter(isMoving)).length;

/** The number of rows of each part at each time that is kept. */
function read(views) {
  const [from, to] = [views.map(({ kept }) => kept.from), views.map(({ kept }) => kept.to)];
  const rows = [];
  for (let time = Math.max(...from); time <= Math.min(...to); time += 1) {
    rows.push([time, ...views.map((view) => view.at(time)?.filter(isMoving).length ?? null)]);
  }
  return rows;
}

/** Follow the parts until `end`, then read their past. */
function follower() {
  const stream = follow(names, options);
  const views = names.map((name) => stream.view(name));
  const result = { looks: [], moments: [], past: [] };
  for (const view of views) view.onChange(() => result.looks.push(places(views)));
  return new Promise((resolve, reject) => {
    stream.onChange(({ time, view }) => {
      result.moments.push(places(names.map((name) => view(name))));
      if (result.moments.length === 1) console.log("begun");
      if (time < Number(end)) return;
      stream.fetchPast(0).then(() => {
        result.past = read(views);
        stream.close();
        resolve(result);
      }, reject);
    });
  });
}

const first = await follower();
const late = await follower();
console.log(JSON.stringify({ first, late }));
