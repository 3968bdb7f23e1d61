// Statements about objects of the kernel: tasks, masks, interrupts, iterators over them, parts of dynptrs, timers.

import type { BtfComposite, BtfFunc, BtfFuncProto } from "../../src/bpf/btf/index.ts";
import * as I from "./code.ts";
import { DW, W } from "./code.ts";
import type { FullWriter } from "./full-writer.ts";
import { BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_SYSCALL, FORMAT_AT, MAP } from "./world.ts";

const HELPER = {
  sendSignal: 109,
  pidOfNamespace: 120,
  currentTask: 158,
  snprintf: 165,
  timerInit: 169,
  timerSetCallback: 170,
  timerStart: 171,
  timerCancel: 172,
  ptRegs: 175,
  vprintk: 177,
  lookupPerCpu: 195,
} as const;

interface Field {
  readonly off: number;
  readonly bytes: number;
  readonly pointer: boolean;
}

/** A field of a task: numbers, pointers the kernel trusts under RCU, and others. */
function taskField(w: FullWriter): Field {
  const { random } = w;
  const { target } = w.can;
  const id = target?.findByName("task_struct", "STRUCT");
  const [name, bytes] = random.pick([
    ["pid", 4],
    ["tgid", 4],
    ["flags", 4],
    ["start_time", 8],
    ["real_parent", 8],
    ["group_leader", 8],
    ["parent", 8],
    ["mm", 8],
  ] as const);
  const members = id === undefined ? [] : (target!.type(id) as BtfComposite).members;
  const found = members.find((member) => member.name === name);
  const off = found === undefined || w.slip() ? 8 * random.below(64) : found.bit_offset / 8;
  return { off, bytes, pointer: ["real_parent", "group_leader", "parent", "mm"].includes(name) };
}

/** Reads what register `task` points to, and what is reached from there. */
function readTask(w: FullWriter, task: number): void {
  const { random } = w;
  const field = taskField(w);
  if (w.slip()) return w.put(I.store(DW, task, field.off, w.reg()));
  if (!field.pointer) return w.put(I.load(field.bytes === 4 ? W : DW, w.reg(), task, field.off));
  w.put(I.load(DW, 4, task, field.off));
  const next = taskField(w);
  const read = (): void => w.put(I.load(next.pointer || next.bytes === 8 ? DW : W, w.reg(), 4, next.off));
  if (random.chance(60)) w.skip(I.jeq(4, 0), read);
  else read();
  return undefined;
}

export function currentTask(w: FullWriter): void {
  const locked = w.random.chance(30) && w.kfunc("bpf_rcu_read_lock");
  w.put(I.call(HELPER.currentTask));
  w.keeping([0], () => {
    w.put(I.mov(3, 0));
    readTask(w, 3);
    if (w.random.chance(40)) readTask(w, 0);
    if (w.random.chance(15)) w.put(I.mov(1, 0), I.call(HELPER.ptRegs), I.load(DW, w.reg(), 0, 8 * w.random.below(20)));
  });
  if (locked && !w.slip()) w.kfunc("bpf_rcu_read_unlock");
  w.done();
}

/** Runs `body` with r8 pointing to an object that r0 may be, then gives it back. */
function acquired(w: FullWriter, release: string, body: () => void): void {
  const { random } = w;
  w.whenFound(() => {
    w.keeping([0, 8], () => {
      w.put(I.mov(8, 0));
      body();
      if (random.chance(30)) w.alu();
      if (w.slip()) return;
      w.put(I.mov(1, 8));
      w.kfunc(release);
    });
    if (!w.slip()) w.put(I.movImm(8, 1));
  });
  w.done();
  w.put(I.movImm(8, 5));
}

/** Socket filters must not, raw tracepoints may since 7.2. */
function mayCallKfuncs(w: FullWriter): boolean {
  if (w.can.type === BPF_PROG_TYPE_RAW_TRACEPOINT) return w.random.chance(8);
  return w.can.type === BPF_PROG_TYPE_SYSCALL || w.slip();
}

/** Where a kfunc's last parameter but one may be NULL by its name. */
function nullable(w: FullWriter, name: string): boolean {
  const { target } = w.can;
  const id = target?.findByName(name, "FUNC");
  if (target === undefined || id === undefined) return false;
  const { params } = target.type((target.type(id) as BtfFunc).type) as BtfFuncProto;
  return params.some((param) => param.name.endsWith("__nullable"));
}

const cannot = (w: FullWriter): boolean => w.can.target === undefined || w.held?.reg === 8 || !mayCallKfuncs(w);

export function acquiredTask(w: FullWriter): void {
  if (cannot(w)) return w.alu();
  if (w.random.chance(50)) {
    w.put(I.call(HELPER.currentTask), I.mov(1, 0));
    w.kfunc("bpf_task_acquire");
  } else {
    w.put(I.mov(1, w.reg()));
    w.kfunc("bpf_task_from_pid");
  }
  return acquired(w, "bpf_task_release", () => readTask(w, 8));
}

