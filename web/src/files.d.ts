// SPDX-License-Identifier: MIT
//
// files: what build.mjs puts beside the scripts: an import of it is its name.
declare module '*.wasm' {
  const name: string;
  export default name;
}
declare module '*.woff2' {
  const name: string;
  export default name;
}
declare const STYLED_WORKER: string;
