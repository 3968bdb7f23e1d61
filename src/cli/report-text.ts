// A run's report for people.

import type { RunReport } from "./session.ts";

const MAX_ITEMS = 16;

/** 1234567 -> "1,234,567" */
export const grouped = (value: number): string => value.toLocaleString("en");

/** Nanoseconds as a duration of four digits or so. */
export function duration(ns: number): string {
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} us`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(1)} ms`;
  return `${(ns / 1e9).toFixed(2)} s`;
}

/** A value of a global or map, on one line; long arrays are cut. */
export function formatValue(value: unknown): string {
  if (Array.isArray(value)) {
    const shown = value.slice(0, MAX_ITEMS).map(formatValue).join(", ");
    return value.length > MAX_ITEMS ? `[${shown}, ... ${value.length} in all]` : `[${shown}]`;
  }
  if (value instanceof Uint8Array) return formatValue([...value]);
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([name, member]) => `${name}: ${formatValue(member)}`)
      .join(", ")}}`;
  }
  return String(value);
}

/** The report as `loopstep run` prints it. */
export function formatReport({
  engine,
  why,
  result,
  errno,
  steps,
  submitted,
  completed,
  enters,
  wallNs,
  globals,
  maps,
}: RunReport): string {
  const lines = [
    `engine    ${engine}: ${why}`,
    `result    ${result}${errno === null ? "" : ` (${errno})`}`,
    `steps     ${steps === null ? "not visible" : grouped(steps)}`,
    `requests  ${submitted === null ? "" : `${grouped(submitted)} submitted, `}${grouped(completed)} completed`,
    `enters    ${grouped(enters)}`,
    `time      ${duration(wallNs)}${completed > 0 ? `, ${duration(wallNs / completed)} a request` : ""}`,
  ];
  const names = Object.entries(globals);
  if (names.length > 0) lines.push("globals", ...names.map(([name, value]) => `  ${name} = ${formatValue(value)}`));
  for (const [name, { entries, error }] of Object.entries(maps)) {
    lines.push(
      `map ${name}`,
      ...entries.slice(0, MAX_ITEMS).map(([key, value]) => `  ${formatValue(key)} = ${formatValue(value)}`),
    );
    if (error !== undefined) lines.push(`  cannot be read: ${String(error["message"])}`);
    if (entries.length > MAX_ITEMS) lines.push(`  ... ${entries.length} in all`);
  }
  return `${lines.join("\n")}\n`;
}
