import type { AnyRow, Options, Snapshot, Standing, Stream, View } from "./index.js";

export interface Store<T> {
  subscribe(run: (value: T) => void): () => void;
}

/** A store of one view's rows, connected while somebody subscribes to it. */
export function viewStore<Row = AnyRow>(
  name: string,
  options?: Options<any> & { views?: readonly string[] },
): Store<Snapshot<Row>> & {
  readonly view: View<Row>;
  readonly stream: Stream<any>;
  readonly standing: Store<Standing>;
};
