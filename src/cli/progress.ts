// Progress of long work: one line on stderr, on a terminal only, drawn over itself and wiped at the end.

export interface Progress extends Disposable {
  update(text: string): void;
}

const QUIET: Progress = { update() {}, [Symbol.dispose]() {} };

/** A progress line, or a silent one when stderr is no terminal or `quiet` is asked for. */
export function openProgress(stream: NodeJS.WriteStream, quiet: boolean): Progress {
  if (!stream.isTTY || quiet) return QUIET;
  let shown = false;
  return {
    update(text) {
      shown = true;
      stream.write(`\r\u001b[K${text.slice(0, (stream.columns ?? 80) - 1)}`);
    },
    [Symbol.dispose]() {
      if (shown) stream.write("\r\u001b[K");
    },
  };
}
