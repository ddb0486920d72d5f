import { DmqError } from '../base/errors.ts'
import type { Consensus, Leadership } from '../consensus/consensus.ts'
import type { Clock } from '../io/clock.ts'
import type { ClusterKey } from '../io/cluster-key.ts'
import type { HttpClient } from '../io/http-client.ts'
import type { Random } from '../io/random.ts'
import type { FeatureLevels } from '../metadata/features.ts'
import { type AutomaticMoveOptions, AutomaticMoves } from './automatic-moves.ts'
import { BrokerLifecycle } from './broker-lifecycle.ts'
import type { BrokerLinks } from './broker-links.ts'
import type { ControllerEvents } from './events.ts'
import { beginWith } from './first-levels.ts'
import { HeartbeatTally } from './heartbeat-tally.ts'
import { InSyncReplicas } from './in-sync-replicas.ts'
import { LeaderElections } from './leader-elections.ts'
import { LinkWatch } from './link-watch.ts'
import { MetadataReports } from './metadata-reports.ts'
import { MoveThrottle } from './move-throttle.ts'
import type { ResourcesOf } from './placement/image-view.ts'
import { Proposer } from './proposer.ts'
import { Publisher } from './publisher.ts'
import type { Replica } from './replica.ts'
import { ReplicaMoves } from './replica-moves.ts'
import { tell } from './story.ts'
import { Topics } from './topics.ts'

export type ControllerOptions = {
  readonly nodeId: number
  readonly url: string
  readonly sessionTimeoutMs: number
  /** How long a broker is ONLINE before the leaderships it is preferred for go back to it; 0: never by themselves. */
  readonly leaderBalanceDelayMs: number
  /** Of features, in a cluster that is founded now. */
  readonly firstLevels: FeatureLevels
  readonly moves: AutomaticMoveOptions
  /** At most so many partitions are moved at the same time, while no operator said otherwise. */
  readonly movesMax: number
}

export type ControllerParts = {
  readonly consensus: Consensus
  readonly replica: Replica
  readonly clock: Clock
  readonly random: Random
  readonly key: ClusterKey
  readonly http: HttpClient
  /** The sessions that storage nodes hold with this node. */
  readonly links: BrokerLinks
  readonly events: ControllerEvents
}

/** The duties of the controller, with all their soft state; they end with the leadership. */
export type Reign = {
  readonly term: number
  readonly proposer: Proposer
  readonly topics: Topics
  readonly brokers: BrokerLifecycle
  readonly isrs: InSyncReplicas
  readonly elections: LeaderElections
  readonly moves: ReplicaMoves
  readonly throttle: MoveThrottle
  readonly automaticMoves: AutomaticMoves
  readonly publisher: Publisher
  readonly linkWatch: LinkWatch
  readonly reports: MetadataReports
}

/**
 * The door of the room: what the metadata node does while it is the controller. Every decision reads the image and
 * becomes one command; nothing but applying that command writes the image.
 */
export class Controller {
  readonly #options: ControllerOptions
  readonly #parts: ControllerParts
  #reign: Reign | null = null
  /** Of all leaderships of this process, like the heartbeats. */
  readonly pushTally = { done: 0, failed: 0 }
  readonly heartbeats = new HeartbeatTally()

  constructor(options: ControllerOptions, parts: ControllerParts) {
    this.#options = options
    this.#parts = parts
    parts.replica.onChange((command, changes) => {
      if (this.#reign === null) return
      this.#reign.publisher.publish()
      tell(parts.events, parts.replica.image, command, changes)
    })
    parts.links.onLost((brokerId, brokerEpoch) => this.#reign?.brokers.connectionLost(brokerId, brokerEpoch))
  }

  /** Takes up or lays down the duties of the controller. Called with every change of leadership. */
  leadershipChanged(leadership: Leadership): void {
    const goesOn = leadership.ready && this.#reign?.term === leadership.term
    if (goesOn) return
    this.stop()
    if (leadership.ready) this.#reign = this.#begin(leadership)
  }

  stop(): void {
    const reign = this.#reign
    this.#reign = null
    if (reign === null) return
    reign.proposer.end()
    reign.brokers.end()
    reign.elections.end()
    reign.automaticMoves.end()
    reign.linkWatch.end()
    reign.publisher.stop()
  }

  /** Throws NOT_CONTROLLER. */
  get reign(): Reign {
    if (this.#reign === null) throw new DmqError('NOT_CONTROLLER', 'this node is not the controller')
    return this.#reign
  }

  /** What a broker has, as far as this node knows: brokers tell the controller alone. */
  readonly resourcesOf: ResourcesOf = broker =>
    this.#reign?.brokers.reports.resourcesOf(broker) ?? broker.resources

  /** Null while another node is the controller: what only the controller knows is not known here. */
  get reignOrNull(): Reign | null {
    return this.#reign
  }

  #begin({ term }: Leadership): Reign {
    const { sessionTimeoutMs, leaderBalanceDelayMs, firstLevels } = this.#options
    const proposer = new Proposer(this.#parts)
    const parts = { ...this.#parts, proposer }
    void beginWith(firstLevels, parts)
    const publisher = new Publisher(this.#identity(term), { ...this.#parts, tally: this.pushTally })
    const pushedVersion = (brokerId: number): number => publisher.versionOf(brokerId)
    const brokers = new BrokerLifecycle(sessionTimeoutMs, {
      ...parts,
      pushedVersion,
      becameLate: () => {
        this.heartbeats.late += 1
      },
    })
    publisher.publish()
    const placing = { ...parts, resourcesOf: this.resourcesOf }
    const throttle = new MoveThrottle(this.#options.movesMax, parts)
    const moving = { ...placing, throttle }
    return {
      term,
      proposer,
      brokers,
      publisher,
      linkWatch: new LinkWatch(sessionTimeoutMs, parts),
      reports: new MetadataReports(parts),
      topics: new Topics(placing),
      isrs: new InSyncReplicas({ ...parts, brokers }),
      elections: new LeaderElections(leaderBalanceDelayMs, parts),
      throttle,
      moves: new ReplicaMoves(moving),
      automaticMoves: new AutomaticMoves(this.#options.moves, moving),
    }
  }

  #identity(controllerTerm: number) {
    const { clusterId, recoveryEpoch } = this.#parts.consensus.status()
    const { nodeId: controllerId, url: controllerUrl } = this.#options
    return { clusterId: clusterId ?? '', recoveryEpoch, controllerTerm, controllerId, controllerUrl }
  }
}
