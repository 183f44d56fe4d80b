/** The library is what its hand-written types say: each assignment fails to compile otherwise. */

import * as implementation from "../../../static/viewstream/index.js";
import * as react from "../../../static/viewstream/react.js";
import * as shared from "../../../static/viewstream/shared.js";
import type { Stream } from "../../../static/viewstream/stream.js";
import * as svelte from "../../../static/viewstream/svelte.js";
import type * as declared from "../../../static/viewstream/types/index.js";
import type * as declaredReact from "../../../static/viewstream/types/react.js";
import type * as declaredShared from "../../../static/viewstream/types/shared.js";
import type * as declaredSvelte from "../../../static/viewstream/types/svelte.js";
import type { View } from "../../../static/viewstream/view.js";

/** The keys of `Declared` whose types the implementation does not have. */
type Missing<Declared, Actual> = Exclude<keyof Declared, keyof Actual>;
type Nothing<T extends never> = T;

export type Checks = [
  Nothing<Missing<typeof declared, typeof implementation>>,
  Nothing<Missing<typeof declaredReact, typeof react>>,
  Nothing<Missing<typeof declaredShared, typeof shared>>,
  Nothing<Missing<typeof declaredSvelte, typeof svelte>>,
  Nothing<Missing<declared.Stream, Stream>>,
  Nothing<Missing<declared.View, View>>,
];

export const view = (actual: View): declared.View<any> => actual;
export const stream = (actual: Stream): declared.Stream<any> => actual;
export const readValue: typeof declared.readValue = implementation.readValue;
export const follow: (
  names: readonly string[],
  options?: declared.Options<any>,
) => declared.Stream<any> = implementation.follow;
export const share: (
  views: readonly string[],
  options?: declared.Options<any>,
) => declaredShared.SharedStream<any> = shared.share;
export const useView: (
  name: string,
  options?: declared.Options<any>,
) => declaredReact.ViewResult<any> = react.useView;
export const useStream: (
  views?: readonly string[],
  options?: declared.Options<any>,
) => declared.Stream<any> = react.useStream;
export const viewStore: (
  name: string,
  options?: declared.Options<any>,
) => ReturnType<typeof declaredSvelte.viewStore<any>> = svelte.viewStore;
