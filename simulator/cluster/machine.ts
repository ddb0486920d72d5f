import { FatalError } from '../../src/base/errors.ts'
import type { Chance } from '../chance.ts'
import type { Drive } from '../world/drive.ts'
import type { MachineClock } from '../world/virtual-clock.ts'
import type { MetadataProcess } from './metadata-process.ts'

/** A machine of the cluster: its clock, the drive in it, and the process that runs on it, if one does. */
export class Machine {
  readonly id: number
  readonly clock: MachineClock
  readonly chance: Chance
  /** Every drive that was ever in it; the last one may not be the recorded one. */
  readonly drives: Drive[]
  drive: Drive
  process: MetadataProcess | null = null
  /** Somebody wants a node to run here. */
  inService = true
  /** Somebody keeps it down until this time. */
  downUntil = 0

  constructor(id: number, clock: MachineClock, chance: Chance, drive: Drive) {
    this.id = id
    this.clock = clock
    this.chance = chance
    this.drive = drive
    this.drives = [drive]
  }

  insert(drive: Drive): void {
    if (this.process !== null) throw new FatalError('drives are changed while the machine is off')
    if (!this.drives.includes(drive)) this.drives.push(drive)
    this.drive = drive
  }
}
