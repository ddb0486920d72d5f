import { randomUUID } from 'node:crypto'
import type { Random } from './random.ts'

export const nodeRandom: Random = {
  fraction: () => Math.random(),
  uuid: () => randomUUID(),
}
