import type { Restoration, StateMachine } from '../../../src/consensus/state-machine.ts'

/** The state machine at its plainest: its state is everything that was ever applied to it, and is told in small pieces. */
export class Tape implements StateMachine {
  texts: string[]
  /** Pieces that were pulled, and captures that were begun and not ended. */
  pulled = 0
  capturing = 0

  constructor(texts: readonly string[] = []) {
    this.texts = [...texts]
  }

  apply(index: number, _type: string, data: Uint8Array): string {
    const text = Buffer.from(data).toString()
    this.texts.push(text)
    return `${index} is ${text.slice(0, 8)}`
  }

  capture(): Iterable<Uint8Array> {
    this.capturing += 1
    return this.#pieces([...this.texts])
  }

  *#pieces(texts: readonly string[]): Generator<Uint8Array> {
    try {
      for (const text of texts) {
        this.pulled += 1
        yield Buffer.from(`+${text}`)
      }
      yield Buffer.from(`=${texts.length}`)
    } finally {
      this.capturing -= 1
    }
  }

  restore(): Restoration {
    const texts: string[] = []
    let end: number | null = null
    return {
      take: piece => {
        const text = Buffer.from(piece).toString()
        if (text.startsWith('+')) texts.push(text.slice(1))
        else if (text.startsWith('=')) end = Number(text.slice(1))
        else throw new Error(`no piece of a tape: ${text.slice(0, 10)}`)
      },
      end: () => {
        if (end !== texts.length) throw new Error(`the tape has ${texts.length} texts, not ${end}`)
      },
      install: () => {
        this.texts = texts
      },
    }
  }
}
