// Making a ring whose memory is a piece of a given buffer. Three ways, the first the kernel takes:
//
//   as asked, with IORING_SETUP_NO_MMAP (Linux 6.5 and later; before 6.10 only while each area fits a page)
//   with an SQ array where NO_SQARRAY (6.6) or SQ_REWIND (7.0) is missing; KernelRing then hides the array
//   copied to and from the buffer at each system call where the kernel takes no such memory (see ring-mirror.ts)
//
// Mapping the ring over the buffer with mmap(MAP_FIXED) is no way: kernels since 6.4, and 6.1 in its later releases, refuse
// a fixed address for a ring.

import { setField, viewOf, EINVAL } from "../base/index.ts";
import {
  checkSetup,
  decodeParams,
  encodeParams,
  formatKernelVersion,
  io_uring_params,
  IORING_SETUP,
  isAtLeast,
  ringAreas,
  roundEntries,
  setupFlagNames,
  type KernelVersion,
  type RingParams,
  type SetupRequest,
} from "../uring/abi/index.ts";
import { close, io_uring_setup } from "./calls.ts";
import { SysError, sysError } from "./errors.ts";
import { mapAreas, type MappedAreas } from "./ring-mirror.ts";
import type { Sys } from "./types.ts";

const { IORING_SETUP_NO_MMAP, IORING_SETUP_NO_SQARRAY, IORING_SETUP_SQ_REWIND } = IORING_SETUP;
/** First kernel that takes ring memory of any size. */
const OWN_MEMORY_SINCE = "6.10";
/** Rings that cannot be copied at system calls, or not mapped. */
const NEEDS_OWN_MEMORY = IORING_SETUP.IORING_SETUP_SQPOLL | IORING_SETUP.IORING_SETUP_REGISTERED_FD_ONLY;
/** The newest kernel: its rules apply to flags that are emulated. */
const NEWEST: KernelVersion = [7, 2, 0];

/** Where a ring lies in its buffer: byte offsets and sizes, all multiples of the page size. */
export interface RingPlacement {
  readonly rings: number;
  /** Room for the rings area: `ringsReserve` of ringsLayout. */
  readonly ringsSize: number;
  readonly sqes: number;
  readonly sqesSize: number;
}

/** Forces one of the fallbacks, for tests: "sqarray" hides an SQ array, "mirrored" copies the ring. */
export type ForcedWay = "sqarray" | "mirrored";

/** "none": as asked; "identity": entry i is slot i for ever; "rewind": rewritten at each submission. */
export type ArrayEmulation = "none" | "identity" | "rewind";

/** What setup leaves behind. */
export interface RingParts {
  /** The descriptor, or the registered index with REGISTERED_FD_ONLY. */
  readonly fd: number;
  /** As the kernel filled it in. */
  readonly real: RingParams;
  /** As Linux 7.2 would have for the request. */
  readonly params: RingParams;
  readonly array: ArrayEmulation;
  /** The kernel's own memory, where it takes none of ours. */
  readonly mirrored: MappedAreas | undefined;
  /** The two areas in whole pages, as the kernel has them. */
  readonly ringsSize: number;
  readonly sqesSize: number;
  /** One sentence for each thing the kernel lacks and this code supplies. */
  readonly emulated: readonly string[];
}

interface Way {
  readonly array: ArrayEmulation;
  readonly mirrored: boolean;
}

/** How a ring is made, beside what is asked for. */
export interface SetupWay {
  readonly version: KernelVersion;
  readonly force?: ForcedWay | undefined;
  /** Flags the caller needs for itself: the kernel is asked for them, and nobody is told of them. */
  readonly own?: number | undefined;
}

/** Creates the ring. Throws SysError. `base`: process address of byte 0 of the buffer. */
export function setupRing(
  sys: Sys,
  base: number,
  place: RingPlacement,
  request: SetupRequest,
  { version, force, own = 0 }: SetupWay,
): RingParts {
  const verdict = checkSetup(request, NEWEST);
  if (verdict.errno !== 0) throw refusal(request, verdict.errno, verdict.why);
  checkPlacement(sys, base, place, request);
  let errno = -EINVAL;
  let way: Way = { array: "none", mirrored: false };
  for (way of waysFor(request, version, force)) {
    const bytes = new Uint8Array(io_uring_params.size);
    encodeParams({ ...request, flags: flagsFor(request, way) | own }, bytes);
    if (!way.mirrored) {
      setField(io_uring_params, viewOf(bytes), 0, "cq_off.user_addr", base + place.rings);
      setField(io_uring_params, viewOf(bytes), 0, "sq_off.user_addr", base + place.sqes);
    }
    const fd = io_uring_setup(sys, request.entries, sys.addressOf(bytes));
    if (fd >= 0) return finish(sys, request, version, way, fd, decodeParams(bytes));
    errno = fd;
    if (errno !== -EINVAL) break;
  }
  throw refusal(request, errno, whyRefused(request, way, version, errno));
}

