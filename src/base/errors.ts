// The root of every error this project throws on purpose. An error names what was found, what was expected, where, and
// what to do; the text is rendered from those facts, so that `--json` and people get the same.

/** The facts of an error. All but `message` are optional; each is a short plain-text fragment. */
export interface ErrorFacts {
  /** One sentence: what went wrong, without its place. */
  readonly message: string;
  /** What was there. */
  readonly found?: string | undefined;
  /** What should have been there. */
  readonly expected?: string | undefined;
  /** File, section, offset, instruction, option: wherever the reader should look. */
  readonly where?: string | undefined;
  /** What to do about it. */
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** Base class of all deliberate errors. `code` is a stable literal such as `ELF_TRUNCATED`. */
export abstract class LoopstepError<Code extends string = string> extends Error {
  readonly code: Code;
  /** The bare sentence: `message` without place, details and remedy. */
  readonly summary: string;
  readonly found: string | undefined;
  readonly expected: string | undefined;
  readonly where: string | undefined;
  readonly remedy: string | undefined;

  constructor(code: Code, facts: ErrorFacts) {
    super(renderFacts(facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.summary = facts.message;
    this.found = facts.found;
    this.expected = facts.expected;
    this.where = facts.where;
    this.remedy = facts.remedy;
  }

  override get name(): string {
    return this.constructor.name;
  }

  /** The facts as plain data, for `--json` and for crossing a thread boundary. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, summary, found, expected, where, remedy } = this;
    return { name, code, message, summary, found, expected, where, remedy };
  }
}

/** What is wrong with the contents of a file: the error of the reader, with the file's name before its place. */
export class InputError extends LoopstepError {
  constructor(file: string, error: LoopstepError) {
    const { code, summary, found, expected, where, remedy } = error;
    super(code, {
      message: summary,
      where: where === undefined ? file : `${file}: ${where}`,
      found,
      expected,
      remedy,
      cause: error,
    });
  }
}

/** `where: message (found X, expected Y). remedy` */
function renderFacts(facts: ErrorFacts): string {
  const detail = [facts.found && `found ${facts.found}`, facts.expected && `expected ${facts.expected}`]
    .filter(Boolean)
    .join(", ");
  const head = facts.where ? `${facts.where}: ${facts.message}` : facts.message;
  const body = detail ? `${head} (${detail})` : head;
  return facts.remedy ? `${body}. ${facts.remedy}` : body;
}
