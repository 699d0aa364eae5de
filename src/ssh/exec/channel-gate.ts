// How many channels one connection has open at once: first come first served, fewer when the server says so.

/** sshd frees a slot a little late, so that 8 of its default 10 already fail now and then. */
const channelsPerConnection = 4;

export interface ChannelGate {
  /**
   * Waits for a place. Pass the ticket of a place that was given back after a refusal to keep the order of arrival.
   * Rejects with the signal's reason when it is aborted first.
   */
  enter(signal?: AbortSignal, ticket?: number): Promise<Place>;
  /** Places taken now. */
  readonly taken: number;
  /** Allows no more than `limit` (at least 1) places from now on. */
  lower(limit: number): void;
}

/** One of the places; `leave` may be called more than once. */
export interface Place {
  readonly ticket: number;
  leave(): void;
}

interface Waiting {
  ticket: number;
  admit(): void;
}

export function createChannelGate(places: number = channelsPerConnection): ChannelGate {
  let limit = places;
  let taken = 0;
  let nextTicket = 0;
  const queue: Waiting[] = [];
  const admitNext = () => {
    while (taken < limit && queue.length > 0) {
      taken++;
      queue.shift()!.admit();
    }
  };
  const placeFor = (ticket: number): Place => {
    let here = true;
    return {
      ticket,
      leave() {
        if (!here) return;
        here = false;
        taken--;
        admitNext();
      },
    };
  };
  return {
    get taken() {
      return taken;
    },
    lower(wanted) {
      limit = Math.min(limit, Math.max(1, wanted));
    },
    enter(signal, ticket = nextTicket++) {
      return new Promise<Place>((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason);
        const waiting: Waiting = {
          ticket,
          admit() {
            signal?.removeEventListener("abort", abort);
            resolve(placeFor(ticket));
          },
        };
        const abort = () => {
          const index = queue.indexOf(waiting);
          if (index < 0) return;
          queue.splice(index, 1);
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", abort, { once: true });
        const after = queue.findIndex((w) => w.ticket > ticket);
        queue.splice(after < 0 ? queue.length : after, 0, waiting);
        admitNext();
      });
    },
  };
}
