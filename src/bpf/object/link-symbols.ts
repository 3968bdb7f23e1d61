// The static linker, part two: which definition a name means. Strong beats weak, the first weak beats later ones, two strong
// ones are an error; what is defined nowhere stays undefined.

import {
  SHN_LORESERVE,
  SHN_UNDEF,
  STB_LOCAL,
  STB_WEAK,
  STT_FILE,
  STT_FUNC,
  STT_NOTYPE,
  STT_SECTION,
  STV_DEFAULT,
  STV_HIDDEN,
  STV_INTERNAL,
  type ElfSymbol,
} from "../../elf/index.ts";
import { conflict, type LinkInput, type Placements } from "./link-inputs.ts";

/** A symbol of one input. */
export interface Occurrence {
  readonly input: LinkInput;
  readonly symbol: ElfSymbol;
}

/** A global name over all inputs. */
export interface LinkedName {
  readonly name: string;
  /** The definition that counts; undefined when there is none. */
  definition: Occurrence | undefined;
  /** References to it without a definition. */
  readonly references: Occurrence[];
  visibility: number;
}

const isDefined = (symbol: ElfSymbol): boolean => symbol.shndx !== SHN_UNDEF;
export const isWeak = (symbol: ElfSymbol): boolean => symbol.bind === STB_WEAK;

/** The stricter of two visibilities. */
function stricter(a: number, b: number): number {
  const rank = (visibility: number): number => [STV_DEFAULT, STV_HIDDEN, STV_INTERNAL].indexOf(visibility);
  return rank(b) > rank(a) ? b : a;
}

const kindText = (symbol: ElfSymbol): string => (symbol.type === STT_FUNC ? "a function" : "a variable");

function define(linked: LinkedName, next: Occurrence): void {
  const first = linked.definition;
  if (first === undefined || (isWeak(first.symbol) && !isWeak(next.symbol))) {
    linked.definition = next;
    return;
  }
  if (!isWeak(first.symbol) && !isWeak(next.symbol)) {
    throw conflict(
      `symbol ${linked.name} is defined twice`,
      `in ${first.input.name} and ${next.input.name}`,
      "one definition, or all but one weak",
    );
  }
}

/** All global names, in order of appearance. Throws OBJECT_LINK. */
export function resolveNames(inputs: readonly LinkInput[], placements: Placements): Map<string, LinkedName> {
  const names = new Map<string, LinkedName>();
  for (const input of inputs) {
    for (const symbol of input.elf.symbols) {
      if (symbol.index === 0 || symbol.bind === STB_LOCAL || symbol.name === "") continue;
      // what was defined in a section that is not kept is gone
      if (isDefined(symbol) && symbol.shndx < SHN_LORESERVE && !placements.get(input)!.has(symbol.shndx)) continue;
      let linked = names.get(symbol.name);
      if (linked === undefined) {
        linked = { name: symbol.name, definition: undefined, references: [], visibility: STV_DEFAULT };
        names.set(symbol.name, linked);
      }
      const earlier = linked.definition?.symbol;
      if (isDefined(symbol) && earlier && earlier.type !== symbol.type) {
        throw conflict(
          `symbol ${symbol.name} is of different kinds`,
          `${kindText(symbol)} in ${input.name}`,
          `${kindText(earlier)} as in ${linked.definition!.input.name}`,
        );
      }
      if (isDefined(symbol)) define(linked, { input, symbol });
      else linked.references.push({ input, symbol });
      linked.visibility = stricter(linked.visibility, symbol.visibility);
    }
  }
  return names;
}

/** Local symbols worth keeping: named functions and variables, and labels that relocations use. */
export function isKeptLocal(symbol: ElfSymbol, referred: ReadonlySet<ElfSymbol>): boolean {
  if (symbol.index === 0 || symbol.bind !== STB_LOCAL || symbol.type === STT_SECTION || symbol.type === STT_FILE)
    return false;
  if (symbol.shndx === SHN_UNDEF || symbol.shndx >= SHN_LORESERVE) return false;
  return symbol.type !== STT_NOTYPE || referred.has(symbol);
}
