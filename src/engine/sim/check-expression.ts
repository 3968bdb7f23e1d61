// The expression of `loopstep explore --check`: what must hold after a run, over the program's globals and the world's
// files. `reqs_done == 1000 && file("/to") == file("/from") && size("/to") > 0`. Integers are unbounded, files compare by
// contents, `result` is what the loop returned. Precedence as in C: || && == != < <= > >= + - * / % ! - ( ).

import { LoopstepError } from "../../base/index.ts";

/** An expression that cannot be read, or a name that is not there. */
class CheckError extends LoopstepError<"CHECK_SYNTAX" | "CHECK_NAME" | "CHECK_TYPE"> {}

type CheckValue = bigint | string | boolean;

/** Where names come from. */
export interface CheckScope {
  /** A global of the program, or undefined. */
  global(name: string): bigint | undefined;
  /** Contents of a file, or undefined. */
  file(path: string): Uint8Array | undefined;
}

/** A compiled expression. */
export interface Check {
  (scope: CheckScope): boolean;
  /** What the globals and files it names are. */
  readonly tell: (scope: CheckScope) => string;
}

type Node = (scope: CheckScope) => CheckValue;

const TOKEN = /\s*(?:(0x[0-9a-fA-F]+|\d+)|([A-Za-z_][\w.]*)|"([^"]*)"|(\|\||&&|==|!=|<=|>=|[<>+\-*/%!(),]))/y;
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<", "<=", ">", ">="],
  ["+", "-"],
  ["*", "/", "%"],
];

/** So many words an expression may have: evaluating it takes a call for each, at worst one inside the other. */
const MOST_TOKENS = 1000;
/** So much of an expression is shown where it is wrong. */
const SHOWN = 60;

/** Compiles `text`; throws CheckError CHECK_SYNTAX. Running it throws CHECK_NAME or CHECK_TYPE. */
export function compileCheck(text: string): Check {
  const parser = new Parser(text);
  const node = parser.parse();
  const tell = (scope: CheckScope): string => tellAll(parser.names, scope);
  return Object.assign((scope: CheckScope) => truth(node(scope)), { tell });
}

function tellAll(names: ReadonlyMap<string, Node>, scope: CheckScope): string {
  const values = [...names].map(([name, node]) => [name, node(scope)] as const);
  const told = values.map(([name, value]) =>
    typeof value === "string" ? `${name} has ${value.length} bytes` : `${name} is ${value}`,
  );
  const [one, other] = values.map(([, value]) => value).filter((value) => typeof value === "string");
  if (one !== undefined && other !== undefined && one !== other) {
    const at = [...one].findIndex((char, i) => char !== other[i]);
    told.push(`they differ from byte ${at < 0 ? one.length : at} on`);
  }
  return told.join(", ");
}

function truth(value: CheckValue): boolean {
  return typeof value === "bigint" ? value !== 0n : value !== false && value !== "";
}

function integer(value: CheckValue, operator: string): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  throw new CheckError("CHECK_TYPE", {
    message: "not a number",
    where: `operand of ${operator}`,
    found: "file contents",
  });
}

class Parser {
  readonly #text: string;
  readonly #tokens: string[] = [];
  #next = 0;
  /** Globals and calls, as they are written. */
  readonly names: Map<string, Node> = new Map();

  constructor(text: string) {
    this.#text = text;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null) throw this.#error("a character that means nothing here", text.slice(from, from + 10));
      this.#tokens.push(match[0].trim());
    }
  }

  #error(message: string, found: string, expected?: string): CheckError {
    const shown = this.#text.length > SHOWN ? `${this.#text.slice(0, SHOWN)}...` : this.#text;
    return new CheckError("CHECK_SYNTAX", { message, found, expected, where: `check "${shown}"` });
  }

  parse(): Node {
    if (this.#tokens.length > MOST_TOKENS)
      throw this.#error("the expression is too long", `${this.#tokens.length} words`, `at most ${MOST_TOKENS}`);
    const node = this.#level(0);
    if (this.#next < this.#tokens.length)
      throw this.#error("the expression goes on after its end", this.#tokens[this.#next]);
    return node;
  }

  #take(token: string): void {
    if (this.#tokens[this.#next] !== token)
      throw this.#error(`expected ${token}`, this.#tokens[this.#next] ?? "the end");
    this.#next++;
  }

  #level(level: number): Node {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#level(level + 1);
    while (operators.includes(this.#tokens[this.#next] ?? "")) {
      const operator = this.#tokens[this.#next++];
      left = binary(operator, left, this.#level(level + 1));
    }
    return left;
  }

  #unary(): Node {
    const token = this.#tokens[this.#next];
    if (token === "!") {
      this.#next++;
      const operand = this.#unary();
      return (scope) => !truth(operand(scope));
    }
    if (token === "-") {
      this.#next++;
      const operand = this.#unary();
      return (scope) => -integer(operand(scope), "-");
    }
    return this.#primary();
  }

  #primary(): Node {
    const token = this.#tokens[this.#next];
    if (token === undefined) throw this.#error("the expression ends too early", "the end");
    this.#next++;
    if (token === "(") {
      const inner = this.#level(0);
      this.#take(")");
      return inner;
    }
    if (/^\d/.test(token)) {
      const value = BigInt(token);
      return () => value;
    }
    if (token.startsWith('"')) {
      const value = token.slice(1, -1);
      return () => value;
    }
    if (!/^[A-Za-z_]/.test(token)) throw this.#error("expected a value", token);
    const start = this.#next;
    const isCall = this.#tokens[start] === "(";
    const node = isCall ? this.#call(token) : globalNamed(token);
    this.names.set(token + this.#tokens.slice(start, this.#next).join(""), node);
    return node;
  }

  #call(name: string): Node {
    this.#take("(");
    const word = this.#tokens[this.#next] ?? "the end";
    if (!word.startsWith('"')) throw this.#error("a file is named in quotes", word, `${name}("PATH")`);
    this.#next++;
    this.#take(")");
    const path = word.slice(1, -1);
    const contents = (scope: CheckScope): Uint8Array => scope.file(path) ?? new Uint8Array(0);
    switch (name) {
      case "file":
        return (scope) => charPerByte(contents(scope));
      case "size":
        return (scope) => BigInt(contents(scope).length);
      case "exists":
        return (scope) => scope.file(path) !== undefined;
      default:
        throw this.#error("no such function; there are file, size and exists", name);
    }
  }
}

function globalNamed(name: string): Node {
  return (scope) => {
    const value = scope.global(name);
    if (value === undefined) throw new CheckError("CHECK_NAME", { message: "no such global", found: name });
    return value;
  };
}

/** Arguments of one call are limited. */
const CHARS_AT_ONCE = 8192;

function charPerByte(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARS_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHARS_AT_ONCE));
  }
  return text;
}

function binary(operator: string, left: Node, right: Node): Node {
  switch (operator) {
    case "||":
      return (scope) => truth(left(scope)) || truth(right(scope));
    case "&&":
      return (scope) => truth(left(scope)) && truth(right(scope));
    case "==":
      return (scope) => left(scope) === right(scope);
    case "!=":
      return (scope) => left(scope) !== right(scope);
    default:
      return (scope) => arithmetic(operator, integer(left(scope), operator), integer(right(scope), operator));
  }
}

function arithmetic(operator: string, a: bigint, b: bigint): CheckValue {
  switch (operator) {
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    default:
      if (b === 0n)
        throw new CheckError("CHECK_TYPE", { message: "division by zero", where: `operand of ${operator}` });
      return operator === "/" ? a / b : a % b;
  }
}
