import type { Exposition } from './exposition.ts'

/** How far the SQL mirror is behind the metadata. */
export type MirrorLag = { readonly versions: number; readonly ms: number; readonly connected: boolean }

export function mirrorMetrics(exposition: Exposition, mirror: { lag(): MirrorLag }): void {
  const lag = exposition.once(() => mirror.lag())
  exposition.gauge(
    { name: 'dmq_mirror_lag_versions', help: 'Versions of the metadata that the SQL mirror lacks.' },
    () => lag().versions,
  )
  exposition.gauge(
    { name: 'dmq_mirror_lag_seconds', help: 'For how long the SQL mirror has lacked something.' },
    () => lag().ms / 1_000,
  )
  exposition.gauge({ name: 'dmq_mirror_connected', help: '1: the database of the SQL mirror answers.' }, () =>
    Number(lag().connected),
  )
}
