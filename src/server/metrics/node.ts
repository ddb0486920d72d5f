import type { Readiness } from '../../api/operations/health.ts'
import type { Exposition } from './exposition.ts'

/** Which process this is, and whether it is ready. */
export function nodeMetrics(
  exposition: Exposition,
  node: { readonly id: number; readonly kind: 'metadata' | 'storage'; readonly version: string },
  readiness: () => Readiness,
): void {
  exposition.gauges(
    {
      name: 'dmq_node_info',
      help: 'Always 1; the labels tell which node this is.',
      labels: ['id', 'kind', 'version'],
    },
    tell => tell(1, node),
  )
  exposition.gauge(
    { name: 'dmq_ready', help: '1: GET /health/ready answers 200; 0: it tells the reasons why not.' },
    () => Number(readiness().ready),
  )
}
