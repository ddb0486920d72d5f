import type { RequestMeasures } from '../../api/request-measures.ts'
import type { Exposition } from './exposition.ts'

export function requestMetrics(exposition: Exposition, requests: RequestMeasures): void {
  exposition.counters(
    {
      name: 'dmq_http_requests_total',
      help: 'HTTP requests that were answered; route (none): there is no such endpoint.',
      labels: ['method', 'route', 'status'],
    },
    tell => {
      for (const { method, route, statuses } of requests.routes)
        for (const [status, count] of statuses) tell(count, { method, route, status })
    },
  )
  exposition.latencies(
    {
      name: 'dmq_http_request_duration_seconds',
      help: 'From a request to its answer; what waits on purpose (long polls, minVersion) included.',
      labels: ['method', 'route'],
    },
    tell => {
      for (const { method, route, latencyMs } of requests.routes) tell(latencyMs, { method, route })
    },
  )
}
