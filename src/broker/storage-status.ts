import type { Image } from '../metadata/image.ts'

/** The replicas of a broker as its status shows them. Storage nodes hold no records yet: their logs are empty, and say so. */
export function partitionsOf(image: Image, brokerId: number) {
  return image.rowsWithReplicaOn(brokerId).map(row => {
    const { topicId, id, leader, leaderEpoch } = image.partition(row)
    return {
      topic: image.topicById(topicId)!.name,
      partition: id,
      role: leader === brokerId ? 'LEADER' : 'FOLLOWER',
      leader,
      leaderEpoch,
      leo: 0,
      highWatermark: 0,
      lag: 0,
    }
  })
}
