// Rings as memory: the layout arithmetic of Linux 7.2, and views of both queues and of buffer rings over shared memory. No
// system calls: the same views serve the simulator and the real kernel.

export { BufferRing } from "./buffer-ring.ts";
export { CompletionQueue, type Cqe } from "./completion-queue.ts";
export { ringsLayout } from "./layout.ts";
export { SubmissionQueue } from "./submission-queue.ts";
