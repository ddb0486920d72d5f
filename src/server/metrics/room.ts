import type { RoomWatch } from '../room-watch.ts'
import type { Exposition } from './exposition.ts'

/** Room on the disk of the log. */
export function roomMetrics(exposition: Exposition, room: Pick<RoomWatch, 'freeBytes' | 'isLow'>): void {
  exposition.gauge(
    { name: 'dmq_disk_free_bytes', help: 'Room on the disk of the data directory, as of the last second.' },
    () => room.freeBytes,
  )
  exposition.gauge(
    { name: 'dmq_disk_low', help: '1: less is free than log.min-free-bytes; the controller refuses writes.' },
    () => Number(room.isLow),
  )
}
