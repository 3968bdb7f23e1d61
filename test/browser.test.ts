// The browser entry: that dist/sim.js reaches neither node:* nor a package, and that it runs in Chromium as it does here:
// nops and cp, with the same trace byte for byte. The page writes its result into the DOM, which Chromium prints.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "./command-line.ts";

const ENTRY = path.join(ROOT, "dist/sim.js");
const PAGE_SCRIPT = "/test/browser-page.mjs";
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((file) => existsSync(file));
const CHROMIUM_MS = 120_000;

/** Files that `entry` reaches by relative imports, and what else they import. */
function importsOf(entry: string): { readonly files: ReadonlySet<string>; readonly foreign: readonly string[] } {
  const files = new Set<string>();
  const foreign: string[] = [];
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, "utf8");
    const found = text.matchAll(/^(?:import|export)\b[^"';]*?from "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm);
    for (const [, ...names] of found) {
      const name = names.find((candidate) => candidate !== undefined)!;
      if (name.startsWith(".")) visit(path.join(path.dirname(file), name));
      else foreign.push(`${path.relative(ROOT, file)}: ${name}`);
    }
  };
  visit(entry);
  return { files, foreign };
}

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".o": "application/octet-stream",
};
const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
} as const;
const HTML = `<!doctype html><pre id="result"></pre><script type="module" src="${PAGE_SCRIPT}"></script>`;

/** Serves what the page needs of the checkout. */
function serve(): Server {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    if (pathname === "/") return void response.writeHead(200, { ...ISOLATED, "Content-Type": "text/html" }).end(HTML);
    const file = path.join(ROOT, path.normalize(pathname));
    const type = TYPES[path.extname(file)];
    if (type === undefined || !existsSync(file)) return void response.writeHead(404, ISOLATED).end();
    response.writeHead(200, { ...ISOLATED, "Content-Type": type }).end(readFileSync(file));
  });
}

interface PageResult {
  readonly isolated?: boolean;
  readonly error?: string;
  readonly nops: { readonly reqs_done: string; readonly steps: number; readonly trace: string };
  readonly cp: { readonly same: boolean; readonly size: number; readonly trace: string };
}

describe("the browser entry", () => {
  it("reaches neither node:* nor a package", () => {
    const { files, foreign } = importsOf(ENTRY);
    expect(files.size).toBeGreaterThan(5);
    expect(foreign).toEqual([]);
    // the same look at the whole package does find some
    expect(importsOf(path.join(ROOT, "dist/index.js")).foreign.length).toBeGreaterThan(0);
  });
});

const skip = CHROMIUM === undefined ? "no /usr/bin/chromium" : undefined;
describe.skipIf(skip)(skip === undefined ? "in Chromium" : `in Chromium (skipped: ${skip})`, () => {
  const server = serve();
  const profile = mkdtempSync(path.join(tmpdir(), "loopstep-chromium-"));
  let inBrowser: PageResult;
  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    const words = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--user-data-dir=${profile}`,
    ];
    const limits = [`--timeout=${CHROMIUM_MS / 2}`, "--virtual-time-budget=60000", "--dump-dom"];
    const { stdout } = await promisify(execFile)(CHROMIUM!, [...words, ...limits, `http://127.0.0.1:${port}/`], {
      timeout: CHROMIUM_MS,
      maxBuffer: 1 << 26,
    });
    const text = /<pre id="result">([^<]*)<\/pre>/.exec(stdout)?.[1];
    if (text === undefined || text === "") throw new Error(`the page wrote no result: ${stdout.slice(0, 2000)}`);
    inBrowser = JSON.parse(decodeURIComponent(text)) as PageResult;
  }, CHROMIUM_MS);
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  });

  it("runs nops and cp", () => {
    expect(inBrowser.error).toBeUndefined();
    expect(inBrowser.isolated).toBe(true);
    expect(inBrowser.nops.reqs_done).toBe("1000");
    expect(inBrowser.cp).toMatchObject({ same: true, size: 100_003 });
  });

  it("writes the traces that Node writes, byte for byte", async () => {
    const { runAll } = (await import(pathToFileURL(path.join(ROOT, PAGE_SCRIPT)).href)) as {
      runAll: (load: (file: string) => Promise<Uint8Array>) => Promise<PageResult>;
    };
    const here = await runAll((file) => Promise.resolve(readFileSync(path.join(ROOT, file))));
    expect(here.nops.trace.split("\n").length).toBeGreaterThan(2000);
    expect(inBrowser.nops).toEqual(here.nops);
    expect(inBrowser.cp).toEqual(here.cp);
  });
});
