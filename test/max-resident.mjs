// The command line, telling on stderr how much memory it had resident at most, in KiB.

import { writeSync } from "node:fs";

process.on("exit", () => void writeSync(2, `resident ${process.resourceUsage().maxRSS}\n`));
await import("../dist/cli/main.js");
