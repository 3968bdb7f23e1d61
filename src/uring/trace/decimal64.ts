// 64-bit numbers as JSON can carry them.

/** Two 32-bit halves as the decimal string of an unsigned 64-bit number. */
export function decimal64(low: number, high: number): string {
  return high === 0 ? String(low) : String((BigInt(high) << 32n) | BigInt(low));
}
