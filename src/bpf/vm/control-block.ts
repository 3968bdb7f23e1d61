// Page 0 of the memory: never handed out, so that NULL and small addresses fault, and therefore the place for what every
// thread and the JIT must find without being told. All words are u32, little-endian.
//
//     0 ..   63   zero
//    64           magic "LSVM"
//    68           end of the memory handed out so far (next address to allocate from)
//    72           number of segments
//    76           generation: raised whenever the segment table changes
//    80           abort flag: non-zero ends the running program at its next back-edge
//    84           bytes used of the name heap
//    88           lock word of the allocator and the table
//    92           size of the memory in bytes, as of the last growth (asking the WebAssembly.Memory is dear)
//    96           first free block, 0 when there is none (heap.ts)
//  1024 .. 33791  segment table, sorted by start: {u32 start, u32 end, u32 flags (1: writable), u32 name}
//                 name: offset into the name heap << 8 | length in bytes
// 33792 .. 65535  name heap, UTF-8 without terminators
//
// After page 0, handed out as little, lies the shadow (shadow.ts): its table, then the rows that pages share.

/** Bytes of page 0. */
export const CONTROL_SIZE = 0x10000;

/** Places of rows by page, u32, less SHADOW_ROWS; of the rows that pages share; and the size of a row. */
export const SHADOW_TABLE: number = CONTROL_SIZE;
export const SHADOW_ROWS: number = SHADOW_TABLE + 0x20000;
export const SHADOW_ROW_SIZE = 0x2000;
/** Nothing that programs may touch lies at or above this address. */
export const MEMORY_END = 0x7fff_0000;
/** Bits of a byte of the shadow: all 8 bytes and 8 more may be read; not to be written; a frame not in use. */
export const SHADOW_WHOLE = 16;
export const SHADOW_READ_ONLY = 0x80;
export const SHADOW_CLOSED = 0x80;

/** The lowest address ever handed out. */
export const FIRST_ADDRESS: number = SHADOW_ROWS + 3 * SHADOW_ROW_SIZE;
export const CONTROL_MAGIC = 64;
export const CONTROL_BREAK = 68;
export const CONTROL_SEGMENT_COUNT = 72;
export const CONTROL_GENERATION = 76;
export const CONTROL_ABORT = 80;
export const CONTROL_NAME_BYTES = 84;
export const CONTROL_LOCK = 88;
export const CONTROL_BYTES = 92;
export const CONTROL_FREE = 96;

/** Address and row format of the segment table. */
export const SEGMENT_TABLE = 1024;
export const SEGMENT_SIZE = 16;
export const SEGMENT_START = 0;
export const SEGMENT_END = 4;
export const SEGMENT_FLAGS = 8;
export const SEGMENT_NAME = 12;
export const SEGMENT_WRITABLE = 1;
export const SEGMENT_LIMIT = 2048;

export const NAME_HEAP = 33792;
/** "LSVM" */
export const MAGIC = 0x4d56534c;

/** Frames the verifier allows from one global function on, as in include/linux/bpf_verifier.h. */
export const MAX_CALL_FRAMES = 16;
/**
 * Frames the VM has room for. A global function is verified by itself and starts counting anew, so that a verified program
 * can nest as deep as it has functions (BPF_MAX_SUBPROGS).
 */
export const FRAME_LIMIT = 256;

/** High word of a function reference (BPF_PSEUDO_FUNC); the low word is the function's first slot. */
export const CODE_TAG: number = 0xfffffffe | 0;
/** High word of a kernel object's address (BPF_PSEUDO_BTF_ID); the low word is the BTF id. Never dereferenceable. */
export const KERNEL_TAG: number = 0xfffffffd | 0;
