import type { BrokerEvents } from '../../src/broker/events.ts'
import type { ControllerEvents } from '../../src/controller/events.ts'
import type { Command } from '../../src/metadata/command.ts'
import type { Image } from '../../src/metadata/image.ts'
import { countOf } from '../../src/metadata/replication.ts'
import type { Chance } from '../chance.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { BrokerInvariants, type VersionObserver } from '../invariants/brokers.ts'
import { checkFencing } from '../invariants/brokers-fencing.ts'
import { show } from '../invariants/brokers-names.ts'
import { PaceInvariants } from '../invariants/brokers-pace.ts'
import { RecordInvariants } from '../invariants/brokers-records.ts'
import { Violation } from '../invariants/violation.ts'
import { drawPlan, type Plan } from '../plan.ts'
import { Run, type RunOptions, type RunResult, resultOf } from '../run.ts'
import type { Witness, WitnessParts } from '../witness.ts'
import type { BrokerCounter } from './coverage.ts'
import { InSyncLogs } from './in-sync-logs.ts'
import { BrokerLiveness } from './liveness.ts'
import { BrokerNemesis } from './nemesis.ts'
import { Operator } from './operator.ts'
import type { PartitionReplica } from './partition-replica.ts'
import { type BrokerPlan, calmer, drawBrokerPlan } from './plan.ts'
import { brokerPathsOf, pathsOf } from './tally.ts'
import { BrokerWitness } from './witness.ts'
import { BrokerWorkload } from './workload.ts'
import { BrokerWorld } from './world.ts'

/** One seed with storage nodes. */
export function runBrokerSeed(options: RunOptions & { readonly brokers: number }): Promise<RunResult> {
  return resultOf(new BrokerRun(options), options.seed)
}

const COPIED_BY = {
  push: 'copiesByPush',
  pull: 'copiesByPull',
  snapshot: 'copiesBySnapshot',
  disk: 'copiesFromDisk',
} as const

/** The whole system: metadata nodes with their controller, storage nodes with logs, producers and operators. */
export class BrokerRun extends Run {
  readonly brokerPlan: BrokerPlan
  readonly invariants: BrokerInvariants
  readonly recordInvariants: RecordInvariants
  readonly #inSyncLogs: InSyncLogs
  readonly world: BrokerWorld
  readonly records: BrokerWorkload
  readonly operator: Operator
  readonly brokerNemesis: BrokerNemesis
  readonly #pace = new PaceInvariants()
  readonly #decommissioned = new Set<string>()

