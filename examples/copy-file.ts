// Copies a file with the ready-made loop `cp`: node examples/copy-file.ts FROM TO
// Node 24 and later run it as it is.

import { copyFile, openEngine, ProgramError } from "loopstep";

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  process.stderr.write("usage: copy-file FROM TO\n");
  process.exit(2);
}

using engine = await openEngine("auto");
try {
  const { bytes, stats } = await copyFile(engine, from, to, { bufferSize: 128 << 10, buffers: 16 });
  process.stdout.write(`${bytes} bytes in ${stats.enters} system calls (${engine.name})\n`);
} catch (error) {
  if (!(error instanceof ProgramError)) throw error;
  // the request that failed, its errno and where in the file
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
