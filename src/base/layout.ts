// Struct layouts as data: a field list with explicit offsets (union members share one), and the accessors over a
// DataView that follow from it. Little-endian only, as eBPF objects and the io_uring ABI of our targets are.

/** The primitive encodings a field may have. */
export type FieldType = "u8" | "u16" | "u32" | "u64" | "s8" | "s16" | "s32" | "s64";

/** Size in bytes of each primitive. */
export const FIELD_SIZE: Readonly<Record<FieldType, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  s8: 1,
  s16: 2,
  s32: 4,
  s64: 8,
};

/** `[offset, type]`; 64-bit fields read and write as bigint, all others as number. */
export type Field = readonly [offset: number, type: FieldType];

/** A struct: its name as in the kernel header, its size in bytes, its fields by name. */
export interface Layout<Names extends string = string> {
  readonly name: string;
  readonly size: number;
  readonly fields: Readonly<Record<Names, Field>>;
}

/** Defines a layout, checking that every field lies inside it. */
export function layout<const Names extends string>(
  name: string,
  size: number,
  fields: Readonly<Record<Names, Field>>,
): Layout<Names> {
  for (const [field, [offset, type]] of Object.entries<Field>(fields)) {
    if (offset + FIELD_SIZE[type] > size)
      throw new RangeError(`${name}.${field} ends at ${offset + FIELD_SIZE[type]}, beyond ${size}`);
  }
  return { name, size, fields };
}

/** Reads the field `type` at byte `offset` of `view`. */
function readField(view: DataView, offset: number, type: FieldType): number | bigint {
  switch (type) {
    case "u8":
      return view.getUint8(offset);
    case "u16":
      return view.getUint16(offset, true);
    case "u32":
      return view.getUint32(offset, true);
    case "u64":
      return view.getBigUint64(offset, true);
    case "s8":
      return view.getInt8(offset);
    case "s16":
      return view.getInt16(offset, true);
    case "s32":
      return view.getInt32(offset, true);
    case "s64":
      return view.getBigInt64(offset, true);
  }
}

/** Writes `value` as `type` at byte `offset` of `view`, wrapping as C does. */
function writeField(view: DataView, offset: number, type: FieldType, value: number | bigint): void {
  switch (type) {
    case "u8":
    case "s8":
      return view.setUint8(offset, Number(value));
    case "u16":
    case "s16":
      return view.setUint16(offset, Number(value), true);
    case "u32":
    case "s32":
      return view.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), true);
    case "u64":
    case "s64":
      return view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  }
}

/** Reads field `name` of the struct that starts at byte `base` of `view`. */
export function getField<N extends string>(layout: Layout<N>, view: DataView, base: number, name: N): number | bigint {
  const [offset, type] = layout.fields[name];
  return readField(view, base + offset, type);
}

/** Writes field `name` of the struct that starts at byte `base` of `view`. */
export function setField<N extends string>(
  layout: Layout<N>,
  view: DataView,
  base: number,
  name: N,
  value: number | bigint,
): void {
  const [offset, type] = layout.fields[name];
  writeField(view, base + offset, type, value);
}
