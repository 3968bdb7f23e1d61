// bpf_io_uring_submit_sqes for one ring, up to the system call, in WebAssembly: a loop calls it at every step, and in
// JavaScript looking at each request costs as much as the request's share of the program. It notes which kinds of requests are
// submitted and counts; the words it keeps lie in the VM's memory, where the run loop reads them.

import { EFAULT } from "../../base/index.ts";
import { Expr, I32, ModuleWriter, OP } from "../../wasm/index.ts";

/** Where things lie; addresses in the VM's memory. */
export interface SubmitPlace {
  /** SUBMIT_WORDS words of its own, then a table of 256 bytes: the kind of each opcode. */
  readonly own: number;
  readonly sqes: number;
  readonly sqeSize: number;
  readonly sqMask: number;
  /** SQ head, where submissions begin; 0 with SQ_REWIND: they begin at slot 0. */
  readonly head: number;
  /** SQ array, 0 when there is none. */
  readonly array: number;
  /** The flags that make a request of `flagKind`, whatever its opcode. */
  readonly flags: number;
  readonly flagKind: number;
  /** The value that stands for struct iou_ctx. */
  readonly iouCtx: number;
}

/** Own words: SQEs consumed (64 bits), calls made, kinds seen. */
export const SUBMITTED = 0;
export const ENTERS = 8;
export const KINDS = 12;
export const KIND_TABLE = 16;
export const OWN_BYTES: number = KIND_TABLE + 256;

/** The kfunc: (ctx, nr) gives SQEs consumed or a negative errno. `enter` makes the system call for that many. */
export function makeSubmit(
  memory: WebAssembly.Memory,
  place: SubmitPlace,
  enter: (count: number) => number,
): (ctx: number, nr: number) => number {
  const { bytes } = writeModule(place).finish();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory, enter } });
  return instance.exports["submit"] as (ctx: number, nr: number) => number;
}

function writeModule(place: SubmitPlace): ModuleWriter {
  const module = new ModuleWriter("submit");
  module.imports.addMemory("env", "memory", { minimum: 1, maximum: 0x10000, shared: true });
  const enter = module.importFunction("env", "enter", [I32], [I32]);
  const submit = module.declare("submit", [I32, I32], [I32]);
  module.define(submit, { locals: [I32, I32, I32, I32, I32], code: writeSubmit(place, enter) });
  module.exports.add("submit", "function", submit);
  return module;
}

function writeSubmit(place: SubmitPlace, enter: number): Uint8Array<ArrayBuffer> {
  const { own, sqMask, head, flags, flagKind, iouCtx } = place;
  const [ctx, nr, index, end, sqe, kinds, seen] = [0, 1, 2, 3, 4, 5, 6];
  const result = index;
  const code = new Expr();
  const add = (address: number, op: "i32" | "i64", value: () => void): void => {
    code.i32(0);
    code.i32(0);
    code.memory(OP[`${op}.load`], address);
    value();
    code.op(OP[`${op}.add`]);
    code.memory(OP[`${op}.store`], address);
  };
  code.get(ctx);
  code.i32(iouCtx);
  code.op(OP["i32.ne"]);
  code.if();
  code.i32(-EFAULT);
  code.op(OP.return);
  code.end();
  code.get(nr);
  code.op(OP["i32.eqz"]);
  code.if();
  code.i32(0);
  code.op(OP.return);
  code.end();

  if (head !== 0) {
    code.i32(0);
    code.memory(OP["i32.load"], head);
    code.set(index);
  }
  // no more than there are entries
  code.get(index);
  code.get(nr);
  code.i32(sqMask + 1);
  code.get(nr);
  code.i32(sqMask + 1);
  code.op(OP["i32.lt_u"]);
  code.op(OP.select);
  code.op(OP["i32.add"]);
  code.set(end);
  const again = code.loop();
  slotAddress(code, index, place);
  code.tee(sqe);
  code.memory(OP["i32.load8_u"], 1);
  code.get(seen);
  code.op(OP["i32.or"]);
  code.set(seen);
  code.get(sqe);
  code.memory(OP["i32.load8_u"], 0);
  code.memory(OP["i32.load8_u"], own + KIND_TABLE);
  code.get(kinds);
  code.op(OP["i32.or"]);
  code.set(kinds);
  code.get(index);
  code.i32(1);
  code.op(OP["i32.add"]);
  code.tee(index);
  code.get(end);
  code.op(OP["i32.ne"]);
  code.brIf(again);
  code.end();
  code.i32(0);
  code.i32(0);
  code.memory(OP["i32.load"], own + KINDS);
  code.get(kinds);
  code.op(OP["i32.or"]);
  code.i32(flagKind);
  code.i32(0);
  code.get(seen);
  code.i32(flags);
  code.op(OP["i32.and"]);
  code.op(OP.select);
  code.op(OP["i32.or"]);
  code.memory(OP["i32.store"], own + KINDS);

  add(own + ENTERS, "i32", () => code.i32(1));
  code.get(nr);
  code.call(enter);
  code.tee(result);
  code.i32(0);
  code.op(OP["i32.gt_s"]);
  code.if();
  add(own + SUBMITTED, "i64", () => {
    code.get(result);
    code.op(OP["i64.extend_i32_u"]);
  });
  code.end();
  code.get(result);
  return code.finish();
}

/** Pushes the address of the SQE that entry `index` stands for. */
function slotAddress(code: Expr, index: number, { sqes, sqeSize, sqMask, array }: SubmitPlace): void {
  code.get(index);
  code.i32(sqMask);
  code.op(OP["i32.and"]);
  if (array !== 0) {
    code.i32(4);
    code.op(OP["i32.mul"]);
    code.memory(OP["i32.load"], array);
    code.i32(sqMask);
    code.op(OP["i32.and"]);
  }
  code.i32(sqeSize);
  code.op(OP["i32.mul"]);
  code.i32(sqes);
  code.op(OP["i32.add"]);
}
