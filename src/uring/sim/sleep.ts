// Sleeping: virtual time passes until something wakes the process, a deadline comes, or it is clear that nothing ever will.

import { allArmed } from "./armed.ts";
import { Timer } from "./clock.ts";
import { SimError } from "./errors.ts";
import type { SleepFault } from "./faults.ts";
import type { WakeReason } from "../trace/index.ts";
import type { Machine, Ring, Sleeper } from "./state.ts";

interface PendingFault {
  readonly machine: Machine;
  readonly ring: Ring;
  readonly fault: SleepFault;
  spurious: boolean;
}

function strike(pending: PendingFault): void {
  const { machine, ring, fault } = pending;
  machine.faults!.report(fault);
  if (fault.kind === "eject") {
    // Ejection does not wake, as in the kernel.
    ring.loopStep = null;
    machine.trace?.({ t: machine.clock.now, ring: ring.number, ev: "eject" });
    return;
  }
  if (fault.kind === "signal") raiseSignal(machine);
  else {
    pending.spurious = true;
    machine.awake = true;
  }
}

/** A signal with a handler reaches the process: it interrupts the system call it is in. */
export function raiseSignal(machine: Machine): void {
  machine.trace?.({ t: machine.clock.now, ev: "signal" });
  machine.signalPending = true;
  if (machine.sleeper !== null) machine.awake = true;
}

/** Sleeps until woken, or until `deadline` (ns of the clock). Throws SimError SIM_HANG when nothing is left to wake it. */
export function sleep(machine: Machine, sleeper: Sleeper, deadline: number): WakeReason {
  const { clock, trace } = machine;
  const { ring, waitNr } = sleeper;
  trace?.({ t: clock.now, ring: ring.number, ev: "wait", nr: waitNr });
  machine.sleeper = sleeper;
  machine.awake = false;
  const fault = machine.faults?.sleep() ?? null;
  const pending: PendingFault | null = fault === null ? null : { machine, ring, fault, spurious: false };
  const timer = pending === null ? null : new Timer(strike, pending);
  if (timer !== null) clock.start(timer, clock.now + fault!.delayNs);
  let why: WakeReason = "work";
  while (!machine.awake) {
    if (clock.fireNext(deadline)) continue;
    if (deadline === Infinity) {
      machine.sleeper = null;
      throw hang(machine, ring, waitNr);
    }
    if (clock.now < deadline) clock.now = deadline;
    why = "timeout";
    break;
  }
  machine.sleeper = null;
  if (timer !== null) clock.stop(timer);
  if (pending?.spurious === true) why = "spurious";
  else if (machine.signalPending) why = "signal";
  clock.now += machine.costs.wake;
  trace?.({ t: clock.now, ring: ring.number, ev: "wake", why });
  return why;
}

function hang(machine: Machine, ring: Ring, waitNr: number): SimError {
  const queued = ring.localWork.length;
  const armed = allArmed(ring)
    .slice(0, 8)
    .map(({ op }) => op.name);
  return new SimError("SIM_HANG", {
    message: "the process sleeps and nothing in flight can ever wake it",
    found: `${ring.inFlight} requests in flight${armed.length > 0 ? ` (${armed.join(", ")})` : ""}, ${queued} completions not yet run`,
    expected: `${waitNr} more completions`,
    where: `ring ${ring.number}, ${machine.clock.now} ns`,
    remedy: "Wait for no more completions than are in flight, or put a TIMEOUT in flight.",
  });
}
