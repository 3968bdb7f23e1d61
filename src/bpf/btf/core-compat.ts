// When a type of an object and one of the target count as the same, for CO-RE: three relations of growing strictness, as
// libbpf defines them (relo_core.c): fields compatible, types compatible, types match. Ids go in, yes or no comes out.

import type { Btf } from "./btf.ts";
import { BtfError } from "./errors.ts";
import { essentialName } from "./strings.ts";
import type { BtfComposite, BtfEnum, BtfKind, BtfType } from "./types.ts";

/** Nesting beyond this is an error, as in libbpf. */
const DEEPEST = 32;

const isEnum = (kind: BtfKind): boolean => kind === "ENUM" || kind === "ENUM64";
const isComposite = (kind: BtfKind): boolean => kind === "STRUCT" || kind === "UNION";

/** Same kind, where an enum's width does not count. */
export function sameKind(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnum(a) && isEnum(b));
}

const tooDeep = (id: number): BtfError =>
  new BtfError("BTF_CORE", {
    message: "types nest too deeply to be compared",
    expected: `at most ${DEEPEST} levels`,
    where: `BTF type ${id}`,
  });

/** Whether a field of type `localId` may be read as one of type `targetId`. */
export function fieldsCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  for (let depth = 0; depth < DEEPEST; depth++) {
    const [mine, theirs] = [local.resolved(localId), target.resolved(targetId)];
    if (isComposite(mine.kind) && isComposite(theirs.kind)) return true;
    if (!sameKind(mine.kind, theirs.kind)) return false;
    switch (mine.kind) {
      case "PTR":
      case "FLOAT":
        return true;
      case "FWD":
      case "ENUM":
      case "ENUM64": {
        const [a, b] = [essentialName(mine.name), essentialName(theirs.name)];
        return a === "" || b === "" || a === b;
      }
      case "INT":
        return mine.offset === 0 && (theirs as typeof mine).offset === 0;
      case "ARRAY":
        localId = mine.type;
        targetId = (theirs as typeof mine).type;
        break;
      default:
        return false;
    }
  }
  throw tooDeep(localId);
}

/** Pairs compared in one question, and the answer: those in progress count as equal, so that cycles end. */
type Answers = Map<number, Map<number, boolean>>;

/** The answer for a pair, from `ask` when it is new. */
function remembered(answers: Answers, a: number, b: number, ask: () => boolean): boolean {
  let row = answers.get(a);
  if (row === undefined) answers.set(a, (row = new Map()));
  const known = row.get(b);
  if (known !== undefined) return known;
  row.set(b, true);
  const answer = ask();
  row.set(b, answer);
  return answer;
}

/** Whether two types have the same shape, names aside: what a kfunc's prototype must have. */
export function typesCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  return compatible(new Map(), local, localId, target, targetId, DEEPEST);
}

function compatible(
  answers: Answers,
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  level: number,
): boolean {
  if (!sameKind(local.kind(localId), target.kind(targetId))) return false;
  for (let depth = 0; depth < DEEPEST; depth++) {
    const [mine, theirs] = [local.resolved(localId), target.resolved(targetId)];
    if (!sameKind(mine.kind, theirs.kind)) return false;
    switch (mine.kind) {
      case "VOID":
      case "STRUCT":
      case "UNION":
      case "ENUM":
      case "ENUM64":
      case "FWD":
        return true;
      case "INT":
        return mine.offset === 0 && (theirs as typeof mine).offset === 0;
      case "PTR":
      case "ARRAY":
        localId = mine.type;
        targetId = (theirs as typeof mine).type;
        break;
      case "FUNC_PROTO": {
        const other = theirs as typeof mine;
        if (mine.params.length !== other.params.length) return false;
        if (level <= 0) throw tooDeep(localId);
        const fit = mine.params.every((param, i) => {
          const [a, b] = [local.skipModifiers(param.type), target.skipModifiers(other.params[i].type)];
          return remembered(answers, a, b, () => compatible(answers, local, a, target, b, level - 1));
        });
        if (!fit) return false;
        localId = mine.type;
        targetId = other.type;
        break;
      }
      default:
        return false;
    }
  }
  throw tooDeep(localId);
}

