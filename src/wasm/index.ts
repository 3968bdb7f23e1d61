export { ByteWriter } from "./byte-writer.ts";
export { Expr } from "./expr.ts";
export type { FuncBody } from "./code.ts";
export type { MemoryLimits } from "./imports.ts";
export { ModuleWriter, type EncodedModule } from "./module.ts";
export { ATOMIC, F64, I32, I64, OP, typeName, VOID, type WasmType } from "./opcodes.ts";
export { printFunctions, type TextFunction, type TextLine } from "./text.ts";
