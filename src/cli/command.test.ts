// Tests of command.ts.

import { describe, expect, it } from "vitest";
import { helpText, parseCommand, type Command } from "./command.ts";
import { COMMANDS } from "./commands/index.ts";
import { UsageError } from "./errors.ts";

const example: Command = {
  name: "do",
  usage: "loopstep do FILE [OPTION...]",
  words: [1, 2],
  options: {
    count: { value: "N", help: "how many" },
    set: { value: "X", many: true, help: "several" },
    json: { help: "a switch" },
  },
  notes: ["One more thing."],
  run: () => Promise.resolve(0),
};

describe("parseCommand", () => {
  it("gives words, switches, values and lists", () => {
    const options = parseCommand(example, ["--set", "a", "x", "--count=7", "--json", "--set=b", "y"]);
    expect(options.positionals).toEqual(["x", "y"]);
    expect(options.list("set")).toEqual(["a", "b"]);
    expect(options.text("count")).toBe("7");
    expect(options.integer("count", 1, 7)).toBe(7);
    expect(options.flag("json")).toBe(true);
  });

  it("gives nothing for what is left out", () => {
    const options = parseCommand(example, ["x"]);
    expect([options.flag("json"), options.text("count"), options.integer("count", 0, 1), options.list("set")]).toEqual([
      false,
      undefined,
      undefined,
      [],
    ]);
  });

  it("takes what follows -- as words", () => {
    expect(parseCommand(example, ["--", "--json"]).positionals).toEqual(["--json"]);
  });

  it.each([
    [["x", "--coumt", "1"], /there is no option --coumt.*Did you mean "count"/],
    [["x", "--toString"], /there is no option --toString/],
    [["x", "--nothing-like-it"], /See loopstep do --help/],
    [["x", "-z"], /-z/],
    [["x", "--count"], /--count/],
    [["x", "--json=1"], /--json/],
    [[], /something is missing.*loopstep do FILE/],
    [["x", "y", "z"], /too many words: z/],
  ])("refuses %j", (argv, says) => {
    expect(() => parseCommand(example, argv)).toThrow(UsageError);
    expect(() => parseCommand(example, argv)).toThrow(says);
  });

  it.each(["", "0", "8", "-1", "1.5", "1e0", "x", "0x1", "99999999999999999999"])("refuses %j as 1 to 7", (text) => {
    const options = parseCommand(example, ["x", `--count=${text}`]);
    expect(() => options.integer("count", 1, 7)).toThrow(/1 to 7/);
  });
});

describe("help", () => {
  it("shows usage, options and notes", () => {
    expect(helpText("Does it", example)).toBe(
      "Does it.\n\nUsage: loopstep do FILE [OPTION...]\n\nOptions:\n  --count N  how many\n  --set X    several\n" +
        "  --json     a switch\n\nOne more thing.\n",
    );
  });

  it("asks for no words", () => {
    expect(parseCommand(example, ["--help"]).flag("help")).toBe(true);
  });

  it.each(Object.entries(COMMANDS))("of %s names the command and every option", async (name, { summary, load }) => {
    const command = await load();
    expect(command.name).toBe(name);
    const text = helpText(summary, command);
    expect(text).toContain(`Usage: loopstep ${name}`);
    for (const option of Object.keys(command.options)) expect(text).toContain(`--${option}`);
  });
});
