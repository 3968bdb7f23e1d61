export { alignUp, concatBytes, cString, fnv1a, fromHex, toHex, viewOf } from "./bytes.ts";
export { ERRNO, describeErrno, errnoName, errnoNumber } from "./errno.ts";
export { LoopstepError, renderFacts, type ErrorFacts } from "./errors.ts";
export {
  FIELD_SIZE,
  getField,
  layout,
  readField,
  setField,
  writeField,
  type Field,
  type FieldType,
  type Layout,
} from "./layout.ts";
export { Prng } from "./prng.ts";
export { didYouMean, nearest, someOf } from "./text.ts";