  constructor(options: RunOptions & { readonly brokers: number }) {
    super(options)
    // Nobody writes past the controller.
    this.workload.stopped = true
    const chance = this.chance.fork()
    const coverage = this.coverage
    this.brokerPlan = drawBrokerPlan(chance.fork(), options.brokers)
    const { careful, controller } = this.brokerPlan
    const given = { mayLose: !careful, movesMax: controller.movesMax }
    this.invariants = new BrokerInvariants(seen => this.#versionSeen(seen), given)
    this.recordInvariants = new RecordInvariants(this.invariants.trust, () =>
      coverage.add('committedRecordsLost'),
    )
    this.world = new BrokerWorld(this.cluster, this.brokerPlan, chance.fork(), {
      replicas: this.#replicaObserver(),
      brokers: brokerId => this.#brokerEvents(brokerId),
      controller: this.#controllerEvents(),
      asked: (from, to, { path }) => {
        if (path.endsWith('/controller')) this.#guarded(() => this.#pace.asked(from, to, this.timeline.now))
      },
      started: process => this.invariants.trust.started(process),
      copied: (brokerId, version, hash) =>
        this.#guarded(() => this.invariants.copied(brokerId, version, hash)),
      bug: error =>
        this.witness.fail(
          error instanceof Violation ? error : new Violation('bug', String((error as Error).stack)),
        ),
    })
    const { world } = this
    this.#inSyncLogs = new InSyncLogs(world, this.invariants, this.recordInvariants)
    this.records = new BrokerWorkload({
      world,
      chance: chance.fork(),
      records: this.recordInvariants,
      coverage,
    })
    this.operator = new Operator({ world, chance: chance.fork(), workload: this.records, coverage })
    this.brokerNemesis = new BrokerNemesis({
      world,
      moves: this.operator,
      chance: chance.fork(),
      coverage,
      trace: this.trace,
      allInSync: () => this.#allInSync(),
      strikeController: ms => {
        const machine = this.workload.leader()
        if (machine !== null) this.nemesis.machines.strike('kill', machine, ms)
      },
    })
  }

  protected override drawPlan(chance: Chance, options: RunOptions): Plan {
    return calmer(drawPlan(chance, options.nodes), chance, options.nodes)
  }

  protected override newWitness(parts: WitnessParts): Witness {
    return new BrokerWitness(parts, {
      opened: process => {
        this.invariants.watch(process)
        this.world.opened(process)
      },
      changed: (process, leadership) => {
        if (leadership.ready) this.#countFailover()
        this.world.desk(process)?.changed(leadership)
      },
    })
  }

  protected override async phases(): Promise<void> {
    this.trace.note(0, 'plan', () => JSON.stringify(this.brokerPlan))
    await this.found()
    this.brokerNemesis.boot()
    const { timeline, world } = this
    const registered = () =>
      (this.operator.image?.brokers() ?? []).filter(({ status }) => status === 'ONLINE')
    await this.until(() => registered().length === world.machines.length, 20_000, 'all brokers are ONLINE')
    this.operator.start()
    this.records.start()
    this.nemesis.start()
    this.brokerNemesis.start()
    await this.advance(timeline.now + this.plan.chaosMs)
    await new BrokerLiveness(this).play()
  }

  /** Nobody misses anything, by the newest metadata. */
  #allInSync(): boolean {
    const { image } = this.operator
    if (image === null || image.version !== this.invariants.version) return false
    const full = image.topicNames
      .flatMap(name => image.partitionsOf(image.topic(name)!))
      .every(({ isr, replicas }) => countOf(isr) === replicas.length)
    // Whoever was started again and has not registered yet is not known to have been away.
    const isThere = (epoch: number | null | undefined, id: number): boolean =>
      image.isActive(id) && image.broker(id)?.brokerEpoch === epoch
    return full && this.world.machines.every(({ id, process }) => isThere(process?.node.brokerEpoch, id))
  }

