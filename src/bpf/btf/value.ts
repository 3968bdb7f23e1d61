// Values of any BTF type to and from bytes: integers up to 32 bits are numbers, wider ones bigints, structs plain objects
// (members of anonymous members appear beside the others), arrays arrays, pointers bigints. Little-endian.

import { didYouMean } from "../../base/index.ts";
import type { Btf } from "./btf.ts";
import { BtfError } from "./errors.ts";
import { formatType } from "./format.ts";
import type { BtfArray, BtfComposite, BtfEnum, BtfInt, BtfMember } from "./types.ts";

/** What a value of BTF looks like in JavaScript. */
export type BtfValue = number | bigint | boolean | readonly BtfValue[] | { readonly [member: string]: BtfValue };

/** What may be written besides: the name of an enumerator, text for a char array, bytes for an array of bytes. */
export type BtfWritable =
  | BtfValue
  | string
  | Uint8Array
  | readonly BtfWritable[]
  | { readonly [member: string]: BtfWritable };

const DEEPEST = 32;
/** Scalars in one value; real sections stay far below, malformed BTF need not. */
const MOST_SCALARS = 1 << 24;

/** One walk over a value; `path` names the place for messages. */
interface Walk {
  readonly btf: Btf;
  readonly view: DataView;
  scalars: number;
  depth: number;
}

const startWalk = (btf: Btf, view: DataView): Walk => ({ btf, view, scalars: 0, depth: 0 });

function wrong(walk: Walk, id: number, path: string, value: unknown, expected: string): BtfError {
  const found =
    typeof value === "bigint"
      ? `${value}n`
      : typeof value === "string"
        ? JSON.stringify(value.slice(0, 40))
        : Array.isArray(value)
          ? "an array"
          : value === null
            ? "null"
            : typeof value === "object"
              ? "an object"
              : String(value);
  return new BtfError("BTF_VALUE", {
    message: `the value does not fit type ${formatType(walk.btf, id)}`,
    found,
    expected,
    where: path || undefined,
  });
}

function outOfRange(path: string, value: bigint | number | string, low: bigint, high: bigint): BtfError {
  return new BtfError("BTF_RANGE", {
    message: "the value is out of range",
    found: `${value}`,
    expected: `${low} to ${high}`,
    where: path || undefined,
  });
}

function enter(walk: Walk, id: number, offset: number, size: number, path: string): void {
  if (++walk.scalars > MOST_SCALARS || walk.depth > DEEPEST) {
    throw new BtfError("BTF_LOOP", { message: "the type nests without end", where: path || `BTF type ${id}` });
  }
  if (offset < 0 || offset + size > walk.view.byteLength) {
    throw new BtfError("BTF_RANGE", {
      message: "the value lies outside the memory given",
      found: `bytes ${offset} to ${offset + size}`,
      expected: `0 to ${walk.view.byteLength}`,
      where: path || `BTF type ${id}`,
    });
  }
}

function readBits(view: DataView, offset: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(offset + i));
  return value;
}

function writeBits(view: DataView, offset: number, size: number, value: bigint): void {
  for (let i = 0; i < size; i++) view.setUint8(offset + i, Number((value >> BigInt(i * 8)) & 0xffn));
}

function readInteger(view: DataView, offset: number, size: number, signed: boolean): number | bigint {
  switch (size) {
    case 1:
      return signed ? view.getInt8(offset) : view.getUint8(offset);
    case 2:
      return signed ? view.getInt16(offset, true) : view.getUint16(offset, true);
    case 4:
      return signed ? view.getInt32(offset, true) : view.getUint32(offset, true);
    case 8:
      return signed ? view.getBigInt64(offset, true) : view.getBigUint64(offset, true);
    default: {
      const value = readBits(view, offset, size);
      return signed ? BigInt.asIntN(size * 8, value) : value;
    }
  }
}

