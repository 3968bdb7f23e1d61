// The VM: one shared WebAssembly.Memory whose byte offsets are BPF addresses, maps inside it, programs made ready to run
// (images, plain data that may cross to a worker), and the interpreter.
//
//     const memory = VmMemory.create({ maximum: 256 << 20 });         // or VmMemory.attach(image.memory) in a worker
//     const ring = memory.allocate("cq ring", 4096, { align: 4096 });  // a segment programs may touch
//     const maps = createMaps(memory, program.maps);                   // once per object; openMap(maps[i], memory) reads them
//     const image = buildImage(program, memory, maps);                 // throws VmError; structured-cloneable
//     const result = new Interpreter(image, memory, env).run(ctx);     // throws VmFault; memory.abort() ends it from outside
export {
  CODE_TAG,
  CONTROL_ABORT,
  CONTROL_BREAK,
  FIRST_ADDRESS,
  MAX_CALL_FRAMES,
  MEMORY_END,
  SEGMENT_END,
  SEGMENT_FLAGS,
  SEGMENT_SIZE,
  SEGMENT_START,
  SEGMENT_TABLE,
  SHADOW_CLOSED,
  SHADOW_ROW_SIZE,
  SHADOW_ROWS,
  SHADOW_TABLE,
  SHADOW_WHOLE,
} from "./control-block.ts";
export { lineAt, VmError, VmFault, type VmErrorCode } from "./fault.ts";
export { buildImage, type ImageSource } from "./image.ts";
export { BPF_MAX_LOOPS, HELPERS } from "./helpers.ts";
export { createServices, type HostFunction, type ParamKind, type ResultKind, type VmHost } from "./host.ts";
export { Interpreter } from "./interpreter.ts";
export { KFUNCS } from "./kfuncs.ts";
export { openMap, VmMap } from "./map.ts";
export {
  BPF_ANY,
  BPF_EXIST,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  BPF_NOEXIST,
  createMap,
  releaseMap,
} from "./map-layout.ts";
export { createMaps } from "./maps.ts";
export { VmMemory, type AllocateOptions } from "./memory.ts";
export type { Callee, Executable, FaultFacts, FaultKind, MapImage, TableRow, VmEnv, VmImage } from "./types.ts";
