/** What a page may write, and (with `@ts-expect-error`) what it may not. */

import { type Change, follow, type State } from "../../../static/viewstream/types/index.js";
import { useView } from "../../../static/viewstream/types/react.js";

interface Views {
  top10: { user: string | null; count: number };
  counter: { count: number };
}

const stream = follow<Views>(["top10", "counter"], {
  keys: { top10: "user" },
  int8: "number",
  keep: { time: "5m", bytes: 1e6 },
});

export const users: (string | null)[] = stream
  .view("top10")
  .rows()
  .map(({ user }) => user);

export const weights: number[] = stream
  .view("top10")
  .entries()
  .map(([{ count }, weight]) => count * weight);

stream.view("counter").onChange((change: Change<{ count: number }>) => {
  for (const { before, after } of change.updated) console.log(after.count - before.count);
});

stream.onChange(({ time, view }) => console.log(time, view("counter").snapshot()[0]?.count));

// A name is enough for a page without types.
export const anyRow = follow(["top10"]).view("top10").snapshot()[0];

export function colour(state: State): string {
  switch (state) {
    case "live":
      return "green";
    case "refused":
    case "closed":
      return "red";
    case "connecting":
    case "waiting":
    case "stale":
    case "unverified":
    case "paused":
      return "yellow";
  }
}

export function Top() {
  const { rows, state } = useView<Views["top10"]>("top10");
  return state === "live" ? rows.map(({ count }) => count.toFixed()) : [];
}

// @ts-expect-error a view that is not followed
stream.view("useredits");
// @ts-expect-error a view that does not exist
follow<Views>(["top11"]);
// @ts-expect-error a mode that does not exist
follow(["top10"], { int8: "decimal" });
// @ts-expect-error the snapshot must not be changed
stream.view("top10").snapshot().sort();
// @ts-expect-error no such column
stream.view("top10").rows()[0]?.editor;
