// Where this package lies, in a checkout and installed alike: the sources run as they are in tests and from dist/ elsewhere,
// and the build puts modules into files of its own choice.

import { existsSync } from "node:fs";

function findRoot(): URL {
  const here = new URL("./", import.meta.url);
  for (let folder = here; ;) {
    if (existsSync(new URL("package.json", folder))) return folder;
    const above = new URL("../", folder);
    // code that was put into another program's file, alone
    if (above.href === folder.href) return here;
    folder = above;
  }
}

/** The folder of package.json, as a URL that ends with a slash. */
export const PACKAGE_ROOT: URL = findRoot();