/** An integer as bigint, checked against the range of `bits`. */
function checkedInteger(walk: Walk, id: number, path: string, value: unknown, bits: number, signed: boolean): bigint {
  if (typeof value === "boolean") value = value ? 1 : 0;
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw wrong(walk, id, path, value, "an integer; a bigint above 2^53");
  }
  if (typeof value !== "number" && typeof value !== "bigint") throw wrong(walk, id, path, value, "a number or bigint");
  const low = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const high = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
  if (BigInt(value) < low || BigInt(value) > high) throw outOfRange(path, value, low, high);
  return BigInt(value);
}

const isNarrow = (bits: number): boolean => bits <= 32;

/** Type and, for enumerators, name to number. */
function toInteger(walk: Walk, type: BtfInt | BtfEnum, id: number, path: string, value: unknown, bits: number): bigint {
  if (type.kind === "INT") {
    if (type.bool && typeof value !== "boolean" && value !== 0 && value !== 1)
      throw wrong(walk, id, path, value, "true or false");
    return checkedInteger(walk, id, path, value, bits, type.signed);
  }
  if (typeof value === "string") {
    const named = type.values.find(({ name }) => name === value);
    if (named) return named.val;
    const names = type.values.map(({ name }) => name);
    throw new BtfError("BTF_VALUE", {
      message: `${formatType(walk.btf, id)} has no such enumerator`,
      found: value,
      where: path || undefined,
      remedy: didYouMean(value, names),
    });
  }
  return checkedInteger(walk, id, path, value, bits, type.signed);
}

function fromInteger(type: BtfInt | BtfEnum, value: number | bigint, bits: number): number | bigint | boolean {
  if (type.kind === "INT" && type.bool) return Number(value) !== 0;
  return isNarrow(bits) ? Number(value) : BigInt(value);
}

/** The bytes a bitfield lies in, and its shift there. */
function bitfieldPlace(base: number, member: BtfMember): { offset: number; size: number; shift: bigint } {
  const first = member.bit_offset >>> 3;
  const last = (member.bit_offset + member.bitfield_size + 7) >>> 3;
  return { offset: base + first, size: last - first, shift: BigInt(member.bit_offset & 7) };
}

function bitfieldType(walk: Walk, member: BtfMember, path: string): BtfInt | BtfEnum {
  const type = walk.btf.resolved(member.type);
  if (type.kind === "INT" || type.kind === "ENUM" || type.kind === "ENUM64") return type;
  throw new BtfError("BTF_KIND", { message: "a bitfield is neither integer nor enum", found: type.kind, where: path });
}

function readBitfield(walk: Walk, member: BtfMember, base: number, path: string): BtfValue {
  const type = bitfieldType(walk, member, path);
  const { offset, size, shift } = bitfieldPlace(base, member);
  enter(walk, member.type, offset, size, path);
  const bits = member.bitfield_size;
  const raw = BigInt.asUintN(bits, readBits(walk.view, offset, size) >> shift);
  return fromInteger(type, type.signed ? BigInt.asIntN(bits, raw) : raw, bits);
}

