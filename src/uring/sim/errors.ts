// What goes wrong with the simulator itself. What goes wrong inside the simulated machine is a negative errno instead.

import { LoopstepError } from "../../base/index.ts";

/** SIM_HANG: the process sleeps and nothing can ever wake it. SIM_MEMORY: bad geometry. SIM_PLAN: a bad fault plan. */
export type SimErrorCode = "SIM_HANG" | "SIM_MEMORY" | "SIM_PLAN" | "SIM_STEPS";

/** An error of the simulator; `code` says which. */
export class SimError extends LoopstepError<SimErrorCode> {}
