// What a loop_step program calls: the kfuncs, the regions they give out, the current task. Apart from the rest of loop/, because
// the thread of a ring needs this and nothing else of it, and each module a thread loads costs about a millisecond.

export { currentTaskHelpers, placeTask, task_struct } from "./current-task.ts";
export { KFUNC_SIGNATURES, loopKfuncs, type KfuncHost } from "./kfuncs.ts";
export { getRegion, type Region, type Regions } from "./regions.ts";
