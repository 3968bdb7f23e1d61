// Sockets inside the machine: TCP-like streams with windows (AF_INET, AF_INET6), AF_UNIX streams, sequenced packets and
// datagrams, and UDP. Connections are made at once, as over loopback; what is sent arrives at once, or later and in order
// when the network has a delay. Follows net/ at v7.2 as far as requests can see it. Left out: options, control messages,
// out-of-band data, lost packets, connections that fail late.

import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EDESTADDRREQ,
  EFAULT,
  EINTR,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  EPROTONOSUPPORT,
  EPROTOTYPE,
  ESOCKTNOSUPPORT,
} from "../../base/index.ts";
import { POLL, SOCKET, O } from "../abi/index.ts";
import { Timer } from "./clock.ts";
import type { SimMemory } from "./memory.ts";
import { gather, scatter, totalLength } from "./segments.ts";
import { OpenFile, type Machine, type Network } from "./state.ts";
import { wakeQueue } from "./wake.ts";

const { AF_UNIX, AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET } = SOCKET;
const { POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLRDHUP, POLLRDNORM, POLLRDBAND, POLLWRNORM, POLLWRBAND } = POLL;
const READABLE = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND;
const WRITABLE = POLLOUT | POLLWRNORM | POLLWRBAND;
const MSG_OOB = 1;
const MSG_PEEK = 2;
const MSG_TRUNC = 0x20;
const BACKLOG_MAX = 4096;
/** net.unix.max_dgram_qlen: datagrams beyond so many wait. */
const UNIX_QUEUE = 10;

/** What Linux grants a loopback connection, roughly. */
export const DEFAULT_NETWORK: Network = { window: 212_992, delayNs: 0 };

/** An address: its family, its bytes as in struct sockaddr, and a key that is equal for equal addresses. */
export interface SocketAddress {
  readonly family: number;
  readonly key: string;
  readonly port: number;
  readonly bytes: Uint8Array;
}

interface Segment {
  readonly bytes: Uint8Array;
  start: number;
  readonly from: SocketAddress | null;
}

type State = "new" | "listening" | "connected" | "closed";

/** A socket. */
export class SocketFile extends OpenFile {
  readonly kind = "socket";
  readonly pollable = true;
  readonly stream = true;
  readonly nowait = true;
  readonly machine: Machine;
  readonly domain: number;
  readonly type: number;
  readonly #network: Network;
  state: State = "new";
  local: SocketAddress | null = null;
  remote: SocketAddress | null = null;
  peer: SocketFile | null = null;
  #backlog: SocketFile[] = [];
  #backlogLimit = 0;
  #received: Segment[] = [];
  #queued = 0;
  /** Bytes sent to this socket that are on their way. */
  #inFlight: { at: number; segment: Segment | null }[] = [];
  #onWay = 0;
  #arrival: Timer<SocketFile> | null = null;
  #readShut = false;
  #writeShut = false;
  /** Positive errno that the next call is told, once (sk_err). */
  #error = 0;
  /** A TCP connection that was reset is none any more (TCP_CLOSE). */
  #reset = false;
  /** The peer has said that it sends no more (SOCK_DONE). */
  #finished = false;

  constructor(machine: Machine, domain: number, type: number, flags: number, network: Network) {
    super();
    this.machine = machine;
    this.domain = domain;
    this.type = type;
    this.flags = O.O_RDWR | flags;
    this.#network = network;
  }

  get isStream(): boolean {
    return this.type === SOCK_STREAM;
  }

  /** Bytes that can be read now; of datagrams, those of the first. */
  get readable(): number {
    // TCP tells of the end as if there were one byte more to read
    if (this.isStream) return this.#queued === 0 && this.#finished && this.domain !== AF_UNIX ? 1 : this.#queued;
    const first = this.#received[0];
    return first === undefined ? 0 : first.bytes.length;
  }

  /** A connection waits to be accepted. */
  get acceptable(): boolean {
    return this.#backlog.length > 0;
  }

