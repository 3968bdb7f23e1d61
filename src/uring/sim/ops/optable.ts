// The table of opcodes: what each one does here, or that it is not simulated. The index is the opcode. A request of an
// opcode that is not simulated is refused as a kernel built without it does: -EOPNOTSUPP, or -EINVAL for prep checks.

import { EOPNOTSUPP } from "../../../base/index.ts";
import { OPTABLE } from "../../abi/index.ts";
import { IOU_COMPLETE, type OpRow } from "../state.ts";
import { NOP_OPS } from "./nop.ts";
import { op } from "./op.ts";
import { CANCEL_OPS } from "./cancel.ts";
import { FS_OPS } from "./fs.ts";
import { FUTEX_OPS } from "./futex.ts";
import { MSG_RING_OPS } from "./msg-ring.ts";
import { NET_OPS } from "./net.ts";
import { RESOURCE_OPS } from "./resources.ts";
import { POLL_OPS } from "./poll.ts";
import { RW_OPS } from "./rw.ts";
import { TIMEOUT_OPS } from "./timeout.ts";

const SIMULATED: readonly OpRow[] = [
  ...NOP_OPS,
  ...RW_OPS,
  ...TIMEOUT_OPS,
  ...POLL_OPS,
  ...CANCEL_OPS,
  ...FS_OPS,
  ...NET_OPS,
  ...FUTEX_OPS,
  ...MSG_RING_OPS,
  ...RESOURCE_OPS,
];

/** One row per opcode of Linux 7.2. */
export const SIM_OPTABLE: readonly OpRow[] = OPTABLE.map(
  ({ number, name }) =>
    SIMULATED.find(({ opcode }) => opcode === number) ??
    op(
      name,
      "no",
      () => -EOPNOTSUPP,
      () => IOU_COMPLETE,
    ),
);
