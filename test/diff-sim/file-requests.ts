// Requests on files, folders, memory and tables of both.

import { IORING_OP, IOSQE, O } from "../../src/uring/abi/index.ts";
import { BAD_ADDRESSES, type Draft, type Fields, type Materials } from "./materials.ts";
import { H, OUT_AT, type Value } from "./script.ts";

const OPS = IORING_OP;
const { IOSQE_BUFFER_SELECT, IOSQE_FIXED_FILE } = IOSQE;

export function nop(m: Materials): Draft {
  const p = m.prng;
  const flags = p.pick([0, 0, 1, 2, 3, 1 | 8, 16, 17]);
  const fields: Fields = {
    opcode: OPS.IORING_OP_NOP,
    nop_flags: flags,
    len: p.pick([0, 5, 0xffff_fff0]),
    fd: { h: p.pick([H.f0, H.none]) },
    buf_index: p.below(3),
  };
  return { fields, uses: [], async: (flags & 16) !== 0 };
}

export function readWrite(m: Materials): Draft {
  const p = m.prng;
  const write = p.chance(0.45);
  const length = m.length();
  const { use, fields } = m.file([
    ["f0", H.f0, 0],
    ["f1", H.f1, 1],
    ["f2", H.f2],
    ["pipe", write ? H.pipeW : H.pipeR, write ? 3 : 2],
    ["nb", write ? H.nbW : H.nbR],
    ["sock", p.pick([H.sockA, H.sockB]), p.pick([4, 5])],
    ["event", H.event],
    ["dir", H.dir],
  ]);
  const regular = use === "f0" || use === "f1" || use === "f2";
  const off: Value = regular ? p.pick([0, 0, 50, 4096, 8000, { raw: "-1" }]) : p.pick([0, { raw: "-1" }]);
  if (use === "event" && write) {
    const value = m.words([8, p.below(3)]);
    return {
      fields: { opcode: OPS.IORING_OP_WRITE, ...fields, off, addr: { m: value }, len: p.pick([8, 8, 4]) },
      uses: [use],
      async: true,
    };
  }
  const addr: Value = p.chance(0.04) ? p.pick(BAD_ADDRESSES) : { m: m.buffer(length) };
  const rw_flags = p.chance(0.1) ? p.pick([1, 2, 4, 8, 16, 0x20, 0x1000]) : 0;
  return {
    fields: {
      opcode: write ? OPS.IORING_OP_WRITE : OPS.IORING_OP_READ,
      ...fields,
      off,
      addr,
      len: use === "event" ? p.pick([8, 8, 4]) : length,
      rw_flags,
    },
    uses: [use],
    async: (regular && write) || use === "dir",
  };
}

/** A read into a buffer of a group, once or as long as there are some. */
export function readSelect(m: Materials): Draft {
  const p = m.prng;
  const { use, fields } = m.file([
    ["pipe", H.pipeR, 2],
    ["nb", H.nbR],
    ["sock", H.sockA, 4],
    ["f0", H.f0, 0],
  ]);
  const multishot = p.chance(0.5);
  return {
    fields: {
      opcode: multishot ? OPS.IORING_OP_READ_MULTISHOT : OPS.IORING_OP_READ,
      ...fields,
      flags: Number(fields["flags"] ?? 0) | IOSQE_BUFFER_SELECT,
      len: multishot ? 0 : p.pick([0, 10, 1000]),
      buf_group: m.group(),
    },
    uses: [use, "bufs"],
    async: use === "f0",
  };
}

export function fixedBuffer(m: Materials): Draft {
  const p = m.prng;
  const write = p.chance(0.4);
  const { use, fields } = m.file([
    ["f0", H.f0, 0],
    ["pipe", write ? H.pipeW : H.pipeR, write ? 3 : 2],
  ]);
  const length = p.pick([0, 10, 500, 4096, 5000]);
  const index = p.pick([0, 0, 1, 1, 2]);
  const start = index === 0 ? 0x60000 : 0x70000;
  return {
    fields: {
      opcode: write ? OPS.IORING_OP_WRITE_FIXED : OPS.IORING_OP_READ_FIXED,
      ...fields,
      addr: { m: start + p.pick([0, 100, 4000]) },
      len: length,
      off: use === "f0" ? p.pick([0, 4096]) : 0,
      buf_index: index,
    },
    uses: [use, "fixedmem"],
    async: write && use === "f0",
  };
}

