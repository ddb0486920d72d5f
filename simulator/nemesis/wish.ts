import type { Configuration } from '../../src/raft/voters.ts'
import type { Chance } from '../chance.ts'
import type { Cluster } from '../cluster/cluster.ts'

const VOTERS_MAX = 7

/** The members that somebody wants. */
export type Wish = {
  readonly voters: readonly number[]
  /** Those among them that leave first, and join again on an empty drive. */
  readonly renewed: Set<number>
}

export function drawWish(
  cluster: Cluster,
  chance: Chance,
  { voters }: Configuration,
  leader: number | null,
): Wish {
  const ids = voters.map(({ id }) => id)
  const others = cluster.ids.filter(id => !ids.includes(id))
  const leaves = leader !== null && ids.includes(leader) && chance.happens(0.4) ? leader : chance.pick(ids)
  const without = ids.filter(id => id !== leaves)
  const broken = ids.filter(id => isBroken(cluster, voters.find(voter => voter.id === id)!))
  const draw = chance.fraction()
  if (broken.length > 0 && draw < 0.5) return { voters: ids, renewed: new Set([chance.pick(broken)]) }
  if (others.length > 0 && draw < 0.25 && ids.length < VOTERS_MAX) return all([...ids, chance.pick(others)])
  if (others.length > 0 && draw < 0.5) return all([...without, chance.pick(others)])
  if (without.length > 0 && draw < 0.7) return all(without)
  if (without.length > 0 && draw < 0.85) return { voters: ids, renewed: new Set([leaves]) }
  return all(
    chance.shuffled(cluster.ids).slice(0, chance.between(1, Math.min(VOTERS_MAX, cluster.ids.length))),
  )
}

function all(voters: readonly number[]): Wish {
  return { voters, renewed: new Set() }
}

function isBroken(cluster: Cluster, { id, uuid }: { id: number; uuid: string }): boolean {
  const { drive } = cluster.machine(id)
  return drive.uuid !== uuid || drive.rotten
}

export function isFulfilled({ voters, renewed }: Wish, configuration: Configuration): boolean {
  const ids = configuration.voters.map(({ id }) => id)
  const same = ids.length === voters.length && voters.every(id => ids.includes(id))
  return same && renewed.size === 0 && configuration.learners.length === 0
}
