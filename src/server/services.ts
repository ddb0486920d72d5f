import { readFileSync } from 'node:fs'
import { FatalError, lineOf } from '../base/errors.ts'
import { httpUrl } from '../base/http-url.ts'

/** One process of the cluster, as `services.json` names it. */
export type Service = {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly url: string
  readonly rack: string | null
  readonly pairedId: number | null
}

/** The cluster as configured: addresses, and for an empty cluster who votes. */
export type Services = {
  readonly metadata: readonly Service[]
  readonly storage: readonly Service[]
  readonly electionTimeoutMs: number | null
}

type Json = Record<string, unknown>

/** Reads `services.json` in either of its two shapes. Every mistake stops the start with one clear line. */
export function readServices(path: string): Services {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new FatalError(
      `${path}: cannot be read as JSON (${lineOf(error)}). Name the file with --services or DMQ_SERVICES.`,
    )
  }
  return parseServices(json, path)
}

export function parseServices(json: unknown, path: string): Services {
  const root = object(json, path)
  const nested = 'services' in root
  const lists = nested ? object(root.services, `${path}: services`) : root
  const [metadataKey, storageKey] = nested
    ? ['metadata-services', 'storage-services']
    : ['metadataServices', 'storageServices']
  onlyKeys(root, nested ? ['services', 'controller'] : [metadataKey, storageKey, 'controller'], path)
  onlyKeys(lists, nested ? [metadataKey, storageKey] : [metadataKey, storageKey, 'controller'], path)
  const metadata = serviceList(lists[metadataKey], 'pairedStorageServiceId', `${path}: ${metadataKey}`)
  const storage = serviceList(lists[storageKey] ?? [], 'pairedMetadataServiceId', `${path}: ${storageKey}`)
  if (metadata.length === 0)
    throw new FatalError(`${path}: ${metadataKey} is empty; at least one metadata node is needed`)
  checkPairs(storage, metadata, `${path}: ${storageKey}`, metadataKey)
  checkPairs(metadata, storage, `${path}: ${metadataKey}`, storageKey)
  checkAddresses([...metadata, ...storage], path)
  return { metadata, storage, electionTimeoutMs: electionTimeout(root.controller, `${path}: controller`) }
}

function serviceList(value: unknown, pairKey: string, at: string): Service[] {
  if (!Array.isArray(value))
    throw new FatalError(`${at}: expected a list of services, got ${JSON.stringify(value)}`)
  const services = value.map((item, i) => service(item, pairKey, `${at}[${i}]`))
  for (const [i, { id }] of services.entries()) {
    if (services.findIndex(other => other.id === id) !== i)
      throw new FatalError(`${at}: id ${id} is there twice`)
  }
  return services
}

function service(value: unknown, pairKey: string, at: string): Service {
  const item = object(value, at)
  onlyKeys(item, ['id', 'host', 'port', 'url', 'rack', pairKey], at)
  const id = wholeNumber(item.id, `${at}.id`, 0, 2 ** 31 - 1)
  const { host, port } = address(item, at)
  const rack = item.rack === undefined ? null : text(item.rack, `${at}.rack`)
  const pairedId =
    item[pairKey] === undefined ? null : wholeNumber(item[pairKey], `${at}.${pairKey}`, 0, 2 ** 31 - 1)
  return { id, host, port, url: httpUrl(host, port), rack, pairedId }
}

/** From `url`, or `host` and `port`; where both are given they must agree. */
function address(item: Json, at: string): { host: string; port: number } {
  const given = {
    host: item.host === undefined ? null : text(item.host, `${at}.host`),
    port: item.port === undefined ? null : wholeNumber(item.port, `${at}.port`, 1, 65_535),
  }
  if (item.url === undefined) {
    if (given.host === null || given.port === null)
      throw new FatalError(`${at}: expected url, or host and port`)
    return { host: given.host, port: given.port }
  }
  const url = parseUrl(text(item.url, `${at}.url`), `${at}.url`)
  // URL writes hosts in lower case; upper case means nothing in them.
  const hostDiffers = given.host !== null && given.host.toLowerCase() !== url.host
  if (hostDiffers || (given.port !== null && given.port !== url.port)) {
    throw new FatalError(
      `${at}: url says ${url.host}:${url.port}, host and port say ${given.host ?? url.host}:${given.port ?? url.port}`,
    )
  }
  return url
}

function parseUrl(given: string, at: string): { host: string; port: number } {
  const url = URL.canParse(given) ? new URL(given) : null
  if (url === null || `http://${url.host}/` !== url.href) {
    throw new FatalError(`${at}: ${JSON.stringify(given)} is not of the form http://host:port`)
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 80 : Number(url.port) }
}

function checkPairs(from: readonly Service[], to: readonly Service[], at: string, other: string): void {
  for (const { id, pairedId } of from) {
    if (pairedId === null || to.some(service => service.id === pairedId)) continue
    throw new FatalError(`${at}: service ${id} is paired with ${pairedId}, which ${other} does not have`)
  }
}

function checkAddresses(services: readonly Service[], path: string): void {
  for (const [i, { url, id }] of services.entries()) {
    const before = services.slice(0, i).find(other => other.url === url)
    if (before !== undefined)
      throw new FatalError(`${path}: services ${before.id} and ${id} have the same address ${url}`)
  }
}

function electionTimeout(value: unknown, at: string): number | null {
  if (value === undefined) return null
  const controller = object(value, at)
  onlyKeys(controller, ['electionTimeoutMs'], at)
  if (controller.electionTimeoutMs === undefined) return null
  return wholeNumber(controller.electionTimeoutMs, `${at}.electionTimeoutMs`, 50, 600_000)
}

function object(value: unknown, at: string): Json {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Json
  throw new FatalError(`${at}: expected an object, got ${JSON.stringify(value)}`)
}

function onlyKeys(value: Json, keys: readonly string[], at: string): void {
  const unknown = Object.keys(value).find(key => !keys.includes(key))
  if (unknown !== undefined)
    throw new FatalError(`${at}: unknown key ${JSON.stringify(unknown)}; expected ${keys.join(', ')}`)
}

function text(value: unknown, at: string): string {
  if (typeof value === 'string' && value.length > 0) return value
  throw new FatalError(`${at}: expected a text, got ${JSON.stringify(value)}`)
}

function wholeNumber(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new FatalError(`${at}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(value)}`)
}
