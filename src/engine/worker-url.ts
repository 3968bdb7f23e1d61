// Where a worker's module lies: beside this one when built; in dist/ when the sources run as they are (tests), because
// Node 20 does not take TypeScript.

/** URL of `engine/NAME.js`. */
export function workerUrl(name: string): URL {
  const built = import.meta.url.endsWith(".ts") ? "../../dist/engine/" : "./";
  return new URL(`${built}${name}.js`, import.meta.url);
}
