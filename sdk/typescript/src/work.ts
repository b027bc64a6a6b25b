import WebSocket from "ws";

/** The contract allows no more before the final answer. */
const MOST_PARTS = 64;

/**
 * A turn in hand. What is said of it goes out in order, on the socket where the turn came last;
 * what a cut keeps back waits for the turn to come again.
 */
export class Work {
  readonly abort = new AbortController();
  private readonly unsent: string[] = [];
  private answer: string | undefined;

  constructor(private socket: WebSocket | undefined) {}

  say(part: string): void {
    if (this.unsent.length < MOST_PARTS) this.unsent.push(part);
    this.flush();
  }

  /** Sends what is worth nothing later. */
  hint(frame: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(frame);
  }

  finish(answer: string): void {
    this.answer = answer;
    this.unsent.push(answer);
    this.flush();
  }

  comeAgain(socket: WebSocket | undefined): void {
    this.socket = socket;
    if (this.answer !== undefined && !this.unsent.includes(this.answer)) this.unsent.push(this.answer);
    this.flush();
  }

  private flush(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    for (const frame of this.unsent.splice(0)) this.socket.send(frame);
  }
}
