// What may be loaded: objects that were opened, and nothing else that JavaScript lets through.

import type { BpfObject } from "../bpf/object/index.ts";
import { UnsupportedError } from "../loop/index.ts";

/** `object`, which must be a BpfObject; of another copy of this package too. Throws UnsupportedError FEATURE_UNSUPPORTED. */
export function expectObject(object: BpfObject): BpfObject {
  if (typeof (object as Partial<BpfObject> | undefined)?.resolveStructOps === "function") return object;
  throw new UnsupportedError("FEATURE_UNSUPPORTED", {
    message: "what is to be loaded is no BpfObject",
    found: object === null ? "null" : typeof object,
    remedy: "Open one with await BpfObject.open(file).",
  });
}
