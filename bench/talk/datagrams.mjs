/**
 * Datagrams one way, a few under way: the called side says now and then how many have come, and what is lost is not waited for.
 * Both sides of a row are measured with this.
 */

const KINDS = { data: 0, count: 1 };
/** Under way at most: below what the system's buffer of a socket holds, 208 KiB by default. */
const WINDOW = 64;
/** The called side tells its count with each of so many. */
const TELL_EVERY = 16;
/** Nothing has come back for so long: what was under way is lost, milliseconds. */
const LOST_MS = 50;

/** One end. `send` sends to the other one; `take` is to be called with what comes. */
export class DatagramEnd {
  #send;
  #received = 0;
  #told = 0;
  #onTold = () => {};

  constructor(send) {
    this.#send = send;
  }

  take(data) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    if (bytes[0] === KINDS.count) {
      this.#told = Math.max(this.#told, bytes.readUInt32BE(1));
      this.#onTold();
      return;
    }
    this.#received += 1;
    if (this.#received % TELL_EVERY !== 0) return;
    const count = Buffer.alloc(5, KINDS.count);
    count.writeUInt32BE(this.#received, 1);
    this.#send(count);
  }

  /** Datagrams per second that have arrived, and the share that has not. */
  async flood({ bytes, ms }) {
    const data = new Uint8Array(bytes); // Of the kind "data".
    const [begin, toldAtBegin] = [performance.now(), this.#told];
    let sent = 0;
    let settled = 0;
    let heardAt = begin;
    await new Promise((resolve) => {
      const more = () => {
        if (performance.now() - begin > ms) return resolve();
        for (; sent - settled < WINDOW; sent++) this.#send(data);
      };
      this.#onTold = () => {
        heardAt = performance.now();
        settled = Math.max(settled, this.#told - toldAtBegin);
        more();
      };
      const looking = setInterval(() => {
        if (performance.now() - heardAt > LOST_MS) settled = sent;
        if (performance.now() - begin > ms) clearInterval(looking);
        more();
      }, LOST_MS);
      more();
    });
    this.#onTold = () => {};
    const arrived = this.#told - toldAtBegin;
    return { perSecond: arrived / ((performance.now() - begin) / 1000), lost: 1 - arrived / sent };
  }
}
