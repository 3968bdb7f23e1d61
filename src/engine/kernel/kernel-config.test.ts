// The running kernel's version and options, as they are published.

import { expect, it } from "vitest";
import { optionsOf, runningKernel, versionCode } from "./kernel-config.ts";

it.each([
  ["7.2.13+deb14-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.2.13-1 (2026-11-02)", 0x7_020d],
  ["6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)", 0x6_014c],
  ["7.1.0-rc3", "#1 SMP", 0x7_0100],
  ["7.2-custom", "#1 SMP", 0x7_0200],
  ["4.19.300", "#1 SMP", 0x4_13ff],
  ["strange", "", 0],
])("the version of %s", (release, version, code) => {
  expect(versionCode(release, version)).toBe(code);
});

it("the options that are set", () => {
  const text = '#\n# Linux\n#\nCONFIG_HZ=250\n# CONFIG_AIO is not set\nCONFIG_LOCALVERSION=""\nCONFIG_NET=y\n';
  expect([...optionsOf(text)]).toEqual([
    ["CONFIG_HZ", "250"],
    ["CONFIG_LOCALVERSION", '""'],
    ["CONFIG_NET", "y"],
  ]);
});

it("this machine's kernel has a version, and no option that there is not", () => {
  const { version, option } = runningKernel();
  expect(version).toBeGreaterThan(0x30000);
  expect(option("CONFIG_NO_SUCH_OPTION")).toBeUndefined();
});
