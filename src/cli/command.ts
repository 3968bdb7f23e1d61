// What a command of the line is, and how its words are parsed: node:util parseArgs over one option table per command.

import { parseArgs } from "node:util";
import { didYouMean } from "../base/index.ts";
import { UsageError } from "./errors.ts";

/** One option. `value` names its argument in the help text; without it the option is a switch. */
export interface OptionSpec {
  readonly value?: string;
  readonly many?: boolean;
  /** One letter that stands for it. */
  readonly short?: string;
  readonly help: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Parsed words: switches are true, values strings, `many` values arrays. */
export interface ParsedOptions {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  /** A whole number within [min, max]; throws UsageError. */
  integer(name: string, min: number, max: number): number | undefined;
}

/** A command: what it is called, what it takes, what it does. `run` returns the exit status. */
export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly options: OptionTable;
  /** How many positional words are allowed. */
  readonly words: readonly [min: number, max: number];
  /** Sentences after the options in the help text. */
  readonly notes?: readonly string[];
  readonly run: (options: ParsedOptions) => Promise<number>;
  /** For a command that hands its words on: gets them all, unparsed, unless the first is --help. */
  readonly runWords?: (argv: readonly string[]) => Promise<number>;
}

/** Parses `argv` for `command`; throws UsageError naming the option and the nearest one. */
export function parseCommand(command: Command, argv: readonly string[]): ParsedOptions {
  const table = { ...command.options, help: { help: "show this" } };
  const unknown = argv.find(
    (word, i) =>
      word.startsWith("--") && word.length > 2 && !isAfterDashes(argv, i) && !Object.hasOwn(table, optionName(word)),
  );
  if (unknown) {
    const name = optionName(unknown);
    throw new UsageError("USAGE_OPTION", {
      where: `loopstep ${command.name}`,
      message: `there is no option --${name}`,
      remedy: didYouMean(name, Object.keys(table)) ?? `See loopstep ${command.name} --help.`,
    });
  }
  const options = Object.fromEntries(
    Object.entries<OptionSpec>(table).map(([name, { value, many, short }]) => [
      name,
      {
        type: value ? ("string" as const) : ("boolean" as const),
        multiple: many === true,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError("USAGE_OPTION", {
      where: `loopstep ${command.name}`,
      ...saidByParser(error as Error & { readonly code?: string }, command),
      cause: error,
    });
  }
  const values = parsed.values as Record<string, string | boolean | string[] | undefined>;
  checkWords(command, parsed.positionals, values["help"] === true);
  return {
    positionals: parsed.positionals,
    flag: (name) => values[name] === true,
    text: (name) => values[name] as string | undefined,
    list: (name) => (values[name] as string[] | undefined) ?? [],
    integer(name, min, max) {
      const text = values[name] as string | undefined;
      if (text === undefined) return undefined;
      const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
      if (number >= min && number <= max) return number;
      throw new UsageError("USAGE_VALUE", {
        where: `--${name} ${text}`,
        message: "out of range",
        expected: `a whole number from ${min} to ${max}`,
      });
    },
  };
}

/** What node:util says of words it cannot parse, and what to do, in one sentence each. */
function saidByParser(
  error: Error & { readonly code?: string },
  { name }: Command,
): { message: string; remedy: string } {
  const [said] = error.message.split("\n");
  const option = /'(?:-\w, )?([^' ]+)/.exec(said)?.[1] ?? "";
  const remedy = `See loopstep ${name} --help.`;
  if (error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") return { message: `there is no option ${option}`, remedy };
  if (said.endsWith("ambiguous."))
    return { message: `${option} needs a value`, remedy: `One that begins with - is given as ${option}=VALUE.` };
  return { message: said.replace(/\.$/, ""), remedy };
}

/** "--set=x" -> "set" */
const optionName = (word: string): string => word.slice(2).split("=", 1)[0];

const isAfterDashes = (argv: readonly string[], i: number): boolean =>
  argv.indexOf("--") >= 0 && argv.indexOf("--") < i;

function checkWords({ name, usage, words: [min, max] }: Command, positionals: readonly string[], help: boolean): void {
  if (help || (positionals.length >= min && positionals.length <= max)) return;
  throw new UsageError("USAGE_OPTION", {
    where: `loopstep ${name}`,
    message: positionals.length < min ? "something is missing" : `too many words: ${positionals.slice(max).join(" ")}`,
    expected: usage,
  });
}

/** The help text of one command; `summary` says what it is good for. */
export function helpText(summary: string, { usage, options, notes = [] }: Command): string {
  const rows = Object.entries(options).map(
    ([name, { value, help }]) => [`  --${name}${value ? ` ${value}` : ""}`, help] as const,
  );
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 2;
  return [
    `${summary}.`,
    "",
    `Usage: ${usage}`,
    ...(rows.length ? ["", "Options:", ...rows.map(([left, help]) => left.padEnd(width) + help)] : []),
    ...(notes.length ? ["", ...notes] : []),
    "",
  ].join("\n");
}
