// node deny-io-uring.mjs ERRNO COMMAND...: runs COMMAND where io_uring_setup fails with ERRNO, as under a container's seccomp
// profile. A child process inherits the filter of the thread that starts it.

import { spawnSync } from "node:child_process";
import koffi from "koffi";

const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SECCOMP_RET_ERRNO = 0x00050000;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const NR_io_uring_setup = 425;

const [errno = "1", command = "", ...args] = process.argv.slice(2);

/** struct sock_filter { u16 code; u8 jt, jf; u32 k; } of classic BPF */
const filter = [
  [0x20, 0, 0, 0], // load seccomp_data.nr
  [0x15, 0, 1, NR_io_uring_setup], // if it is another, skip one
  [0x06, 0, 0, SECCOMP_RET_ERRNO | Number(errno)],
  [0x06, 0, 0, SECCOMP_RET_ALLOW],
];
const insns = Buffer.alloc(filter.length * 8);
filter.forEach(([code = 0, jt = 0, jf = 0, k = 0], i) => {
  insns.writeUInt16LE(code, i * 8);
  insns.writeUInt8(jt, i * 8 + 2);
  insns.writeUInt8(jf, i * 8 + 3);
  insns.writeUInt32LE(k, i * 8 + 4);
});
/** struct sock_fprog { u16 len; struct sock_filter *filter; } */
const program = Buffer.alloc(16);
program.writeUInt16LE(filter.length, 0);
program.writeBigUInt64LE(koffi.address(insns), 8);

const prctl = koffi.load(null).func("int prctl(int, int64_t, int64_t, int64_t, int64_t)");
if (
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0 ||
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, koffi.address(program), 0, 0)
) {
  process.stderr.write("seccomp is not available\n");
  process.exit(125);
}
process.exitCode = spawnSync(command, args, { stdio: "inherit" }).status ?? 126;