  /** A controller takes over while a broker is away that the metadata takes to be there. */
  #countFailover(): void {
    const image = this.cluster.processes.find(({ node }) => node !== null)?.node?.replica.image
    const away = this.world.machines.some(
      ({ id, process }) => process === null && image?.isActive(id) === true,
    )
    if (away) this.coverage.add('failoversDuringBrokerLoss')
  }

  /** What is thrown in the middle of the code under test would be taken for a failure of it. */
  #guarded(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.witness.fail(error as Error)
      throw error
    }
  }

  #versionSeen({ process, image, command, partitions, brokers }: Parameters<VersionObserver>[0]): void {
    this.#checkFencing(process, command)
    const count = (counters: readonly BrokerCounter[]): void => {
      for (const counter of counters) this.coverage.add(counter)
    }
    this.trace.note(0, 'version', () => `${image.version}: ${JSON.stringify(command)}`)
    for (const { before, now } of partitions) {
      this.trace.note(0, 'becomes', () => show(image, now))
      if (before !== null) count(pathsOf(command, before, now))
    }
    if (command.type === 'UpdateISRCommand') this.#inSyncLogs.changed(partitions)
    for (const { before, now } of brokers) {
      this.trace.note(
        0,
        'broker',
        () => `${now.brokerId} is ${now.status}: ${now.statusReason}, epoch ${now.brokerEpoch}`,
      )
      count(brokerPathsOf(command, before, now))
    }
    this.#countDecommissions(image)
  }

  #checkFencing(process: MetadataProcess, command: Command): void {
    if (command.type !== 'UpdateBrokerStatusCommand') return
    const desk = this.world.desk(process)
    const reigns = desk !== undefined && desk.controller.reignOrNull !== null
    checkFencing({
      command,
      reignMs: reigns ? this.timeline.now - desk.reignsSince : null,
      sessionTimeoutMs: this.brokerPlan.controller.sessionTimeoutMs,
      process: this.world.machine(command.brokerId).process,
    })
  }

  #countDecommissions(image: Image): void {
    for (const { brokerId, drain } of image.brokers()) {
      if (drain?.mode !== 'DECOMMISSION' || drain.replicas === 0) continue
      const name = `${brokerId} ${drain.since}`
      if (this.#decommissioned.has(name) || image.rowsWithReplicaOn(brokerId).length > 0) continue
      this.#decommissioned.add(name)
      this.coverage.add('decommissionsCompleted')
    }
  }

  #replicaObserver() {
    const said = (replica: PartitionReplica, what: string): void =>
      this.trace.note(
        replica.brokerId,
        what,
        () =>
          `${replica.key} in epoch ${replica.epoch}, end ${replica.log.end}, committed ${replica.log.highWatermark}`,
      )
    return {
      leads: (replica: PartitionReplica) =>
        this.#guarded(() => {
          const { key, brokerId, epoch, log } = replica
          said(replica, 'leads')
          this.invariants.acts(key, brokerId, epoch)
          this.recordInvariants.leads(key, brokerId, epoch, log)
        }),
      leadsNoMore: (replica: PartitionReplica) => {
        said(replica, 'resigns')
        this.recordInvariants.leadsNoMore(replica.key, replica.brokerId)
      },
      commits: (replica: PartitionReplica) =>
        this.#guarded(() => {
          said(replica, 'commits')
          this.#inSyncLogs.commits(replica)
        }),
      truncated: (records: number) => {
        if (records > 0) this.coverage.add('logsTruncated')
      },
    }
  }

  #brokerEvents(brokerId: number): BrokerEvents {
    const { trace } = this
    const note = (what: string) => (event: object) => trace.note(brokerId, what, () => JSON.stringify(event))
    return {
      controllerFound: note('follows'),
      controllerLost: note('loses'),
      registered: note('registers'),
      registrationRefused: note('refused'),
      sessionRefused: note('session'),
      keyOther: note('key'),
      keySame: note('key'),
      status: note('status'),
      paired: () => {},
      metadata: ({ by }) => this.coverage.add(COPIED_BY[by]),
      metadataRefused: note('pull'),
      diverged: event => this.#diverged(event),
      copyDamaged: note('copy'),
      copyNotSaved: note('copy'),
    }
  }

  /** Storage nodes find it, and controllers. */
  #diverged(event: object): void {
    this.witness.fail(new Violation('B5', `a copy is found to be wrong: ${JSON.stringify(event)}`))
  }

  #controllerEvents(): ControllerEvents {
    const nothing = (): void => {}
    return {
      brokerRegistered: nothing,
      brokerAmended: nothing,
      brokerStatus: nothing,
      brokerDrained: nothing,
      manyLost: () => this.coverage.add('controllersSuspectedThemselves'),
      leadersElected: nothing,
      replicasAltered: nothing,
      brokerUnregistered: nothing,
      topicCreated: nothing,
      topicDeleted: nothing,
      topicChanged: nothing,
      isrChanged: nothing,
      featuresRaised: nothing,
      rebalance: nothing,
      movesThrottled: nothing,
      pushFailed: nothing,
      pushRecovered: nothing,
      diverged: event => this.#diverged(event),
      metadataBehind: nothing,
    }
  }
}
