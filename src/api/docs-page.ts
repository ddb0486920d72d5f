type Schema = Record<string, unknown> & {
  type?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  const?: unknown
  description?: string
}
type Operation = {
  summary?: string
  description?: string
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses?: Record<string, { description?: string }>
}

/** A readable page of the OpenAPI document: no script, nothing loaded from elsewhere. */
export function docsPage(document: unknown): string {
  const { info, paths = {} } = document as {
    info: { title: string; version: string }
    paths?: Record<string, Record<string, Operation>>
  }
  const sections = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => section(method.toUpperCase(), path, operation)),
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${html(info.title)}</title><style>${STYLE}</style>
<h1>${html(info.title)} <small>${html(info.version)}</small></h1>
<p>The same contract for programs: <a href="/openapi.json">/openapi.json</a>. Errors are <code>{"error": {"code", "message", "details"?}}</code>.</p>
${sections.join('\n')}</html>`
}

function section(
  method: string,
  path: string,
  { summary, description, parameters = [], requestBody, responses = {} }: Operation,
): string {
  const body = Object.values(requestBody?.content ?? {})[0]?.schema
  const rows = [
    ...parameters.map(parameter =>
      row(parameter.in, parameter.name, parameter.schema, parameter.required === true),
    ),
    ...Object.entries(body?.properties ?? {}).map(([name, schema]) =>
      row('body', name, schema, body?.required?.includes(name) === true),
    ),
  ]
  const table = rows.length === 0 ? '' : `<table>${rows.join('')}</table>`
  const statuses = Object.keys(responses).join(', ')
  return `<section><h2><b>${method}</b> <code>${html(path)}</code></h2>
<p>${html(summary ?? '')} ${html(description ?? '')}</p>${table}<p class="status">answers ${html(statuses)}</p></section>`
}

function row(place: string, name: string, schema: Schema | undefined, required: boolean): string {
  const note = required ? '' : ' <i>optional</i>'
  return `<tr><td>${place}<td><code>${html(name)}</code>${note}<td>${html(typeOf(schema))}<td>${html(schema?.description ?? '')}`
}

function typeOf(schema: Schema | undefined): string {
  if (schema === undefined) return ''
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`
  return schema.type ?? 'any'
}

function html(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}' +
  'h2{font-size:1rem;margin:2rem 0 .3rem;border-top:1px solid #ddd;padding-top:1rem}b{color:#0a6}' +
  'table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}.status,i{color:#777}'
