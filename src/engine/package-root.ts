// Where this package lies, in a checkout and installed alike: the sources run as they are in tests and from dist/ elsewhere,
// and the build puts modules into files of its own choice.

import { existsSync } from "node:fs";

function findRoot(): URL {
  let folder = new URL("./", import.meta.url);
  while (!existsSync(new URL("package.json", folder))) folder = new URL("../", folder);
  return folder;
}

/** The folder of package.json, as a URL that ends with a slash. */
export const PACKAGE_ROOT: URL = findRoot();
