import type { FunctionComponentElement, ReactNode } from "react";
import type { AnyRow, AnyViews, Options, Snapshot, State, Stream, View } from "./index.js";

export interface ViewResult<Row> {
  /** The same object until a row changes. */
  readonly rows: Snapshot<Row>;
  readonly state: State;
  readonly reason: string;
  readonly loaded: boolean;
  readonly view: View<Row>;
}

/** Let the components below follow several views over one connection. */
export function StreamProvider(
  props: Options<any> & { views: readonly string[]; children?: ReactNode },
): FunctionComponentElement<any>;

/** The stream of these views, or the provider's; connected while the component is mounted. */
export function useStream<Views extends object = AnyViews>(
  views?: readonly (keyof Views & string)[],
  options?: Options<Views>,
): Stream<Views>;

/** The rows of a view and its standing; the component renders again when they change. */
export function useView<Row = AnyRow>(name: string, options?: Options<any>): ViewResult<Row>;
