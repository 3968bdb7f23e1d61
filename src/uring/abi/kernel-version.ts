// Kernel versions as uname(2) prints them, compared by major and minor number.

/** `[major, minor, patch]`. */
export type KernelVersion = readonly [major: number, minor: number, patch: number];

/** Parses "7.2.13+deb14-cloud-amd64" or "6.1"; undefined when it does not start with two numbers. */
export function parseKernelVersion(release: string): KernelVersion | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined;
}

/** True when `version` is `since` ("6.13") or later. */
export function isAtLeast(version: KernelVersion, since: string): boolean {
  const wanted = parseKernelVersion(since);
  if (wanted === undefined) return false;
  for (let i = 0; i < 3; i++) if (version[i] !== wanted[i]) return version[i] > wanted[i];
  return true;
}

/** "7.2.13". */
export function formatKernelVersion(version: KernelVersion): string {
  return version.join(".");
}
