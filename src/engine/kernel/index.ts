export { openKernelEngine } from "./kernel-engine.ts";
export { BpfCalls } from "./bpf.ts";
export { bpfCapabilities, loadPrivilege } from "./privilege.ts";
export { hasLoopOps } from "./vmlinux.ts";
