import { httpUrl } from '../base/http-url.ts'
import type { HttpSender } from '../io/http-client.ts'
import type { Broker } from '../metadata/broker.ts'

const PROBE_TIMEOUT_MS = 1_000

/**
 * Which process answers at a broker's address: its incarnation id; `gone` when the connection is refused, for then no
 * process listens there; `silent` when nothing can be concluded.
 */
export async function liveIncarnation(
  http: HttpSender,
  { host, port }: Broker,
): Promise<string | 'gone' | 'silent'> {
  try {
    const url = `${httpUrl(host, port)}/api/v1/storage/status`
    const answer = await http.send({ method: 'GET', url, timeoutMs: PROBE_TIMEOUT_MS })
    const { incarnationId } = (answer.body ?? {}) as { incarnationId?: unknown }
    return typeof incarnationId === 'string' ? incarnationId : 'silent'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'gone' : 'silent'
  }
}