export function cpumask(w: FullWriter): void {
  const { random } = w;
  if (cannot(w)) return w.alu();
  w.kfunc("bpf_cpumask_create");
  return acquired(w, "bpf_cpumask_release", () => {
    for (let i = random.below(3); i > 0; i--) {
      if (random.chance(60)) {
        w.put(I.mov(1, w.reg()), I.mov(2, 8));
        w.kfunc(random.pick(["bpf_cpumask_set_cpu", "bpf_cpumask_clear_cpu", "bpf_cpumask_test_cpu"]));
      } else {
        w.put(I.mov(1, 8), I.mov(2, 8), I.mov(3, 8));
        w.kfunc(random.pick(["bpf_cpumask_first", "bpf_cpumask_and", "bpf_cpumask_equal", "bpf_cpumask_weight"]));
      }
      if (random.chance(30)) w.put(I.movImm(0, 3), I.load(W, w.reg(), 8, 0));
    }
    w.put(I.movImm(0, 1));
  });
}

export function interrupts(w: FullWriter): void {
  const at = -168;
  const flags = (): void => w.put(I.mov(1, 10), I.addImm(1, at));
  flags();
  if (!w.kfunc("bpf_local_irq_save")) return;
  w.done();
  for (let i = w.random.below(3); i > 0; i--) w.plainStatement();
  if (w.slip()) w.put(I.storeImm(DW, 10, at, 0));
  if (w.slip()) return;
  flags();
  w.kfunc("bpf_local_irq_restore");
  w.done();
}

/** Something iterated over: `next` leads to what r0 then points to, or NULL. */
function iterated(w: FullWriter, at: number, name: string, args: () => void, element: () => void): void {
  const { random } = w;
  const iterator = (): void => w.put(I.mov(1, 10), I.addImm(1, at));
  args();
  iterator();
  w.kfunc(`bpf_iter_${name}_new`);
  const start = w.here;
  iterator();
  w.kfunc(`bpf_iter_${name}_next`);
  const out = w.here;
  w.put(I.jeq(0, 0));
  element();
  w.done();
  if (random.chance(40))
    w.keeping(
      [6, 7, 8, 9].filter(() => random.chance(80)),
      () => w.block(1),
    );
  w.put(I.ja(start - w.here - 1));
  w.retarget(out);
  if (!w.slip()) {
    iterator();
    w.kfunc(`bpf_iter_${name}_destroy`);
  }
  w.done();
}

export function bits(w: FullWriter): void {
  const { random } = w;
  if (w.can.target === undefined) return w.loop();
  const words = 1 + random.below(2);
  return iterated(
    w,
    -192,
    "bits",
    () => {
      w.put(I.store(DW, 10, -16, w.reg()), I.storeImm(DW, 10, -8, 5));
      w.put(I.mov(2, 10), I.addImm(2, -8 * words), I.movImm(3, words));
    },
    () => w.put(I.load(W, w.reg(), 0, 0)),
  );
}

export function tasks(w: FullWriter): void {
  if (cannot(w)) return w.alu();
  const locked = (w.can.sleepable ? !w.slip() : w.random.chance(30)) && w.kfunc("bpf_rcu_read_lock");
  iterated(
    w,
    -224,
    "task",
    () => {
      if (w.random.chance(50)) w.put(I.movImm(2, 0));
      else w.put(I.call(HELPER.currentTask), I.mov(2, 0));
      w.put(I.movImm(3, w.random.below(3)));
    },
    () => readTask(w, 0),
  );
  if (locked && !w.slip()) w.kfunc("bpf_rcu_read_unlock");
  return w.done();
}

/** Slices, smaller ranges and copies of a dynptr of a map value. */
export function dynptrParts(w: FullWriter): void {
  const { random } = w;
  const [at, copy] = [-240, -256];
  const pointer = (reg: number, off = at): void => w.put(I.mov(reg, 10), I.addImm(reg, off));
  w.put(...I.loadMapValue(1, MAP.data, 0), I.movImm(2, 64), I.movImm(3, 0));
  pointer(4);
  w.put(I.call(197));
  for (let i = 1 + random.below(2); i > 0; i--) {
    const roll = random.below(100);
    pointer(1);
    if (roll < 45) {
      const bytes = random.pick([4, 8, 16]);
      const write = random.chance(40);
      w.put(I.movImm(2, random.pick([0, 8])), I.mov(3, 10), I.addImm(3, -32), I.movImm(4, bytes));
      const name = write ? "bpf_dynptr_slice_rdwr" : "bpf_dynptr_slice";
      if (random.chance(30) && nullable(w, name)) w.put(I.movImm(3, 0));
      if (!w.kfunc(name)) break;
      w.whenFound(() => w.useResult({ bytes, readonly: !write }));
    } else if (roll < 65) {
      w.put(I.mov(2, w.reg()), I.mov(3, w.reg()));
      w.kfunc("bpf_dynptr_adjust");
    } else if (roll < 85) {
      pointer(2, copy);
      w.kfunc("bpf_dynptr_clone");
      if (random.chance(50)) w.dynptrUse((reg) => pointer(reg, copy));
    } else w.dynptrUse(pointer);
    w.done();
  }
  w.done();
}

