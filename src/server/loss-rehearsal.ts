import type { Replica } from '../controller/replica.ts'
import type { Clock, Timer } from '../io/clock.ts'
import { REHEARSAL_ROUNDS, rehearseLoss } from '../metadata/rehearsal.ts'

/** With less, a broker leads so little that its loss is a short turn of the loop even when it is the first. */
const PARTITIONS_MIN = 100_000
/** Between two rounds, so that whatever else this process has to do goes first. */
const PAUSE_MS = 50

/** Rehearses the loss of a broker, in pauses, once the cluster is so large that the first real one would hold up everybody. */
export class LossRehearsal {
  readonly #clock: Pick<Clock, 'timer'>
  #round = 0
  #timer: Timer | null = null

  constructor(replica: Pick<Replica, 'image' | 'onChange'>, clock: Pick<Clock, 'timer'>) {
    this.#clock = clock
    const look = (): void => {
      if (this.#timer === null && replica.image.partitionCount >= PARTITIONS_MIN) this.#next()
    }
    replica.onChange(look)
    look()
  }

  stop(): void {
    this.#round = REHEARSAL_ROUNDS
    this.#timer?.cancel()
  }

  #next(): void {
    if (this.#round >= REHEARSAL_ROUNDS) return
    this.#timer = this.#clock.timer(PAUSE_MS, () => {
      rehearseLoss(this.#round++)
      this.#next()
    })
  }
}