function waysFor(request: SetupRequest, version: KernelVersion, force: ForcedWay | undefined): Way[] {
  const emulation: ArrayEmulation =
    request.flags & IORING_SETUP_SQ_REWIND ? "rewind" : request.flags & IORING_SETUP_NO_SQARRAY ? "identity" : "none";
  if (force === "sqarray") return [{ array: emulation, mirrored: false }];
  const mirrored: Way[] = request.flags & NEEDS_OWN_MEMORY ? [] : [{ array: emulation, mirrored: true }];
  if (force === "mirrored") return mirrored;
  const ways: Way[] = [{ array: "none", mirrored: false }];
  if (emulation !== "none") ways.push({ array: emulation, mirrored: false });
  if (!isAtLeast(version, OWN_MEMORY_SINCE)) ways.push(...mirrored);
  return ways;
}

function flagsFor(request: SetupRequest, way: Way): number {
  const asked =
    way.array === "none" ? request.flags : request.flags & ~(IORING_SETUP_NO_SQARRAY | IORING_SETUP_SQ_REWIND);
  return way.mirrored ? asked & ~IORING_SETUP_NO_MMAP : asked | IORING_SETUP_NO_MMAP;
}

function finish(
  sys: Sys,
  request: SetupRequest,
  version: KernelVersion,
  way: Way,
  fd: number,
  real: RingParams,
): RingParts {
  const { ringsSize, sqesSize } = ringAreas(real.sq_entries, real.cq_entries, real.flags, sys.pageSize);
  return {
    fd,
    real,
    ringsSize,
    sqesSize,
    params: {
      ...real,
      flags: request.flags,
      sq_off: way.array === "none" ? real.sq_off : { ...real.sq_off, array: 0 },
    },
    array: way.array,
    mirrored: way.mirrored ? mapOrClose(sys, fd, ringsSize, sqesSize) : undefined,
    emulated: describe(way, version),
  };
}

function describe(way: Way, version: KernelVersion): string[] {
  const kernel = `Linux ${formatKernelVersion(version)}`;
  const said: string[] = [];
  if (way.array === "rewind") said.push(`SQ_REWIND is emulated with an SQ array (${kernel}; in the kernel since 7.0)`);
  if (way.array === "identity")
    said.push(`NO_SQARRAY is emulated with an SQ array (${kernel}; in the kernel since 6.6)`);
  if (way.mirrored) {
    said.push(
      `the ring is copied at each system call (${kernel}; since ${OWN_MEMORY_SINCE} the kernel uses the program's memory)`,
    );
  }
  return said;
}

function mapOrClose(sys: Sys, fd: number, ringsSize: number, sqesSize: number): MappedAreas {
  try {
    return mapAreas(sys, fd, ringsSize, sqesSize);
  } catch (error) {
    close(sys, fd);
    throw error;
  }
}

/** The kernel writes where it is told: a placement that is too small would let it write over something else. */
function checkPlacement(sys: Sys, base: number, place: RingPlacement, request: SetupRequest): void {
  const [sq, cq] = roundEntries(request);
  const needed = ringAreas(sq, cq, request.flags & ~IORING_SETUP_NO_SQARRAY, sys.pageSize);
  const aligned = [base, place.rings, place.ringsSize, place.sqes, place.sqesSize].every((n) => n % sys.pageSize === 0);
  if (aligned && place.ringsSize >= needed.ringsSize && place.sqesSize >= needed.sqesSize) return;
  throw new SysError("SYS_PLACEMENT", {
    message: "the memory set aside for a ring is too small or not aligned to pages",
    found: `rings ${place.ringsSize} bytes at ${place.rings}, SQEs ${place.sqesSize} bytes at ${place.sqes}`,
    expected: `at least ${needed.ringsSize} and ${needed.sqesSize} bytes in pages of ${sys.pageSize}`,
  });
}

function refusal(request: SetupRequest, errno: number, why: string): SysError {
  return sysError("io_uring_setup", errno, {
    message: `the kernel refuses a ring of ${request.entries} entries with ${setupFlagNames(request.flags).join("|") || "no flags"}`,
    ...(errno === -EINVAL || errno === -75 ? { found: why, remedy: undefined } : {}),
  });
}

function whyRefused(request: SetupRequest, way: Way, version: KernelVersion, errno: number): string {
  if (errno !== -EINVAL) return "";
  // the flags the kernel was asked for, without the NO_MMAP that only this code added
  const own = request.flags & IORING_SETUP_NO_MMAP;
  const verdict = checkSetup({ ...request, flags: flagsFor(request, { ...way, mirrored: true }) | own }, version);
  if (verdict.errno !== 0) return verdict.why;
  const clash = request.flags & NEEDS_OWN_MEMORY;
  if (clash && !isAtLeast(version, OWN_MEMORY_SINCE)) {
    return `${setupFlagNames(clash).join("|")} needs ring memory of the program, in full since Linux ${OWN_MEMORY_SINCE}, this is ${formatKernelVersion(version)}`;
  }
  return `Linux ${formatKernelVersion(version)} says EINVAL`;
}
