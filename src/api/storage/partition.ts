import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { PartitionParams } from '../../protocol/rest/schemas.ts'
import type { StorageContext } from '../storage-context.ts'

export function storagePartition(app: FastifyInstance, { broker }: StorageContext): void {
  const schema = { summary: 'A replica on this node: its role, epochs and log.', params: PartitionParams }
  app.get<{ Params: PartitionParams }>('/partitions/:name/:id', { schema }, ({ params: { name, id } }) => {
    const partition = broker.partition(name, id)
    if (partition !== null) return partition
    throw new DmqError(
      'UNKNOWN_PARTITION',
      `this storage node holds no replica of partition ${name.slice(0, 300)}-${id}`,
    )
  })
}
