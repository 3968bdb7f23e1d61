// bpf_io_uring_submit_sqes for one ring, up to the system call, in WebAssembly: a loop calls it at every step, and in
// JavaScript looking at each request costs as much as the request's share of the program. It notes which kinds of requests are
// submitted and counts; the words it keeps lie in the VM's memory, where the run loop reads them. Where the system call can be
// described in words too (DirectSubmit), nothing is left to JavaScript but to make it.

import { EFAULT } from "../../base/index.ts";
import { ENTER_WORDS, type DirectSubmit } from "../../sys/index.ts";
import { Expr, I32, ModuleWriter, OP } from "../../wasm/index.ts";

/** Where things lie; addresses in the VM's memory. */
export interface SubmitPlace {
  /** OWN_BYTES: words of its own, and a table of 256 bytes: the kind of each opcode. */
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

/** How the system call is made: by a function, or by words that describe it. */
export type Enter = ((count: number) => number) | DirectSubmit;

/** Own words: SQEs consumed (64 bits), calls made, kinds seen. */
export const SUBMITTED = 0;
export const ENTERS = 8;
export const KINDS = 12;
export const KIND_TABLE = 16;
/** The words of a DirectSubmit. */
export const ENTER_AT: number = KIND_TABLE + 256;
/** Where SQ_REWIND is emulated, what KernelRing would keep: from where array entries hold 0, 1 .., and how many do. */
const POINTED_FROM = ENTER_AT + ENTER_WORDS.size;
const POINTED = POINTED_FROM + 4;
export const OWN_BYTES: number = POINTED_FROM + 8;
/** The kernel's head then: it began at 0, and has taken what was submitted. */
const TRUE_HEAD = SUBMITTED;

/** The kfunc: (ctx, nr) gives SQEs consumed or a negative errno. A DirectSubmit must be the one for ENTER_AT. */
export function makeSubmit(
  memory: WebAssembly.Memory,
  place: SubmitPlace,
  enter: Enter,
): (ctx: number, nr: number) => number {
  const { bytes } = writeModule(place, enter).finish();
  // a function of its own: a call across the FFI is compiled into JavaScript, not into WebAssembly
  const call =
    typeof enter === "function"
      ? enter
      : (
          (make) => () =>
            make()
        )(enter.call);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory, enter: call } });
  return instance.exports["submit"] as (ctx: number, nr: number) => number;
}

function writeModule(place: SubmitPlace, enter: Enter): ModuleWriter {
  const module = new ModuleWriter("submit");
  module.imports.addMemory("env", "memory", { minimum: 1, maximum: 0x10000, shared: true });
  const isFunction = typeof enter === "function";
  const call = module.importFunction("env", "enter", isFunction ? [I32] : [], isFunction ? [I32] : []);
  const submit = module.declare("submit", [I32, I32], [I32]);
  const code = new SubmitCode(place);
  if (isFunction) code.write(() => code.enter(call));
  else code.write(() => code.enterDirect(call, enter));
  module.define(submit, { locals: Array.from({ length: LOCALS }, () => I32), code: code.expr.finish() });
  module.exports.add("submit", "function", submit);
  return module;
}

/** SQEs looked at in one turn, where that is possible. */
const AT_A_TIME = 8;

// Parameters, then locals.
const [CTX, NR] = [0, 1];
const [INDEX, COUNT, LEFT, WORD, LAST, KINDS_SEEN, FLAGS_SEEN, HEAD, SLOT, RESULT] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const LOCALS = 10;

/** The code of one ring's `submit`. */
class SubmitCode {
  readonly expr = new Expr();
  readonly #place: SubmitPlace;

  constructor(place: SubmitPlace) {
    this.#place = place;
  }