  /** A unix datagram socket takes only so many datagrams. */
  get #crowded(): boolean {
    return this.domain === AF_UNIX && this.type === SOCK_DGRAM && this.#received.length > UNIX_QUEUE;
  }

  #room(): number {
    return this.#network.window - this.#queued - this.#onWay;
  }

  poll(): number {
    if (this.state === "listening") return this.#backlog.length > 0 ? POLLIN | POLLRDNORM : 0;
    let mask = 0;
    const unix = this.domain === AF_UNIX;
    const readShut = this.#readShut;
    if (this.#error !== 0) mask |= POLLERR;
    if (readShut) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (this.#received.length > 0) mask |= POLLIN | POLLRDNORM;
    if (this.type !== SOCK_DGRAM) {
      if ((readShut && this.#writeShut) || this.state === "new" || this.state === "closed") mask |= POLLHUP;
    } else if (readShut && this.#writeShut) mask |= POLLHUP;
    const room = this.peer === null ? this.#network.window : this.peer.#room();
    if (this.#writeShut && !unix) mask |= POLLOUT | POLLWRNORM;
    else if (room > this.#network.window / 4) mask |= unix ? WRITABLE : POLLOUT | POLLWRNORM;
    return mask;
  }

  read(memory: SimMemory, at: number, length: number): number {
    if (length === 0) return 0;
    return this.receive(memory, [at, length], 0);
  }

  write(memory: SimMemory, at: number, length: number): number {
    return this.send(memory, [at, length], 0, null);
  }

  override readVector(memory: SimMemory, segments: readonly number[]): number {
    return totalLength(segments) === 0 ? 0 : this.receive(memory, segments, 0);
  }

  override writeVector(memory: SimMemory, segments: readonly number[]): number {
    return this.send(memory, segments, 0, null);
  }

  /** bind(2). */
  bind(address: SocketAddress | number): number {
    if (typeof address === "number") return address;
    if (address.family !== this.domain) return this.domain === AF_UNIX ? -EINVAL : -EAFNOSUPPORT;
    if (this.local !== null) return address.key === "" ? 0 : -EINVAL;
    return this.#bindTo(address.key === "" ? this.#chosenName() : address);
  }

  /** An abstract name of five hexadecimal digits. */
  #chosenName(): SocketAddress {
    const digits = (this.machine.ephemeralPort++ & 0xfffff).toString(16).padStart(5, "0");
    const bytes = Uint8Array.from([AF_UNIX, 0, 0, ...new TextEncoder().encode(digits)]);
    return { family: AF_UNIX, port: 0, key: `unix/chosen/${digits}`, bytes };
  }

  #bindTo(wanted: SocketAddress): number {
    let address = wanted;
    const { addresses } = this.machine;
    if (this.domain !== AF_UNIX) {
      if (!isLocalAddress(address)) return -EADDRNOTAVAIL;
      if (address.port === 0) {
        do address = withPort(wanted, this.machine.ephemeralPort++);
        while (this.#portTaken(address));
      } else if (this.#portTaken(address)) return -EADDRINUSE;
    } else if (addresses.has(this.#key(address))) return -EADDRINUSE;
    this.local = address;
    addresses.set(this.#key(address), this);
    return 0;
  }

  #key(address: SocketAddress): string {
    return `${this.type}/${address.key}`;
  }

  #portTaken(address: SocketAddress): boolean {
    for (const other of this.machine.addresses.values()) {
      if (!(other instanceof SocketFile) || other.type !== this.type || other.local === null) continue;
      if (other.domain === AF_UNIX || other.local.port !== address.port) continue;
      if (other.local.key === address.key || isAny(other.local) || isAny(address)) return true;
    }
    return false;
  }

  /** listen(2). */
  listen(backlog: number): number {
    if (this.type === SOCK_DGRAM) return -EOPNOTSUPP;
    if (this.state === "connected") return -EINVAL;
    if (this.local === null) {
      if (this.domain === AF_UNIX) return -EINVAL;
      this.#bindTo(anyAddress(this.domain));
    }
    this.state = "listening";
    this.#backlogLimit = Math.min(backlog < 0 ? BACKLOG_MAX : backlog, BACKLOG_MAX);
    return 0;
  }

  /** connect(2): at once, or -EAGAIN when a unix listener's backlog is full. */
  connect(address: SocketAddress | number): number {
    if (typeof address === "number") return address;
    if (address.family !== this.domain) return this.domain === AF_UNIX ? -EINVAL : -EAFNOSUPPORT;
    if (address.key === "") return -EINVAL;
    if (this.type === SOCK_DGRAM) {
      const other = this.#find(address);
      if (this.domain === AF_UNIX && other === undefined) return -ECONNREFUSED;
      if (this.local === null && this.domain !== AF_UNIX) this.#bindTo(anyAddress(this.domain));
      this.remote = address;
      this.state = "connected";
      return 0;
    }
    const unix = this.domain === AF_UNIX;
    // TCP looks at itself first, AF_UNIX at whom it is to connect to
    if (!unix && this.state !== "new") return -EISCONN;
    const listener = this.#find(address);
    if (listener === undefined) return -ECONNREFUSED;
    if (listener.type !== this.type) return unix ? -EPROTOTYPE : -ECONNREFUSED;
    if (listener.state !== "listening") return -ECONNREFUSED;
    if (listener.#backlog.length > listener.#backlogLimit) return unix ? -EAGAIN : -ECONNREFUSED;
    if (this.state === "connected") return -EISCONN;
    if (this.state === "listening") return -EINVAL;
    if (this.local === null && this.domain !== AF_UNIX) this.#bindTo(loopback(this.domain));
    const other = new SocketFile(this.machine, this.domain, this.type, 0, this.#network);
    other.local = listener.local;
    other.remote = this.local;
    this.remote = address;
    join(this, other);
    listener.#backlog.push(other);
    wakeQueue(listener.waiters, READABLE);
    return 0;
  }

  #find(address: SocketAddress): SocketFile | undefined {
    const { addresses } = this.machine;
    const direct = addresses.get(this.#key(address));
    if (direct instanceof SocketFile) return direct;
    if (this.domain === AF_UNIX) {
      for (const other of addresses.values()) {
        if (other instanceof SocketFile && other.domain === AF_UNIX && other.local?.key === address.key) return other;
      }
      return undefined;
    }
    const any = addresses.get(this.#key(withPort(anyAddress(this.domain), address.port)));
    return any instanceof SocketFile ? any : undefined;
  }

  /** accept4(2): a connected socket or a negative errno. `flags`: SOCK_NONBLOCK counts. */
  accept(flags: number): SocketFile | number {
    if (this.type === SOCK_DGRAM) return -EOPNOTSUPP;
    if (this.state !== "listening") return -EINVAL;
    const socket = this.#backlog.shift();
    if (socket === undefined) return -EAGAIN;
    socket.flags |= flags & O.O_NONBLOCK;
    return socket;
  }

  /** shutdown(2). */
  shutdown(how: number): number {
    if (how < 0 || how > 2) return -EINVAL;
    if (this.state === "listening") {
      if (how !== 1) this.state = "closed";
      wakeQueue(this.waiters, 0);
      return 0;
    }
    if (this.state !== "connected") {
      if (this.domain === AF_UNIX) {
        this.#shut(how !== 1, how !== 0);
        return 0;
      }
      return -ENOTCONN;
    }
    this.#shut(how !== 1, how !== 0);
    if (this.#reset) return -ENOTCONN;
    if (this.peer !== null && this.type !== SOCK_DGRAM) {
      if (how !== 0) this.peer.#endOfStream();
      if (how !== 1 && this.domain === AF_UNIX) this.peer.#shut(false, true);
    }
    return 0;
  }

  /** The peer is gone and says so: nothing is sent any more, and the next call hears of it (tcp_reset). */
  #hearReset(error: number): void {
    this.#error = error;
    this.#reset = this.domain !== AF_UNIX;
    this.#shut(true, true);
  }

  #shut(reads: boolean, writes: boolean): void {
    this.#readShut ||= reads;
    this.#writeShut ||= writes;
    wakeQueue(this.waiters, 0);
  }

  /** The peer sends no more; known once what it sent has arrived. */
  #endOfStream(): void {
    if (this.#network.delayNs > 0) this.#sendLater(null);
    else this.#end();
  }

  #end(): void {
    this.#finished = true;
    this.#shut(true, false);
  }

  /** The error of the socket, told once; or what else to say. */
  #takeError(otherwise: number): number {
    if (this.#error === 0) return otherwise;
    const error = this.#error;
    this.#error = 0;
    return -error;
  }

  /** Sends the bytes of `segments` (offset and length alternating): a count or a negative errno. */
  send(memory: SimMemory, segments: readonly number[], flags: number, to: SocketAddress | number | null): number {
    if (typeof to === "number") return to;
    if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (this.type === SOCK_DGRAM) return this.#sendDatagram(memory, segments, to);
    if (this.#writeShut) return this.domain === AF_UNIX ? -EPIPE : this.#takeError(-EPIPE);
    if (this.state !== "connected") {
      if (this.domain !== AF_UNIX) return -EPIPE;
      return to === null ? -ENOTCONN : -EOPNOTSUPP;
    }
    if (to !== null && this.domain === AF_UNIX) return this.type === SOCK_STREAM ? -EISCONN : -EISCONN;
    const { peer } = this;
    if (peer === null) return this.domain === AF_UNIX ? -EPIPE : this.#sendToNobody(memory, segments);
    if (peer.#readShut && this.domain === AF_UNIX) return -EPIPE;
    const wanted = totalLength(segments);
    if (this.type === SOCK_SEQPACKET) {
      if (wanted > this.#network.window) return -EMSGSIZE;
      if (peer.#room() < wanted) return -EAGAIN;
    }
    if (wanted === 0 && this.isStream) return 0;
    const room = this.isStream ? Math.min(wanted, peer.#room()) : wanted;
    if (room === 0 && wanted > 0) return -EAGAIN;
    const bytes = gather(memory, segments, room);
    if (bytes === null) return this.#fault();
    this.#deliver(peer, { bytes, start: 0, from: null });
    return bytes.length;
  }

  /** What was taken for a message that cannot be read is given back, which AF_UNIX tells those who wait to send. */
  #fault(): number {
    if (this.domain === AF_UNIX && (this.poll() & POLLOUT) !== 0) wakeQueue(this.waiters, WRITABLE);
    return -EFAULT;
  }

  /** A signal ends a receive of `length` bytes that blocks: 0 for TCP and nothing, which only waited. */
  override interrupted(length: number): number {
    return length === 0 && this.isStream && this.domain !== AF_UNIX ? 0 : -EINTR;
  }

  /** TCP takes what is sent to a peer that has closed, hears that nobody is there, and refuses from then on. */
  #sendToNobody(memory: SimMemory, segments: readonly number[]): number {
    const bytes = gather(memory, segments, totalLength(segments));
    if (bytes === null) return -EFAULT;
    if (bytes.length > 0) {
      this.#hearReset(EPIPE);
    }
    return bytes.length;
  }

  #sendDatagram(memory: SimMemory, segments: readonly number[], to: SocketAddress | null): number {
    if (this.#writeShut) return -EPIPE;
    const address = to ?? this.remote;
    const target = this.peer ?? (address === null ? undefined : this.#find(address));
    if (address === null && this.peer === null) return this.domain === AF_UNIX ? -ENOTCONN : -EDESTADDRREQ;
    const wanted = totalLength(segments);
    if (wanted > (this.domain === AF_UNIX ? this.#network.window : 65_507)) return -EMSGSIZE;
    if (this.local === null && this.domain !== AF_UNIX) this.#bindTo(anyAddress(this.domain));
    const bytes = gather(memory, segments, wanted);
    if (bytes === null) return this.#fault();
    if (target === undefined || target === null) return this.domain === AF_UNIX ? -ECONNREFUSED : bytes.length;
    // of two that are connected to each other neither counts what waits
    const crowded = target.#crowded && target.peer !== this;
    if (crowded || target.#room() < wanted) return this.domain === AF_UNIX ? -EAGAIN : bytes.length;
    this.#deliver(target, { bytes, start: 0, from: this.local });
    return bytes.length;
  }

  #deliver(target: SocketFile, segment: Segment): void {
    if (this.#network.delayNs > 0) target.#sendLater(segment);
    else target.#arrive(segment);
  }

  #sendLater(segment: Segment | null): void {
    const { clock } = this.machine;
    const at = clock.now + this.#network.delayNs;
    this.#inFlight.push({ at, segment });
    this.#onWay += segment === null ? 0 : segment.bytes.length;
    if (this.#inFlight.length === 1) {
      this.#arrival ??= new Timer<SocketFile>(arrived, this);
      clock.start(this.#arrival, at);
    }
  }

  /** The first thing on its way is there. */
  land(): void {
    const first = this.#inFlight.shift();
    if (first === undefined) return;
    const next = this.#inFlight[0];
    if (next !== undefined) this.machine.clock.start(this.#arrival!, next.at);
    if (first.segment === null) this.#end();
    else {
      this.#onWay -= first.segment.bytes.length;
      this.#arrive(first.segment);
    }
  }

  #arrive(segment: Segment): void {
    if (this.#readShut && this.type !== SOCK_DGRAM) return;
    this.#received.push(segment);
    this.#queued += segment.bytes.length;
    wakeQueue(this.waiters, READABLE);
  }

  /** Receives into `segments`: a count (0 at the end of a stream) or a negative errno. `out.from`: the datagram's sender. */
  receive(memory: SimMemory, segments: readonly number[], flags: number, out?: ReceiveInfo): number {
    if ((flags & MSG_OOB) !== 0) return this.isStream ? -EINVAL : -EOPNOTSUPP;
    if (this.type !== SOCK_DGRAM && this.state !== "connected") {
      if (this.domain === AF_UNIX) return this.isStream ? -EINVAL : -ENOTCONN;
      if (this.state !== "closed" || this.peer === null) return -ENOTCONN;
    }
    const peek = (flags & MSG_PEEK) !== 0;
    if (this.#received.length === 0) {
      if (this.#finished && this.domain !== AF_UNIX) return 0;
      return this.#takeError(this.#readShut ? 0 : -EAGAIN);
    }
    const wanted = totalLength(segments);
    if (wanted === 0 && this.isStream) return 0;
    if (!this.isStream) return this.#receiveDatagram(memory, segments, wanted, flags, out);
    let done = 0;
    let index = 0;
    let freed = false;
    while (done < wanted && index < this.#received.length) {
      const segment = this.#received[index];
      const count = Math.min(wanted - done, segment.bytes.length - segment.start);
      // TCP throws away what is received with MSG_TRUNC
      const discard = (flags & MSG_TRUNC) !== 0 && this.domain !== AF_UNIX;
      const bytes = segment.bytes.subarray(segment.start, segment.start + count);
      const put = discard ? count : scatter(memory, segments, done, bytes);
      if (put < count) {
        // what was sent at once is received whole or not at all
        if (done === 0) return -EFAULT;
        break;
      }
      done += count;
      if (peek) index++;
      else {
        segment.start += count;
        if (segment.start === segment.bytes.length) {
          this.#received.shift();
          freed = true;
        }
      }
    }
    if (!peek) {
      const wasTight = this.#room() <= this.#network.window / 4;
      this.#queued -= done;
      if ((wasTight || (freed && this.domain === AF_UNIX)) && this.peer !== null)
        wakeQueue(this.peer.waiters, WRITABLE);
    }
    return done;
  }

  #receiveDatagram(
    memory: SimMemory,
    segments: readonly number[],
    wanted: number,
    flags: number,
    out?: ReceiveInfo,
  ): number {
    const first = this.#received[0];
    const count = Math.min(wanted, first.bytes.length);
    if (scatter(memory, segments, 0, first.bytes.subarray(0, count)) < count) return -EFAULT;
    if ((flags & MSG_PEEK) === 0) {
      this.#received.shift();
      this.#queued -= first.bytes.length;
      if (this.peer !== null) wakeQueue(this.peer.waiters, WRITABLE);
    }
    const truncated = first.bytes.length > count;
    if (out !== undefined) {
      out.from = first.from;
      out.truncated = truncated;
    }
    return truncated && (flags & MSG_TRUNC) !== 0 ? first.bytes.length : count;
  }

  release(machine: Machine): void {
    if (this.local !== null && machine.addresses.get(this.#key(this.local)) === this) {
      machine.addresses.delete(this.#key(this.local));
    }
    for (const waiting of this.#backlog) waiting.release(machine);
    this.#backlog = [];
    const { peer } = this;
    this.state = "closed";
    this.peer = null;
    if (peer === null || this.type === SOCK_DGRAM) return;
    peer.peer = null;
    const unix = this.domain === AF_UNIX;
    // what was never read is lost, and the peer hears of it
    if (this.#received.length > 0) {
      peer.#hearReset(ECONNRESET);
    } else {
      if (unix) peer.#writeShut = true;
      peer.#endOfStream();
    }
  }
}

/** What a receive may tell beyond its count. */
export interface ReceiveInfo {
  from: SocketAddress | null;
  truncated: boolean;
}

function arrived(socket: SocketFile): void {
  socket.land();
}

function join(a: SocketFile, b: SocketFile): void {
  a.peer = b;
  b.peer = a;
  a.state = "connected";
  b.state = "connected";
}

/** socketpair(2), of AF_UNIX. */
export function makeSocketPair(
  machine: Machine,
  type: number,
  network: Network = DEFAULT_NETWORK,
): [SocketFile, SocketFile] {
  const a = new SocketFile(machine, AF_UNIX, type, 0, network);
  const b = new SocketFile(machine, AF_UNIX, type, 0, network);
  join(a, b);
  return [a, b];
}

/** socket(2): checks of family, type and protocol; 0 or a negative errno. */
export function checkSocket(domain: number, type: number, protocol: number): number {
  if (domain < 0 || domain >= 46) return -EAFNOSUPPORT;
  if (type < 0 || type >= 11) return -EINVAL;
  if (domain !== AF_UNIX && domain !== AF_INET && domain !== AF_INET6) return -EAFNOSUPPORT;
  if (domain === AF_UNIX) {
    if (protocol !== 0 && protocol !== AF_UNIX) return -EPROTONOSUPPORT;
    return type === SOCK_STREAM || type === SOCK_DGRAM || type === SOCK_SEQPACKET ? 0 : -ESOCKTNOSUPPORT;
  }
  if (protocol < 0 || protocol >= 263) return -EINVAL;
  if (type === SOCK_STREAM) return protocol === 0 || protocol === 6 ? 0 : -EPROTONOSUPPORT;
  // ping sockets exist, but not for everybody
  if (type === SOCK_DGRAM && protocol === 1) return -EACCES;
  if (type === SOCK_DGRAM) return protocol === 0 || protocol === 17 ? 0 : -EPROTONOSUPPORT;
  return -ESOCKTNOSUPPORT;
}

/** Where an address is read from. */
export type AddressSource = Pick<SimMemory, "bytes" | "covers">;

/** Reads a struct sockaddr of `length` bytes for a socket of `domain`; a negative errno when it makes no sense. */
export function parseAddress(
  memory: AddressSource,
  at: number,
  length: number,
  domain: number,
): SocketAddress | number {
  if (length < 0 || length > 128) return -EINVAL;
  if (length === 0) return domain === AF_UNIX ? -EINVAL : -EINVAL;
  if (!memory.covers(at, length)) return -EFAULT;
  const bytes = memory.bytes.slice(at, at + length);
  if (length < 2) return -EINVAL;
  const family = bytes[0] | (bytes[1] << 8);
  if (domain === AF_UNIX) {
    // a family alone asks for a name of the kernel's choice; it is the socket's business to make one
    if (family === AF_UNIX && length === 2) return { family, port: 0, key: "", bytes };
    if (family !== AF_UNIX || length <= 2 || length > 110) return -EINVAL;
    const path = bytes[2] === 0 ? bytes.subarray(2) : bytes.subarray(2, 2 + cLength(bytes.subarray(2)));
    return { family, port: 0, key: `unix/${[...path].map((byte) => byte.toString(16)).join("")}`, bytes };
  }
  const size = domain === AF_INET ? 16 : 24;
  if (length < size) return -EINVAL;
  return inetAddress(family, bytes);
}

function cLength(bytes: Uint8Array): number {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes.length : end;
}

function inetAddress(family: number, bytes: Uint8Array): SocketAddress {
  const port = (bytes[2] << 8) | bytes[3];
  const host = family === AF_INET6 ? bytes.subarray(8, 24) : bytes.subarray(4, 8);
  return { family, port, key: `${family}/${host.join(".")}/${port}`, bytes };
}

function anyAddress(domain: number): SocketAddress {
  const bytes = new Uint8Array(domain === AF_INET ? 16 : 28);
  bytes[0] = domain;
  return inetAddress(domain, bytes);
}

function loopback(domain: number): SocketAddress {
  const { bytes } = anyAddress(domain);
  if (domain === AF_INET) bytes.set([127, 0, 0, 1], 4);
  else bytes[23] = 1;
  return inetAddress(domain, bytes);
}

function withPort(address: SocketAddress, port: number): SocketAddress {
  const bytes = address.bytes.slice();
  bytes[2] = (port >> 8) & 0xff;
  bytes[3] = port & 0xff;
  return inetAddress(address.family, bytes);
}

function isAny({ family, bytes }: SocketAddress): boolean {
  return (family === AF_INET ? bytes.subarray(4, 8) : bytes.subarray(8, 24)).every((byte) => byte === 0);
}

function isLocalAddress(address: SocketAddress): boolean {
  if (isAny(address)) return true;
  if (address.family === AF_INET) return address.bytes[4] === 127;
  return address.bytes[23] === 1 && address.bytes.subarray(8, 23).every((byte) => byte === 0);
}
