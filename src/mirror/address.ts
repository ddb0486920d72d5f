import { FatalError } from '../base/errors.ts'

/** Where the mirror is. `shown` is for people, and has no password. */
export type MirrorAddress = { readonly shown: string } & (
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'postgres'
      readonly url: string
      readonly username: string | null
      readonly password: string | null
    }
)

export type Credentials = { readonly username: string | null; readonly password: string | null }

const NOBODY: Credentials = { username: null, password: null }

/** Parameters of a JDBC URL that mean something here; the others are settings of the Java driver. */
const JDBC_PARAMETERS: Readonly<Record<string, string>> = {
  sslmode: 'sslmode',
  currentSchema: 'search_path',
  options: 'options',
}

/** Reads `sqlite:PATH` or `postgres://…`, either of them also as JDBC writes it. The URL's own user and password go first. */
export function mirrorAddress(given: string, credentials: Credentials = NOBODY): MirrorAddress {
  const url = given.replace(/^jdbc:/, '')
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')))
  switch (scheme) {
    case 'sqlite':
      return sqliteAddress(url.slice('sqlite:'.length))
    case 'postgres':
    case 'postgresql':
      return postgresAddress(url, url === given, credentials)
    default:
      // The address may hold a password: it is not repeated.
      throw new FatalError(`the mirror is "sqlite:PATH" or "postgres://…"; ${schemeShown(scheme)} was given`)
  }
}

/** Whether an address names a database that the mirror can be in. */
export function isMirrorAddress(given: string): boolean {
  return /^(jdbc:)?(sqlite|postgres|postgresql):/.test(given)
}

function schemeShown(scheme: string): string {
  return scheme === '' ? 'something without a scheme' : JSON.stringify(`${scheme}:…`)
}

function sqliteAddress(path: string): MirrorAddress {
  if (path === '' || path === ':memory:')
    throw new FatalError(
      'the mirror in SQLite needs a file: sqlite:PATH, as in sqlite:/var/lib/dmq/mirror.db',
    )
  return { kind: 'sqlite', path, shown: `sqlite:${path}` }
}

function postgresAddress(given: string, plain: boolean, credentials: Credentials): MirrorAddress {
  const url = parse(given)
  const user = { username: url.searchParams.get('user'), password: url.searchParams.get('password') }
  const username = decodeURIComponent(url.username) || user.username || credentials.username
  const password = decodeURIComponent(url.password) || user.password || credentials.password
  const parameters = plain ? ownParameters(url) : jdbcParameters(url)
  url.username = ''
  url.password = ''
  url.search = ''
  const shown = url.href
  url.search = parameters.toString()
  return { kind: 'postgres', url: url.href, username, password, shown }
}

function parse(given: string): URL {
  const url = URL.parse(given.replace(/^postgresql:/, 'postgres:'))
  if (url !== null && url.host !== '') return url
  throw new FatalError(
    'the URL of the mirror cannot be read: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the ' +
      'password escaped as in a URL (@ as %40)',
  )
}

function ownParameters(url: URL): URLSearchParams {
  return new URLSearchParams([...url.searchParams].filter(([name]) => name !== 'user' && name !== 'password'))
}

function jdbcParameters(url: URL): URLSearchParams {
  const known = [...url.searchParams].flatMap(([name, value]): [string, string][] => {
    const ours = JDBC_PARAMETERS[name]
    return ours === undefined ? [] : [[ours, value]]
  })
  return new URLSearchParams(known)
}
