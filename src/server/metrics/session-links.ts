import type { Exposition } from './exposition.ts'

/** Connections that storage nodes keep open with the controller; counts are since the process started. */
export type LinkStatus = { readonly open: number; readonly opened: number; readonly closed: number }

export function sessionLinkMetrics(exposition: Exposition, links: { status(): LinkStatus }): void {
  const status = exposition.once(() => links.status())
  exposition.gauge(
    { name: 'dmq_session_links', help: 'Open session links of storage nodes.' },
    () => status().open,
  )
  exposition.counter(
    { name: 'dmq_session_links_opened_total', help: 'Session links that were opened.' },
    () => status().opened,
  )
  exposition.counter(
    { name: 'dmq_session_links_closed_total', help: 'Session links that were closed.' },
    () => status().closed,
  )
}
