// BPF to WebAssembly.
//
//     const program = compile(image, { checked: false });           // pure; structured-cloneable
//     const module = new WebAssembly.Module(program.bytes);         // structured-cloneable too
//     instantiate(program, module, image, memory, env).run(ctx);    // throws VmFault, as the interpreter does
export { compile, type CompileOptions, type JitImport, type JitProgram } from "./compile.ts";
export { type Repeat } from "./repeat.ts";
export { instantiate } from "./instantiate.ts";
export { listing, type ListingOptions } from "./listing.ts";
export { slotAt, type SourceMap } from "./source-map.ts";
