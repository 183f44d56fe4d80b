import type { AnyViews, Options, Stream } from "./index.js";

export interface SharedStream<Views = AnyViews> {
  readonly stream: Stream<Views>;
  /** Keep the stream connected until the function that this returns is called. */
  readonly use: () => () => void;
}

/** The shared stream of these views with these options; it connects when it is used. */
export function share<Views extends object = AnyViews>(
  views: readonly (keyof Views & string)[],
  options?: Options<Views>,
): SharedStream<Views>;