export function vectored(m: Materials): Draft {
  const p = m.prng;
  const write = p.chance(0.4);
  const { use, fields } = m.file([
    ["f0", H.f0, 0],
    ["pipe", write ? H.pipeW : H.pipeR, write ? 3 : 2],
    ["sock", H.sockA, 4],
  ]);
  const { at, count } = m.iovecs();
  return {
    fields: {
      opcode: write ? OPS.IORING_OP_WRITEV : OPS.IORING_OP_READV,
      ...fields,
      addr: at,
      len: count,
      off: use === "f0" ? p.pick([0, 100, { raw: "-1" }]) : 0,
    },
    uses: [use],
    async: write && use === "f0",
  };
}

export function install(m: Materials): Draft {
  const p = m.prng;
  return {
    fields: {
      opcode: OPS.IORING_OP_FIXED_FD_INSTALL,
      fd: p.below(9),
      flags: IOSQE_FIXED_FILE,
      install_fd_flags: p.pick([0, 1]),
    },
    uses: ["tree", "table"],
    async: true,
    gives: m.newHandle(),
  };
}

/** Not where registered buffers lie: the kernel would go on using the pages it has pinned. */
export function advise(m: Materials): Draft {
  const p = m.prng;
  return {
    fields: {
      opcode: OPS.IORING_OP_MADVISE,
      addr: { m: p.pick([0x62000, 0x84000]) },
      len: p.pick([0, 1, 4096, 8192]),
      fadvise_advice: p.pick([0, 1, 2, 4, 4, 5, 20]),
    },
    uses: ["memory"],
    async: true,
  };
}

export function pathOp(m: Materials): Draft {
  const p = m.prng;
  const opcode = p.pick([
    OPS.IORING_OP_MKDIRAT,
    OPS.IORING_OP_UNLINKAT,
    OPS.IORING_OP_RENAMEAT,
    OPS.IORING_OP_LINKAT,
    OPS.IORING_OP_SYMLINKAT,
    OPS.IORING_OP_STATX,
  ]);
  const fields: Fields = { opcode, fd: m.dirfd(), addr: m.path() };
  switch (opcode) {
    case OPS.IORING_OP_MKDIRAT:
      fields["len"] = 0o755;
      break;
    case OPS.IORING_OP_UNLINKAT:
      fields["unlink_flags"] = p.pick([0, 0, 0x200, 1]);
      break;
    case OPS.IORING_OP_RENAMEAT:
      fields["len"] = m.dirfd();
      fields["off"] = m.path();
      fields["rename_flags"] = p.pick([0, 0, 1, 2, 3, 8]);
      break;
    case OPS.IORING_OP_LINKAT:
      fields["len"] = m.dirfd();
      fields["off"] = m.path();
      fields["hardlink_flags"] = p.pick([0, 0, 0x400, 0x1000, 1]);
      break;
    case OPS.IORING_OP_SYMLINKAT:
      fields["off"] = m.path();
      break;
    case OPS.IORING_OP_STATX:
      fields["off"] = p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: OUT_AT };
      fields["len"] = 0x7ff;
      fields["statx_flags"] = p.pick([0, 0x100, 0x1000, 0x6000, 0x2000, 1]);
      break;
  }
  return { fields, uses: ["tree"], async: true };
}

export function open(m: Materials): Draft {
  const p = m.prng;
  const flags = p.pick([
    O.O_RDONLY,
    O.O_RDWR,
    O.O_RDWR | O.O_CREAT,
    O.O_WRONLY | O.O_CREAT | O.O_EXCL,
    O.O_RDONLY | O.O_DIRECTORY,
    O.O_RDWR | O.O_TRUNC,
    O.O_RDONLY | O.O_NOFOLLOW,
    O.O_PATH,
    O.O_TMPFILE | O.O_RDWR,
    O.O_CREAT | O.O_DIRECTORY,
  ]);
  const direct = p.chance(0.25);
  const fields: Fields = {
    opcode: OPS.IORING_OP_OPENAT,
    fd: m.dirfd(),
    addr: m.path(),
    len: 0o644,
    open_flags: flags,
  };
  if (p.chance(0.35)) {
    const mode = (flags & (O.O_CREAT | 0x400000)) !== 0 ? 0o644 : p.pick([0, 0, 0, 1]);
    fields["opcode"] = OPS.IORING_OP_OPENAT2;
    fields["open_flags"] = 0;
    fields["off"] = {
      m: m.words(
        [8, p.chance(0.05) ? { raw: "0x100000000" } : flags],
        [8, mode],
        [8, p.pick([0, 0, 8, 0x10, 4, 0x18, 0x40])],
      ),
    };
    fields["len"] = p.pick([24, 24, 24, 16, 32]);
  }
  if (direct) {
    fields["file_index"] = p.pick([7, 8, 9, 0xffff_ffff]);
    return { fields, uses: ["tree", "table"], async: true };
  }
  return { fields, uses: ["tree"], async: true, gives: m.newHandle() };
}

