import { setTimeout as pause } from 'node:timers/promises'
import type { Session } from './session.ts'

const CONTROLLER = '/api/v1/metadata/controller'
/** Longer than an election takes. */
const PATIENCE_MS = 2_000
const POLL_MS = 100

type ControllerView = { url: string; nodeState: string }

/**
 * Reads what the controller alone knows in full: that a broker is late, when it was heard, and what it reports of itself. While
 * there is no controller any node answers by its copy, and the user is told so.
 */
export async function readAtController<T>(session: Session, path: string): Promise<T> {
  const { client, note, timeoutMs } = session
  const until = performance.now() + Math.min(PATIENCE_MS, timeoutMs)
  do {
    const answer = await atController<T>(session, path)
    if (answer !== null) return answer
    await pause(POLL_MS)
  } while (performance.now() < until)
  const answer = await client.send<T>({ method: 'GET', path })
  note(
    'NO_CONTROLLER',
    'no controller answers: this is what another metadata node knows, which hears no heartbeats and knows of no broker whether it is UNREACHABLE',
  )
  return answer
}

/** Null: nobody says of itself that it is the controller, or it was gone before it answered. */
async function atController<T>({ client }: Session, path: string): Promise<T | null> {
  for (const asked of client.urls) {
    const view = await client.askOne<ControllerView>(asked, { method: 'GET', path: CONTROLLER })
    if (view === null) continue
    // A node may name a controller that is none any more.
    const url = view.nodeState === 'LEADER' ? asked : view.url
    const self =
      url === asked ? view : await client.askOne<ControllerView>(url, { method: 'GET', path: CONTROLLER })
    if (self?.nodeState !== 'LEADER') continue
    const answer = await client.askOne<T>(url, { method: 'GET', path })
    if (answer !== null) return answer
  }
  return null
}