function writeBitfield(walk: Walk, member: BtfMember, base: number, value: unknown, path: string): void {
  const type = bitfieldType(walk, member, path);
  const { offset, size, shift } = bitfieldPlace(base, member);
  enter(walk, member.type, offset, size, path);
  const bits = member.bitfield_size;
  const raw = BigInt.asUintN(bits, toInteger(walk, type, member.type, path, value, bits)) << shift;
  const mask = ((1n << BigInt(bits)) - 1n) << shift;
  writeBits(walk.view, offset, size, (readBits(walk.view, offset, size) & ~mask) | raw);
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

function readMembers(
  walk: Walk,
  struct: BtfComposite,
  offset: number,
  path: string,
  into: Record<string, BtfValue>,
): void {
  for (const member of struct.members) {
    const inner = walk.btf.resolved(member.type);
    if (member.name === "" && (inner.kind === "STRUCT" || inner.kind === "UNION")) {
      enter(walk, member.type, offset, 0, path);
      walk.depth++;
      readMembers(walk, inner, offset + (member.bit_offset >>> 3), path, into);
      walk.depth--;
    } else if (member.name !== "") {
      const place = join(path, member.name);
      into[member.name] =
        member.bitfield_size > 0
          ? readBitfield(walk, member, offset, place)
          : readAt(walk, member.type, offset + (member.bit_offset >>> 3), place);
    }
  }
}

function elementCount(walk: Walk, array: BtfArray): { count: number; size: number } {
  const size = walk.btf.sizeOf(array.type);
  // elements without a size say nothing, however many there are
  return { count: size === 0 ? 0 : array.nelems, size };
}

function readAt(walk: Walk, id: number, offset: number, path: string): BtfValue {
  const resolved = walk.btf.skipModifiers(id);
  const type = walk.btf.type(resolved);
  const { view } = walk;
  switch (type.kind) {
    case "INT":
    case "ENUM":
    case "ENUM64":
      enter(walk, id, offset, type.size, path);
      return fromInteger(type, readInteger(view, offset, type.size, type.signed), type.size * 8);
    case "PTR":
      enter(walk, id, offset, 8, path);
      return view.getBigUint64(offset, true);
    case "FLOAT":
      enter(walk, id, offset, type.size, path);
      if (type.size === 4) return view.getFloat32(offset, true);
      if (type.size === 8) return view.getFloat64(offset, true);
      return readBits(view, offset, type.size);
    case "ARRAY": {
      const { count, size } = elementCount(walk, type);
      enter(walk, id, offset, count * size, path);
      walk.depth++;
      const list = Array.from({ length: count }, (_, i) => readAt(walk, type.type, offset + i * size, `${path}[${i}]`));
      walk.depth--;
      return list;
    }
    case "STRUCT":
    case "UNION": {
      enter(walk, id, offset, type.size, path);
      walk.depth++;
      const into: Record<string, BtfValue> = {};
      readMembers(walk, type, offset, path, into);
      walk.depth--;
      return into;
    }
    case "VAR":
      return readAt(walk, type.type, offset, path);
    default:
      throw new BtfError("BTF_SIZE", {
        message: "values of this type cannot be read",
        found: formatType(walk.btf, id),
        where: path || undefined,
      });
  }
}

/** The value of type `id` at byte `offset` of `view`. Throws BtfError. */
export function readValue(btf: Btf, id: number, view: DataView, offset = 0, path = ""): BtfValue {
  return readAt(startWalk(btf, view), id, offset, path);
}

/** The member `name` of a struct, in its anonymous members too, and the offset of the struct that holds it. */
function findMember(
  btf: Btf,
  struct: BtfComposite,
  name: string,
  base: number,
  depth = 0,
): { member: BtfMember; base: number } | undefined {
  for (const member of struct.members) {
    if (member.name === name) return { member, base };
    if (member.name !== "" || depth > DEEPEST) continue;
    const inner = btf.resolved(member.type);
    if (inner.kind !== "STRUCT" && inner.kind !== "UNION") continue;
    const found = findMember(btf, inner, name, base + (member.bit_offset >>> 3), depth + 1);
    if (found) return found;
  }
  return undefined;
}

function memberNames(btf: Btf, struct: BtfComposite, depth = 0): string[] {
  return struct.members.flatMap((member) => {
    if (member.name !== "") return [member.name];
    const inner = btf.resolved(member.type);
    return depth < 8 && (inner.kind === "STRUCT" || inner.kind === "UNION") ? memberNames(btf, inner, depth + 1) : [];
  });
}

function writeStruct(walk: Walk, struct: BtfComposite, id: number, offset: number, value: unknown, path: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw wrong(walk, id, path, value, "an object with members to set");
  }
  walk.depth++;
  for (const [name, item] of Object.entries(value)) {
    const found = findMember(walk.btf, struct, name, offset);
    const place = join(path, name);
    if (found === undefined) {
      throw new BtfError("BTF_VALUE", {
        message: `${formatType(walk.btf, id)} has no such member`,
        found: name,
        where: path || undefined,
        remedy: didYouMean(name, memberNames(walk.btf, struct)),
      });
    }
    if (found.member.bitfield_size > 0) writeBitfield(walk, found.member, found.base, item, place);
    else writeAt(walk, found.member.type, found.base + (found.member.bit_offset >>> 3), item, place);
  }
  walk.depth--;
}

