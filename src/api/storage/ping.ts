import { Type } from 'typebox'
import type { StorageContext } from '../storage-context.ts'

/** The controller has heard nothing on the session for a while: that this is answered is all it wants to know. */
export function storagePing({ doors }: StorageContext): void {
  doors.add('ping', Type.Object({}, { additionalProperties: true }), () => ({}))
}
