// Exit statuses of the command line.

/** 0 the loop stopped by itself; 1 it failed; 2 bad usage; 3 the verifier rejected it; 4 not supported here. */
export const EXIT = { ok: 0, failed: 1, usage: 2, rejected: 3, unsupported: 4 } as const;