/** Text becomes its bytes and a NUL where there is room; bytes stay bytes. */
function arrayItems(
  walk: Walk,
  array: BtfArray,
  id: number,
  count: number,
  value: unknown,
  path: string,
): ArrayLike<unknown> {
  const element = walk.btf.resolved(array.type);
  const isByte = element.kind === "INT" && element.size === 1;
  if (typeof value === "string" && isByte) {
    const bytes = new TextEncoder().encode(value);
    if (bytes.length > count) throw wrong(walk, id, path, value, `at most ${count} bytes`);
    const signed = element.signed;
    return Array.from({ length: count }, (_, i) => (signed ? ((bytes[i] ?? 0) << 24) >> 24 : (bytes[i] ?? 0)));
  }
  const isBytes = value instanceof Uint8Array && isByte;
  if (!Array.isArray(value) && !isBytes) throw wrong(walk, id, path, value, `an array of ${count}`);
  if (value.length !== count) throw wrong(walk, id, path, `${value.length} elements`, `${count}`);
  return isBytes && element.signed ? new Int8Array(value) : value;
}

function writeAt(walk: Walk, id: number, offset: number, value: unknown, path: string): void {
  const type = walk.btf.type(walk.btf.skipModifiers(id));
  const { view } = walk;
  switch (type.kind) {
    case "INT":
    case "ENUM":
    case "ENUM64":
      enter(walk, id, offset, type.size, path);
      return writeBits(view, offset, type.size, toInteger(walk, type, id, path, value, type.size * 8));
    case "PTR":
      enter(walk, id, offset, 8, path);
      return view.setBigUint64(offset, checkedInteger(walk, id, path, value, 64, false), true);
    case "FLOAT":
      enter(walk, id, offset, type.size, path);
      if (typeof value !== "number" || (type.size !== 4 && type.size !== 8))
        throw wrong(walk, id, path, value, "a number");
      return type.size === 4 ? view.setFloat32(offset, value, true) : view.setFloat64(offset, value, true);
    case "ARRAY": {
      const { count, size } = elementCount(walk, type);
      enter(walk, id, offset, count * size, path);
      const items = arrayItems(walk, type, id, count, value, path);
      walk.depth++;
      for (let i = 0; i < count; i++) writeAt(walk, type.type, offset + i * size, items[i], `${path}[${i}]`);
      walk.depth--;
      return undefined;
    }
    case "STRUCT":
    case "UNION":
      enter(walk, id, offset, type.size, path);
      return writeStruct(walk, type, id, offset, value, path);
    case "VAR":
      return writeAt(walk, type.type, offset, value, path);
    default:
      throw new BtfError("BTF_SIZE", {
        message: "values of this type cannot be written",
        found: formatType(walk.btf, id),
        where: path || undefined,
      });
  }
}

/**
 * Writes `value` as type `id` at byte `offset` of `view`; all or nothing. Members of a struct that are not named keep what
 * they hold. Throws BTF_VALUE for a value of another form, BTF_RANGE for one that does not fit.
 */
export function writeValue(btf: Btf, id: number, view: DataView, value: BtfWritable, offset = 0, path = ""): void {
  const size = btf.sizeOf(id);
  enter(startWalk(btf, view), id, offset, size, path);
  // written to a copy first, so that an error in the middle leaves nothing half done
  const copy = new Uint8Array(size);
  const place = new Uint8Array(view.buffer, view.byteOffset + offset, size);
  copy.set(place);
  writeAt(startWalk(btf, new DataView(copy.buffer)), id, 0, value, path);
  place.set(copy);
}
