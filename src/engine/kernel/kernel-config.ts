// The configuration of the running kernel, where it is published: /proc/config.gz, or /boot/config-RELEASE. Read when a
// program asks for an option.

import { readFileSync } from "node:fs";
import os from "node:os";
import { gunzipSync } from "node:zlib";
import type { KernelConfig } from "../../bpf/object/index.ts";
import { parseKernelVersion } from "../../uring/abi/index.ts";

/** The running kernel; an option is undefined where the configuration is not published. */
export function runningKernel(): KernelConfig {
  let options: ReadonlyMap<string, string> | undefined;
  return {
    version: versionCode(os.release(), os.version()),
    option: (name) => (options ??= optionsOf(publishedConfig())).get(name),
  };
}

/** LINUX_VERSION_CODE. `version` first: Debian's releases do not count the patches. */
export function versionCode(release: string, version: string): number {
  const debian = /\bDebian (\d+\.\d+\.\d+)/.exec(version)?.[1];
  const [major, minor, patch] = parseKernelVersion(debian ?? release) ?? [0, 0, 0];
  return (major << 16) | (minor << 8) | Math.min(patch, 255);
}

/** The lines of a .config that set an option. */
export function optionsOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

function publishedConfig(): string {
  const gz = read("/proc/config.gz");
  if (gz !== undefined) return gunzipSync(gz).toString();
  return read(`/boot/config-${os.release()}`)?.toString() ?? "";
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
