import type { MirrorLag } from '../../mirror/follower.ts'
import type { Exposition } from './exposition.ts'

/** `lag` is null on a node that is not the controller: it mirrors nothing. */
export function mirrorMetrics(exposition: Exposition, mirror: { lag(): MirrorLag | null }): void {
  const lag = exposition.once(() => mirror.lag())
  exposition.gauge(
    { name: 'dmq_mirror_lag_versions', help: 'Versions of the metadata that the SQL mirror lacks.' },
    () => lag()?.versions ?? null,
  )
  exposition.gauge(
    { name: 'dmq_mirror_lag_seconds', help: 'For how long the SQL mirror has lacked something.' },
    () => inSeconds(lag()?.ms),
  )
  exposition.gauge(
    { name: 'dmq_mirror_connected', help: '1: the database of the SQL mirror answers.' },
    () => {
      const now = lag()
      return now === null ? null : Number(now.connected)
    },
  )
}

function inSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1_000
}
