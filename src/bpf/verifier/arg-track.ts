// Where a register may point on the stack, seen without types: one frame and up to four offsets, or less precisely a set of
// frames (struct arg_track of kernel/bpf/liveness.c at v7.2). Immutable.

/** No stack pointer; not reached yet; some frame of `mask`. */
export const NONE = -1;
const UNVISITED = -2;
export const IMPRECISE = -3;
const MOST_OFFSETS = 4;

/** `offsets` empty: anywhere in the frame. */
export interface ArgTrack {
  readonly frame: number;
  readonly offsets: readonly number[];
  readonly mask: number;
}

const NO_OFFSETS: readonly number[] = [];
export const TRACK_NONE: ArgTrack = { frame: NONE, offsets: NO_OFFSETS, mask: 0 };
export const TRACK_UNVISITED: ArgTrack = { frame: UNVISITED, offsets: NO_OFFSETS, mask: 0 };

export function trackAt(frame: number, offset: number): ArgTrack {
  return { frame, offsets: [offset], mask: 0 };
}

export function trackAnywhere(frame: number): ArgTrack {
  return { frame, offsets: NO_OFFSETS, mask: 0 };
}

export function trackImprecise(mask: number): ArgTrack {
  return { frame: IMPRECISE, offsets: NO_OFFSETS, mask };
}

export function isStackPointer(a: ArgTrack): boolean {
  return a.frame >= 0 || a.frame === IMPRECISE;
}

export function trackEqual(a: ArgTrack, b: ArgTrack): boolean {
  if (a === b) return true;
  if (a.frame !== b.frame) return false;
  if (a.frame === IMPRECISE) return a.mask === b.mask;
  if (a.frame < 0) return true;
  return a.offsets.length === b.offsets.length && a.offsets.every((offset, i) => offset === b.offsets[i]);
}

function mergeOffsets(frame: number, a: readonly number[], b: readonly number[]): ArgTrack {
  const all = [...new Set([...a, ...b])].sort((x, y) => x - y);
  return all.length > MOST_OFFSETS ? trackAnywhere(frame) : { frame, offsets: all, mask: 0 };
}

function joinMasks(a: ArgTrack, b: ArgTrack): ArgTrack {
  const maskOf = (t: ArgTrack): number => (t.frame >= 0 ? 1 << t.frame : t.frame === IMPRECISE ? t.mask : 0);
  return trackImprecise(maskOf(a) | maskOf(b));
}

/** What holds where two paths meet. */
export function trackJoin(a: ArgTrack, b: ArgTrack): ArgTrack {
  if (b.frame === UNVISITED) return a;
  if (a.frame === UNVISITED) return b;
  if (a.frame === b.frame && a.frame >= 0) {
    if (a.offsets.length === 0 || b.offsets.length === 0) return trackAnywhere(a.frame);
    return mergeOffsets(a.frame, a.offsets, b.offsets);
  }
  if (a.frame === NONE && b.frame === NONE) return a;
  // no pointer on one side: offset 0 keeps the two apart
  if (a.frame >= 0 && b.frame === NONE) return a.offsets.length === 1 ? mergeOffsets(a.frame, a.offsets, [0]) : a;
  if (b.frame >= 0 && a.frame === NONE) return b.offsets.length === 1 ? mergeOffsets(b.frame, b.offsets, [0]) : b;
  return joinMasks(a, b);
}

/** `offset + delta`, or undefined beyond 16 bits. */
export function addOffset(offset: number, delta: number): number | undefined {
  const sum = offset + delta;
  return delta < -32768 || delta > 32767 || sum < -32768 || sum > 32767 ? undefined : sum;
}

/** After adding a constant. */
export function trackAdd(a: ArgTrack, delta: number): ArgTrack {
  if (a.offsets.length === 0) return a;
  const moved: number[] = [];
  for (const offset of a.offsets) {
    const sum = addOffset(offset, delta);
    if (sum === undefined) return trackAnywhere(a.frame);
    moved.push(sum);
  }
  return { frame: a.frame, offsets: moved, mask: 0 };
}

/** After 64-bit arithmetic with another register. */
export function trackAlu(dst: ArgTrack, src: ArgTrack): ArgTrack {
  if (dst.frame >= 0 && (src.frame === NONE || src.frame === dst.frame)) return trackAnywhere(dst.frame);
  if (src.frame >= 0 && dst.frame === NONE) return trackAnywhere(src.frame);
  if (dst.frame === NONE && src.frame === NONE) return dst;
  return joinMasks(dst, src);
}

/** Whether it may point into the frame at `depth`. */
export function mayBeFrame(a: ArgTrack, depth: number): boolean {
  return a.frame === depth || (a.frame === IMPRECISE && (a.mask & (1 << depth)) !== 0);
}