const namesMatch = (mine: string, theirs: string): boolean =>
  theirs === "" ? mine === "" : essentialName(mine) === essentialName(theirs);

function enumsMatch(mine: BtfEnum, theirs: BtfEnum): boolean {
  if (mine.size !== theirs.size || mine.values.length > theirs.values.length) return false;
  return mine.values.every(({ name }) => theirs.values.some((other) => namesMatch(name, other.name)));
}

/** Whether `union` is the kind of composite that a forward declaration stands for. */
const fwdStandsFor = (fwd: BtfType & { kind: "FWD" }, kind: BtfKind): boolean =>
  kind === (fwd.union ? "UNION" : "STRUCT");

function membersMatch(
  answers: Answers,
  local: Btf,
  mine: BtfComposite,
  target: Btf,
  theirs: BtfComposite,
  level: number,
): boolean {
  if (mine.members.length > theirs.members.length) return false;
  return mine.members.every((member) =>
    theirs.members.some(
      (other) =>
        namesMatch(member.name, other.name) &&
        matchRemembered(answers, local, member.type, target, other.type, false, level - 1),
    ),
  );
}

/** Whether the target's type is what the object thinks it is (bpf_core_type_matches). */
export function typesMatch(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  return match(new Map(), local, localId, target, targetId, false, DEEPEST);
}

/** The same question behind a pointer is another one. */
function matchRemembered(
  answers: Answers,
  local: Btf,
  a: number,
  target: Btf,
  b: number,
  behind: boolean,
  level: number,
): boolean {
  return remembered(answers, behind ? -a : a, b, () => match(answers, local, a, target, b, behind, level));
}

function match(
  answers: Answers,
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  behindPointer: boolean,
  level: number,
): boolean {
  if (level <= 0) throw tooDeep(localId);
  for (let depth = 0; depth < DEEPEST; depth++) {
    const [mine, theirs] = [local.resolved(localId), target.resolved(targetId)];
    if (!namesMatch(mine.name, theirs.name)) return false;
    if (isEnum(mine.kind)) return isEnum(theirs.kind) && enumsMatch(mine as BtfEnum, theirs as BtfEnum);
    if (mine.kind === "FWD") {
      if (theirs.kind === "FWD") return mine.union === theirs.union;
      return behindPointer && fwdStandsFor(mine, theirs.kind);
    }
    if (mine.kind === "STRUCT" || mine.kind === "UNION") {
      if (behindPointer && theirs.kind === "FWD") return fwdStandsFor(theirs, mine.kind);
      if (mine.kind !== theirs.kind) return false;
      return behindPointer || membersMatch(answers, local, mine, target, theirs, level);
    }
    if (mine.kind !== theirs.kind) return false;
    switch (mine.kind) {
      case "VOID":
        return true;
      case "INT": {
        const other = theirs as typeof mine;
        return mine.size === other.size && mine.signed === other.signed;
      }
      case "PTR":
        behindPointer = true;
        localId = mine.type;
        targetId = (theirs as typeof mine).type;
        break;
      case "ARRAY": {
        const other = theirs as typeof mine;
        if (mine.nelems !== other.nelems) return false;
        localId = mine.type;
        targetId = other.type;
        break;
      }
      case "FUNC_PROTO": {
        const other = theirs as typeof mine;
        if (mine.params.length !== other.params.length) return false;
        const behind = behindPointer;
        if (
          !mine.params.every((param, i) =>
            matchRemembered(answers, local, param.type, target, other.params[i].type, behind, level - 1),
          )
        ) {
          return false;
        }
        localId = mine.type;
        targetId = other.type;
        break;
      }
      default:
        return false;
    }
  }
  throw tooDeep(localId);
}
