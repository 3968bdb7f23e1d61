// The kernel's words explained: what a rejection means and how to mend it. One row per kind of message, tried in order.

import type { LineInfo } from "../object/index.ts";
import type { Diagnostic } from "./verdict.ts";

interface Row {
  readonly when: RegExp;
  readonly meaning: string;
  readonly remedy: string;
}

const ROWS: readonly Row[] = [
  {
    when: /^BTF of the program is refused: \[\d+\] FUNC \S+ Invalid arg#\d+/,
    meaning: "A parameter of the function has no name; Linux takes no BTF of a function like that.",
    remedy: "Give it a name: `int step(void *ctx)` rather than `int step(void *)`.",
  },
  {
    when: /^map '.*' is refused:/,
    meaning: "Linux does not create a map like that, so the program cannot be loaded with it.",
    remedy: "Change the map's definition: what is wrong with it, and what is right, stands in the message.",
  },
  {
    when: /^BTF of the program is refused:/,
    meaning: "Linux checks the object's type information before the program and refuses this entry of it.",
    remedy:
      "See the type with `loopstep btf dump FILE`. Compile anew, or rename what has a name no C program could use.",
  },
  {
    when: /is not modelled$/,
    meaning:
      "This verifier does not know that part of the kernel's, so it cannot vouch for the program. Linux may accept it.",
    remedy: "Load it into a kernel to know, or write it without that feature.",
  },
  {
    when: /^R\d+ !read_ok/,
    meaning:
      "The register has no value on some path to this instruction: it was never set, or a call overwrote it (r1 to r5).",
    remedy: "Set the variable on every path, or keep it in r6 to r9 or on the stack across calls.",
  },
  {
    when: /invalid mem access '.*_or_null'|pointer arithmetic on .*_or_null/,
    meaning: "The pointer may be NULL here: what returned it can fail.",
    remedy:
      "Compare it with NULL first, and use it only on the branch where it is not (with the full 64-bit register).",
  },
  {
    when: /(min|max) value is outside of the allowed memory range/,
    meaning: "At one end of what the index may be, the access leaves the object.",
    remedy:
      "Check the index, with the size of the access, against the object's size before this line; or ask for a larger region.",
  },
  {
    when: /min value is negative|unbounded min value/,
    meaning: "As far as the verifier knows the index or size may be negative or huge.",
    remedy: "Make it unsigned and bound it: `if (i >= N) return`, or `i &= N - 1` for a power of two.",
  },
  {
    when: /unbounded memory access/,
    meaning:
      "Nothing bounds the index from above on this path. A check of a 32-bit copy does not count for the 64-bit original.",
    remedy: "Compare the very variable that is used with a constant, just before its use.",
  },
  {
    when: /is not a const$|must be a known constant|is not a known constant/,
    meaning: "This argument must be the same known number on every path that reaches the call.",
    remedy: "Use a literal, or a `const volatile` global: its value is fixed when the program is loaded.",
  },
  {
    when: /too large\. Processed|jumps is too complex|liveness analysis exceeded/,
    meaning: "The verifier walks every path and every round of a loop, and gave up.",
    remedy:
      "Bound loops by small constants, or use bpf_for(), bpf_loop() or can_loop, which are not walked round by round.",
  },
  {
    when: /infinite loop detected/,
    meaning: "The program came back to the same place with the same state: the loop can never end.",
    remedy: "Change something the loop's condition depends on, or use an iterator.",
  },
  {
    when: /reference leak|Unreleased reference/,
    meaning: "Something acquired (a ring-buffer record, an iterator, an object) is not given back on this path.",
    remedy: "Release it on every path: submit or discard the record, destroy the iterator, put the object.",
  },
  {
    when: /combined stack size|stack size of subprog|call stack of \d+ frames/,
    meaning:
      "The functions called within one another need more than 512 bytes of stack, or nest too deeply; each frame is rounded up to 16.",
    remedy: "Move large variables into a map or global, or make a function static inline.",
  },
  {
    when: /(read from|write to) stack|misaligned stack access|reading from stack/,
    meaning:
      "The access lies outside the 512 bytes of stack, is not aligned to its size, or reads what is no longer kept.",
    remedy: "Keep array indexes within bounds and aligned.",
  },
  {
    when: /invalid size of register (fill|spill)|cannot spill pointers/,
    meaning: "A pointer on the stack can only be stored and loaded as a whole, in 8 bytes.",
    remedy: "Do not look at parts of a pointer; copy the number you need first.",
  },
  {
    when: /32-bit pointer arithmetic|bitwise operator|pointer .* pointer prohibited|pointer arithmetic/,
    meaning: "Pointers may only be moved by adding or subtracting bounded numbers, in 64 bits.",
    remedy: "Do the arithmetic on an index and add it to the pointer last.",
  },
  {
    when: /invalid bpf_context access|dereference of modified ctx|variable ctx access/,
    meaning: "The context has no such field, or it is read in another size, or written.",
    remedy: "Use the function's declared parameters as they are.",
  },
  {
    when: /cannot write into|only read .*supported|write into map forbidden/,
    meaning: "This memory is read-only for the program.",
    remedy: "Write to a map, a global that is not const, or a field that may be written.",
  },
  {
    when: /access beyond (struct|the end)|doesn't have field at offset|cannot access ptr member/,
    meaning: "The kernel's struct has no such field at this place.",
    remedy: "Declare the struct with preserve_access_index, so that offsets are fitted to the kernel.",
  },
  {
    when: /cannot use helper|is not allowed|wasn't resolved|invalid func|CO-RE relocation/,
    meaning: "Programs of this type cannot call this function, or the kernel does not have it.",
    remedy: "Check availability with bpf_ksym_exists() before the call, or use another function.",
  },
  {
    when: /sleepable/,
    meaning: "The function may sleep, which is not allowed here.",
    remedy:
      "Put the program into a section ending in `.s` (struct_ops.s/...), and call it outside of locks and RCU sections.",
  },
  {
    when: /holding a lock|cannot be used inside/,
    meaning: "Inside such a section only a few calls are allowed, and it must be left before the program ends.",
    remedy: "Leave the section first: unlock, unlock RCU, enable preemption.",
  },
  {
    when: /GPL/,
    meaning: "Functions and struct_ops like this are only for programs under a GPL-compatible license.",
    remedy: 'Declare the license: `char LICENSE[] SEC("license") = "GPL";` or "Dual MIT/GPL".',
  },
  {
    when: /expected pointer to|type=.* expected=|must be referenced or trusted|expects pointer to ctx|is not a scalar/,
    meaning: "The argument is not of the kind this function takes.",
    remedy:
      "Pass the pointer as it was handed to the program, without arithmetic, and numbers where numbers are wanted.",
  },
  {
    when: /unknown opcode|reserved fields|jump out of range|unreachable insn|invalid shift|div by zero|last insn|ldimm64|is invalid$/,
    meaning: "The instructions themselves are malformed.",
    remedy: "Compile the program anew; if it was written by hand, check this instruction's fields.",
  },
];

const OTHER: Omit<Row, "when"> = {
  meaning: "The verifier cannot show that the program is safe on this path.",
  remedy: "Look at the states in the log before this instruction (log level 1 or 2).",
};

/** Explains a rejection. */
export function diagnose(rejection: {
  readonly error: string;
  readonly messages: readonly string[];
  readonly line: LineInfo | undefined;
  readonly insn: string;
}): Diagnostic {
  const { error, messages, line, insn } = rejection;
  const lines = [error, ...messages.toReversed()];
  const row = ROWS.find(({ when }) => lines.some((text) => when.test(text))) ?? OTHER;
  return {
    where: line === undefined ? "" : `${line.file}:${line.line}`,
    source: line?.text.trim() ?? "",
    insn,
    meaning: row.meaning,
    remedy: row.remedy,
  };
}
