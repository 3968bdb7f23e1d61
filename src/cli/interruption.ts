// Ctrl-C and a polite kill as an AbortSignal.

/** Aborted by the first SIGINT or SIGTERM, like a signal ends a loop in the kernel; a second one ends the process. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  return controller.signal;
}