export function timer(w: FullWriter): void {
  const { random } = w;
  if (!w.can.btf || cannot(w) || (!w.can.locks && !w.slip())) return w.alu();
  w.key();
  w.put(...I.loadMap(1, MAP.timed), I.call(1));
  return w.whenFound(() => {
    w.keeping([0, 8], () => {
      w.put(I.mov(8, 0));
      if (random.chance(70)) w.put(I.mov(1, 8), ...I.loadMap(2, MAP.timed), I.movImm(3, 1), I.call(HELPER.timerInit));
      if (random.chance(70)) {
        const callee = w.callee("timerCallback");
        if (callee >= 0) {
          w.put(I.mov(1, 8));
          w.calls.push({ at: w.here, callee });
          w.put(I.insn(0x18, 2, 4, 0, 0), I.insn(0, 0, 0, 0, 0), I.call(HELPER.timerSetCallback));
        }
      }
      if (random.chance(60)) w.put(I.mov(1, 8), I.mov(2, w.reg()), I.movImm(3, 0), I.call(HELPER.timerStart));
      if (random.chance(30)) w.put(I.mov(1, 8), I.call(HELPER.timerCancel));
      w.put(I.movImm(0, 0));
      w.use(8, { bytes: 8 });
      if (!w.slip()) w.insns[w.here - 1] = I.load(DW, w.reg(), 8, 16);
    });
    w.put(I.movImm(0, 0), I.movImm(8, 2));
  });
}

/** Of FORMAT_AT: those refused. */
const BAD_FORMATS = [2, 6, 7];

/** Text made of numbers. */
export function print(w: FullWriter): void {
  const { random } = w;
  for (const off of [-16, -8]) w.put(I.store(DW, 10, off, w.reg()));
  const size = random.pick([8, 16, 16, 16, 24]);
  if (random.chance(70)) {
    const format = w.slip()
      ? random.pick(FORMAT_AT)
      : random.pick(FORMAT_AT.filter((_, i) => !BAD_FORMATS.includes(i)));
    w.put(...I.loadMapValue(1, MAP.data, 0), I.movImm(2, 32), ...I.loadMapValue(3, MAP.formats, format));
    w.put(I.mov(4, 10), I.addImm(4, -16), I.movImm(5, size), I.call(HELPER.snprintf));
  } else {
    w.put(...I.loadMapValue(1, MAP.rodata, 24), I.movImm(2, 6));
    w.put(I.mov(3, 10), I.addImm(3, -16), I.movImm(4, size), I.call(HELPER.vprintk));
  }
  if (random.chance(40)) w.put(I.mov(w.reg(), 0));
}

export function perCpuValue(w: FullWriter): void {
  w.key();
  w.put(I.mov(3, w.reg()), ...I.loadMap(1, w.random.pick([MAP.percpu, MAP.percpuHash])), I.call(HELPER.lookupPerCpu));
  w.whenFound(() => w.useResult({ bytes: 48 }));
  w.done();
}

/** Calls that take numbers, memory and its size. */
export function wideArguments(w: FullWriter): void {
  const { random } = w;
  if (random.chance(50)) {
    w.put(I.mov(1, w.reg()), I.mov(2, w.reg()), I.mov(3, 10), I.addImm(3, -16));
    w.put(I.movImm(4, w.slip() ? 4 : 8), I.call(HELPER.pidOfNamespace), I.load(W, w.reg(), 10, -12));
  } else w.put(I.mov(1, w.reg()), I.call(HELPER.sendSignal));
  w.done();
}

/** Bytes of the packet, where the context is in r6. */
export function packet(w: FullWriter): void {
  const { random } = w;
  if (w.held?.reg !== 6 || (w.roles.length > 0 && !w.slip())) return w.alu();
  const size = random.pick([W, I.H, I.B]);
  const index = random.chance(50) ? w.reg() : undefined;
  w.put(I.insn((index === undefined ? 0x20 : 0x40) | size[0], 0, index ?? 0, 0, random.below(64)));
  return w.put(I.mov(w.reg(), 0));
}

export function throwOut(w: FullWriter): void {
  if (cannot(w)) return;
  w.skip(I.insn(0x25, w.reg(), 0, 0, 7), () => {
    w.put(I.mov(1, w.reg()));
    w.kfunc("bpf_throw");
  });
}
