import type { ErrorCode } from '../base/errors.ts'
import type { Change } from './change.ts'

/** Nothing happens, and this is why. */
export type Rejection = {
  readonly rejected: ErrorCode
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * Of a command made of parts that succeed or fail by themselves: `results` says why a part was rejected (null: it was not);
 * `unchanged` names the parts, by their position, that were not rejected and had nothing to do.
 */
export type PartResults = {
  readonly results?: readonly (Rejection | null)[]
  readonly unchanged?: readonly number[]
}

export function partResultsOf({ results, unchanged }: PartResults): PartResults {
  return { ...(results === undefined ? {} : { results }), ...(unchanged === undefined ? {} : { unchanged }) }
}

/** What is to be written, all of it or nothing. No changes: what was asked for is so already. */
export type Plan = PartResults & { readonly changes: readonly Change[] }

/** What a command comes to on an image. Depends on nothing but its arguments. */
export type Decision = Rejection | Plan

/** When and at which version a command is applied. */
export type Moment = { readonly version: number; readonly time: number }

export function reject(rejected: ErrorCode, message: string, details?: Rejection['details']): Rejection {
  return details === undefined ? { rejected, message } : { rejected, message, details }
}