export function close(m: Materials): Draft {
  const p = m.prng;
  if (p.chance(0.4))
    return { fields: { opcode: OPS.IORING_OP_CLOSE, file_index: p.pick([7, 8, 9]) }, uses: ["table"], async: true };
  const handle = p.chance(0.8) && m.opened.length > 0 ? m.opened.pop()! : H.none;
  return { fields: { opcode: OPS.IORING_OP_CLOSE, fd: { h: handle } }, uses: ["tree"], async: true };
}

export function fileOp(m: Materials): Draft {
  const p = m.prng;
  const { use, fields } = m.file([
    ["f0", H.f0, 0],
    ["f1", H.f1, 1],
    ["f2", H.f2],
    ["pipe", H.pipeR],
    ["sock", H.sockA],
    ["dir", H.dir],
  ]);
  const pick = p.below(5);
  const base = { ...fields };
  if (pick === 0)
    return {
      fields: { opcode: OPS.IORING_OP_FSYNC, ...base, fsync_flags: p.pick([0, 1, 2]) },
      uses: [use],
      async: true,
    };
  if (pick === 1) {
    return {
      fields: {
        opcode: OPS.IORING_OP_FALLOCATE,
        ...base,
        off: p.pick([0, 100]),
        addr: p.pick([0, 100, 10_000]),
        len: p.pick([0, 0, 1, 3, 2]),
      },
      uses: [use],
      async: true,
    };
  }
  if (pick === 2)
    return {
      fields: { opcode: OPS.IORING_OP_FTRUNCATE, ...base, off: p.pick([0, 10, 9000, { raw: "-1" }]) },
      uses: [use],
      async: true,
    };
  if (pick === 3)
    return {
      fields: { opcode: OPS.IORING_OP_FADVISE, ...base, fadvise_advice: p.below(7), len: 100 },
      uses: [use],
      async: true,
    };
  return {
    fields: { opcode: OPS.IORING_OP_SYNC_FILE_RANGE, ...base, sync_range_flags: p.pick([0, 2, 7, 8]) },
    uses: [use],
    async: true,
  };
}

export function provide(m: Materials): Draft {
  const p = m.prng;
  if (p.chance(0.25))
    return {
      fields: { opcode: OPS.IORING_OP_REMOVE_BUFFERS, fd: p.pick([1, 2, 0]), buf_group: 5 },
      uses: ["bufs"],
      async: true,
    };
  const count = 1 + p.below(4);
  const length = p.pick([16, 100, 200]);
  return {
    fields: {
      opcode: OPS.IORING_OP_PROVIDE_BUFFERS,
      fd: count,
      addr: { m: m.buffer(count * length) },
      len: length,
      off: p.below(20),
      buf_group: 5,
    },
    uses: ["bufs"],
    async: true,
  };
}

export function filesUpdate(m: Materials): Draft {
  const p = m.prng;
  const at = m.words([4, p.pick<Value>([{ h: H.f0 }, -1, -2, 9999])], [4, p.pick<Value>([{ h: H.f1 }, -1])]);
  return {
    fields: { opcode: OPS.IORING_OP_FILES_UPDATE, addr: { m: at }, len: p.pick([1, 2]), off: p.pick([6, 6, 7, 8]) },
    uses: ["table"],
    async: true,
  };
}

export function pipe(m: Materials): Draft {
  const p = m.prng;
  return {
    fields: {
      opcode: OPS.IORING_OP_PIPE,
      addr: p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: OUT_AT + 0x2000 },
      pipe_flags: p.pick([0, 0x800, 1]),
      file_index: p.pick([0, 0, 7, 8, 0xffff_ffff]),
    },
    uses: ["table"],
    async: true,
  };
}
