import { MemoryDisk } from '../../test/unit/log/memory-disk.ts'
import type { Chance } from '../chance.ts'
import type { MachineClock } from '../world/virtual-clock.ts'
import type { BrokerProcess } from './broker-process.ts'
import type { PartitionLog } from './partition-log.ts'

export const DATA_FOLDER = '/data'

/** A machine of a storage node: what outlives its processes. */
export class BrokerMachine {
  readonly id: number
  readonly rack: string
  readonly clock: MachineClock
  readonly chance: Chance
  /** The proof of a clean stop, and the copy of the metadata. */
  disk = emptyDisk()
  readonly logs = new Map<string, PartitionLog>()
  process: BrokerProcess | null = null
  /** Somebody keeps it down until this time. */
  downUntil = 0
  powered = true
  /** No process has lost anything: the last one stopped cleanly, and those before it back to one that was registered. */
  holdsAll = false

  constructor(id: number, rack: string, clock: MachineClock, chance: Chance) {
    this.id = id
    this.rack = rack
    this.clock = clock
    this.chance = chance
  }

  /** Returns how many records are lost. The process must be gone. */
  losePower(): number {
    this.disk = this.disk.outage((_, versions) => this.chance.between(0, versions - 1))
    let lost = 0
    for (const log of this.logs.values()) lost += log.losePower(this.chance.fraction())
    return lost
  }

  loseDisk(): void {
    this.disk = emptyDisk()
    this.logs.clear()
    this.holdsAll = false
  }

  flush(): void {
    for (const log of this.logs.values()) log.flush()
  }
}

function emptyDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.makeFolder(DATA_FOLDER)
  return disk
}