  write(enter: () => void): void {
    const { expr } = this;
    const { own, iouCtx } = this.#place;
    expr.get(CTX);
    expr.i32(iouCtx);
    expr.op(OP["i32.ne"]);
    this.#returnIf(-EFAULT);
    expr.get(NR);
    expr.op(OP["i32.eqz"]);
    this.#returnIf(0);
    this.#look();
    this.#add(own + ENTERS, "i32", () => expr.i32(1));
    enter();
    expr.get(RESULT);
    expr.i32(0);
    expr.op(OP["i32.gt_s"]);
    expr.if();
    this.#add(own + SUBMITTED, "i64", () => {
      expr.get(RESULT);
      expr.op(OP["i64.extend_i32_u"]);
    });
    expr.end();
    expr.get(RESULT);
  }

  /** Calls a function that takes the count and gives the result. */
  enter(func: number): void {
    this.expr.get(NR);
    this.expr.call(func);
    this.expr.set(RESULT);
  }

  /** Calls a function that goes by the words at ENTER_AT. */
  enterDirect(func: number, { rewind }: DirectSubmit): void {
    const { expr } = this;
    const at = this.#place.own + ENTER_AT;
    if (rewind) this.#unwind(rewind);
    this.#store(at + ENTER_WORDS.to_submit, () => expr.get(NR));
    expr.call(func);
    this.#load(at + ENTER_WORDS.result);
    expr.set(RESULT);
    if (!rewind) return;
    // the kernel counts for itself: of the two it reads the tail only
    this.#store(rewind.head, () => expr.i32(0));
    this.#store(rewind.tail, () => expr.i32(0));
  }

  #returnIf(value: number): void {
    const { expr } = this;
    expr.if();
    expr.i32(value);
    expr.op(OP.return);
    expr.end();
  }

  #load(address: number): void {
    this.expr.i32(0);
    this.expr.memory(OP["i32.load"], address);
  }

  #store(address: number, value: () => void): void {
    this.expr.i32(0);
    value();
    this.expr.memory(OP["i32.store"], address);
  }

  #add(address: number, type: "i32" | "i64", value: () => void): void {
    const { expr } = this;
    expr.i32(0);
    expr.i32(0);
    expr.memory(OP[`${type}.load`], address);
    value();
    expr.op(OP[`${type}.add`]);
    expr.memory(OP[`${type}.store`], address);
  }

  // Sets COUNT, and notes the kinds of that many SQEs. Those in a row often have one opcode and the same flags.
  #look(): void {
    const { expr } = this;
    const { own, sqMask, head, array, flags, flagKind } = this.#place;
    // no more than there are entries
    expr.get(NR);
    expr.i32(sqMask + 1);
    expr.get(NR);
    expr.i32(sqMask + 1);
    expr.op(OP["i32.lt_u"]);
    expr.op(OP.select);
    expr.tee(COUNT);
    expr.set(LEFT);
    if (head !== 0) {
      this.#load(head);
      expr.set(INDEX);
    }
    // what no SQE's first two bytes are
    expr.i32(-1);
    expr.set(LAST);
    if (head === 0 && array === 0) this.#lookAtMany();
    expr.get(LEFT);
    expr.if();
    const again = expr.loop();
    this.#slotAddress();
    expr.memory(OP["i32.load16_u"], 0);
    expr.tee(WORD);
    expr.get(LAST);
    expr.op(OP["i32.ne"]);
    expr.if();
    this.#note();
    expr.end();
    this.#advance(1);
    expr.get(LEFT);
    expr.brIf(again);
    expr.end();
    expr.end();
    this.#store(own + KINDS, () => {
      this.#load(own + KINDS);
      expr.get(KINDS_SEEN);
      expr.op(OP["i32.or"]);
      expr.i32(flagKind);
      expr.i32(0);
      expr.get(FLAGS_SEEN);
      // the second byte
      expr.i32(flags << 8);
      expr.op(OP["i32.and"]);
      expr.op(OP.select);
      expr.op(OP["i32.or"]);
    });
  }

  #advance(count: number): void {
    const { expr } = this;
    expr.get(INDEX);
    expr.i32(count);
    expr.op(OP["i32.add"]);
    expr.set(INDEX);
    expr.get(LEFT);
    expr.i32(count);
    expr.op(OP["i32.sub"]);
    expr.set(LEFT);
  }

  /** Notes the kind of WORD, an SQE's first two bytes. */
  #note(): void {
    const { expr } = this;
    expr.get(WORD);
    expr.tee(LAST);
    expr.i32(0xff);
    expr.op(OP["i32.and"]);
    expr.memory(OP["i32.load8_u"], this.#place.own + KIND_TABLE);
    expr.get(KINDS_SEEN);
    expr.op(OP["i32.or"]);
    expr.set(KINDS_SEEN);
    expr.get(LAST);
    expr.get(FLAGS_SEEN);
    expr.op(OP["i32.or"]);
    expr.set(FLAGS_SEEN);
  }

  // Where SQEs lie in a row from slot 0: several at a time, for as long as all are like the first.
  #lookAtMany(): void {
    const { expr } = this;
    const { sqes, sqeSize } = this.#place;
    const more = (): void => {
      expr.get(LEFT);
      expr.i32(AT_A_TIME);
      expr.op(OP["i32.ge_u"]);
    };
    more();
    expr.if();
    expr.i32(0);
    expr.memory(OP["i32.load16_u"], sqes);
    expr.set(WORD);
    this.#note();
    const other = expr.block();
    const again = expr.loop();
    for (let i = 0; i < AT_A_TIME; i++) {
      expr.get(INDEX);
      expr.i32(sqeSize);
      expr.op(OP["i32.mul"]);
      expr.memory(OP["i32.load16_u"], sqes + i * sqeSize);
      expr.get(WORD);
      expr.op(OP["i32.ne"]);
      expr.brIf(other);
    }
    this.#advance(AT_A_TIME);
    more();
    expr.brIf(again);
    expr.end();
    expr.end();
    expr.end();
  }

  /** Pushes the address of the SQE that entry INDEX stands for. */
  #slotAddress(): void {
    const { expr } = this;
    const { sqes, sqeSize, sqMask, array } = this.#place;
    expr.get(INDEX);
    expr.i32(sqMask);
    expr.op(OP["i32.and"]);
    if (array !== 0) {
      expr.i32(4);
      expr.op(OP["i32.mul"]);
      expr.memory(OP["i32.load"], array);
      expr.i32(sqMask);
      expr.op(OP["i32.and"]);
    }
    expr.i32(sqeSize);
    expr.op(OP["i32.mul"]);
    expr.i32(sqes);
    expr.op(OP["i32.add"]);
  }

  // Before a submission where SQ_REWIND is emulated: array entries from the kernel's head on stand for slots 0 .. COUNT-1,
  // unless they do already, and the tail lies COUNT beyond it.
  #unwind({ tail, array, mask }: NonNullable<DirectSubmit["rewind"]>): void {
    const { expr } = this;
    const { own } = this.#place;
    this.#load(own + TRUE_HEAD);
    expr.tee(HEAD);
    expr.i32(mask);
    expr.op(OP["i32.and"]);
    expr.tee(INDEX);
    this.#load(own + POINTED_FROM);
    expr.op(OP["i32.ne"]);
    expr.get(COUNT);
    this.#load(own + POINTED);
    expr.op(OP["i32.gt_u"]);
    expr.op(OP["i32.or"]);
    expr.if();
    this.#store(own + POINTED_FROM, () => expr.get(INDEX));
    this.#store(own + POINTED, () => expr.get(COUNT));
    expr.i32(0);
    expr.set(SLOT);
    const again = expr.loop();
    expr.get(INDEX);
    expr.get(SLOT);
    expr.op(OP["i32.add"]);
    expr.i32(mask);
    expr.op(OP["i32.and"]);
    expr.i32(4);
    expr.op(OP["i32.mul"]);
    expr.get(SLOT);
    expr.memory(OP["i32.store"], array);
    expr.get(SLOT);
    expr.i32(1);
    expr.op(OP["i32.add"]);
    expr.tee(SLOT);
    expr.get(COUNT);
    expr.op(OP["i32.ne"]);
    expr.brIf(again);
    expr.end();
    expr.end();
    this.#store(tail, () => {
      expr.get(HEAD);
      expr.get(COUNT);
      expr.op(OP["i32.add"]);
    });
  }
}
