export { ByteWriter } from "./byte-writer.ts";
export { Expr } from "./expr.ts";
export { ModuleWriter } from "./module.ts";
export { ATOMIC, F64, I32, I64, OP, type WasmType } from "./opcodes.ts";
export { printFunctions } from "./text.ts";
