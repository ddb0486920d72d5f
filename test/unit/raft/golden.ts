import type { NodeId } from '../../../src/raft/entry.ts'
import type { Envelope } from '../../../src/raft/message.ts'
import type { Configuration } from '../../../src/raft/voters.ts'
import { diskOf, Node, TIMING, voter } from './node.ts'
import { Safety } from './safety.ts'
import { say } from './say.ts'

/**
 * Runs a golden script: a paragraph that tells the scenario, then commands, each behind `> ` and followed by what came of
 * it. Nothing happens by itself but writes to disks that are not `slow`. Returns the script with its outcomes as they are.
 *
 * | command | what it does |
 * |---|---|
 * | `voters 3`, `voters 3 small` | founded voters 1 to 3; their logs hold the founding entry; one entry per append |
 * | `log 2: 1 1 2`, `log 2: 1 1 2 term 4` | node 2 starts with entries of these terms, and has seen term 4 |
 * | `empty 4` | a node on an empty disk |
 * | `campaign 1` | every lease has run out, and the timer of node 1 fires |
 * | `lead 1` | the same, and everything settles, untold |
 * | `wait 50`, `tick 1` | the clock moves on, for everybody; the timer of node 1 fires, if it is due |
 * | `deliver`, `deliver 1>2`, `deliver 1>2 2` | what is under way arrives: all, on one link, the first two of it |
 * | `double 1>2`, `drop 1>2`, `drop` | it arrives and stays under way; it is lost |
 * | `settle` | everything arrives until nothing is under way; only what changes is told |
 * | `slow 1`, `write 1`, `write 1 2` | the writes of node 1 wait; all of them, the first two become durable |
 * | `crash 1`, `start 1` | node 1 loses what is not on its disk; it starts |
 * | `broken 1 3` | node 1 notices that its connection with node 3 broke |
 * | `lost 1: 2 3` | nodes 2 and 3 are told that the process of node 1 is gone |
 * | `propose 1 a`, `read 2`, `snapshot 1`, `transfer 1 2` | what callers ask of a node |
 * | `learner 1 +4`, `learner 1 -4`, `voters 1 +4 -3` | members are changed through node 1 |
 * | `show`, `show 1` | the nodes as they are |
 */
export function runScript(text: string): string {
  const [title, ...commands] = text.split(/^> /m)
  const stage = new Stage()
  const parts = commands.map(block => {
    const command = block.split('\n')[0]!.trim()
    stage.told = []
    stage.run(command)
    return [`> ${command}`, ...stage.told].join('\n')
  })
  return `${[title!.trim(), ...parts].join('\n\n')}\n`
}

class Stage {
  readonly #nodes = new Map<NodeId, Node>()
  readonly #safety = new Safety(this.#nodes)
  readonly #slow = new Set<Node>()
  readonly #down = new Set<Node>()
  readonly #seen = new Map<Node, string[]>()
  #way: Envelope[] = []
  #now = 0
  #reads = 0
  #size = 0
  #appendBytesMax = 4096
  told: string[] = []

  run(command: string): void {
    const [verb, ...words] = command.split(/[ :]+/)
    const node = this.#nodes.get(Number(words[0]))!
    switch (verb) {
      case 'voters':
        return node === undefined || words[1] === 'small'
          ? this.#found(Number(words[0]), words[1] === 'small')
          : this.#exchange(node, words.slice(1))
      case 'log':
        return this.#log(words)
      case 'lead':
        this.#pass(4 * TIMING.electionTimeoutMs)
        this.#step(node, () => node.step({ type: 'tick' }))
        this.#settle()
        this.told = [`    node ${node.id} ${stateOf(node)[0]}`]
        return
      case 'empty':
        return this.#empty(Number(words[0]))
      case 'campaign':
        this.#pass(4 * TIMING.electionTimeoutMs)
        return this.#step(node, () => node.step({ type: 'tick' }))
      case 'wait':
        return this.#pass(Number(words[0]))
      case 'tick':
        return this.#step(node, () => node.elapse(0))
      case 'deliver':
        return this.#deliver(this.#on(words[0], words[1]), true)
      case 'double':
        return this.#deliver(this.#on(words[0], words[1]), false)
      case 'drop':
        return this.#drop(this.#on(words[0], words[1]))
      case 'settle':
        return this.#settle()
      case 'slow':
        return void this.#slow.add(node)
      case 'write':
        return this.#step(node, () => node.persist(Number(words[1] ?? Number.POSITIVE_INFINITY)))
      case 'crash':
        return this.#crash(node)
      case 'start':
        return this.#start(node)
      case 'broken':
        return this.#step(node, () => node.step({ type: 'sendFailed', peer: Number(words[1]) }))
      case 'lost':
        for (const id of words.slice(1).map(Number)) {
          const other = this.#nodes.get(id)!
          this.#step(other, () => other.step({ type: 'peerLost', peer: node.id }))
        }
        return
      case 'propose':
        return this.#ask(node, () => node.propose(words[1]!))
      case 'read':
        this.#reads += 1
        return this.#step(node, () => node.read(this.#reads))
      case 'snapshot':
        return this.#step(node, () => node.takeSnapshot())
      case 'transfer':
        return this.#step(node, () => node.step({ type: 'transfer', target: Number(words[1]) }))
      case 'learner':
        return this.#learner(node, words[1]!)
      case 'show':
        for (const one of words.length > 0 ? [node] : this.#nodes.values()) this.#show(one)
        return
      default:
        throw new Error(`no such command: ${command}`)
    }
  }

  // Nodes.

  #found(size: number, small: boolean): void {
    this.#size = size
    this.#appendBytesMax = small ? 1 : 4096
    for (let id = 1; id <= size; id++) this.#place(id, [1], 1)
  }

  #log([id, ...words]: string[]): void {
    const terms = words.filter(word => word !== 'term').map(Number)
    const term = terms.at(-1)!
    this.#place(Number(id), words.includes('term') ? terms.slice(0, -1) : terms, term)
  }

  #place(id: NodeId, terms: number[], term: number): void {
    const { options, disk } = voter(id, this.#size, terms, {
      hardState: { term },
      options: { snapshotPartBytes: 400, appendBytesMax: this.#appendBytesMax },
    })
    this.#add(new Node(options, disk, this.#safety))
  }

  #empty(id: NodeId): void {
    const configuredVoters = [...this.#nodes.keys(), id]
    this.#add(new Node({ id, configuredVoters }, {}, this.#safety))
  }

  #add(node: Node): void {
    this.#nodes.set(node.id, node)
    node.now = this.#now
    this.#seen.set(node, stateOf(node))
  }

  #crash(node: Node): void {
    this.#down.add(node)
    node.crash()
  }

  #start(node: Node): void {
    this.#down.delete(node)
    node.now = this.#now
    this.#step(node, () => node.start())
  }

  #pass(ms: number): void {
    this.#now += ms
    for (const node of this.#nodes.values()) node.now = this.#now
  }

  /** Does it, and whatever follows at this node without a message; tells what changed. */
  #step(node: Node, does: () => void): void {
    does()
    for (;;) {
      if (!this.#slow.has(node)) node.persist()
      const request = node.snapshotReads.shift()
      const part = node.snapshotParts.shift()
      if (request !== undefined) node.step({ type: 'snapshotRead', request, data: node.readPart(request) })
      else if (part === undefined) break
      else if (node.storePart(part)) {
        node.accept(part)
        node.takeOver(part)
      }
    }
    this.#way.push(...node.outbox.splice(0))
    this.#tellChanges(node)
  }

  #tellChanges(node: Node): void {
    const now = stateOf(node)
    const before = this.#seen.get(node)!
    this.#seen.set(node, now)
    for (const [i, line] of now.entries())
      if (line !== before[i]) this.told.push(`    node ${node.id} ${line}`)
    for (const { token, index } of node.readIndexes.splice(0))
      this.told.push(
        `    read ${token} at node ${node.id}: ${index === null ? 'ask again' : `index ${index}`}`,
      )
    for (const { from, reason, text } of node.refusals.splice(0))
      this.told.push(`    node ${node.id} refuses node ${from} (${reason}): ${text}`)
  }

  // Callers.

  #ask(node: Node, does: () => void): void {
    this.#step(node, does)
    const result = node.results.at(-1)!
    if ('entry' in result) this.told.push(`entry ${result.entry.index}/${result.entry.term}`)
    else this.told.push(`refused: ${'why' in result ? result.why : result.refused}`)
  }

  #exchange(node: Node, words: string[]): void {
    const ids = (sign: string) =>
      words.filter(word => word.startsWith(sign)).map(word => Number(word.slice(1)))
    this.#ask(node, () => node.change({ kind: 'voters', add: ids('+'), remove: ids('-') }))
  }

  #learner(node: Node, word: string): void {
    const id = Number(word.slice(1))
    const uuid = this.#nodes.get(id)?.disk.uuid ?? diskOf(id)
    this.#ask(node, () =>
      node.change(
        word.startsWith('+') ? { kind: 'addLearner', learner: { id, uuid } } : { kind: 'removeLearner', id },
      ),
    )
  }

  // The network.

  #on(link: string | undefined, count = `${this.#way.length}`): Envelope[] {
    const [from, to] = link?.split('>') ?? []
    const matches = ({ from: sender, to: receiver }: Envelope) =>
      link === undefined || (`${sender}` === from && `${receiver}` === to)
    return this.#way.filter(matches).slice(0, Number(count))
  }

  #deliver(envelopes: Envelope[], once: boolean): void {
    if (once) this.#way = this.#way.filter(envelope => !envelopes.includes(envelope))
    for (const envelope of envelopes) {
      this.told.push(say(envelope))
      this.#arrive(envelope)
    }
  }

  #arrive(envelope: Envelope): void {
    const node = this.#nodes.get(envelope.to)
    if (node === undefined || this.#down.has(node)) return
    this.#step(node, () => node.step({ type: 'message', envelope }))
  }

  #drop(envelopes: Envelope[]): void {
    for (const envelope of envelopes) this.told.push(`lost: ${say(envelope)}`)
    this.#way = this.#way.filter(envelope => !envelopes.includes(envelope))
  }

  #settle(): void {
    for (let step = 0; this.#way.length > 0; step++) {
      if (step > 10_000) throw new Error('the messages never end')
      this.#arrive(this.#way.shift()!)
    }
  }

  #show(node: Node): void {
    const log = node.log.map(({ index, term }) => `${index}/${term}`).join(' ')
    const begins = node.base === 0 ? '' : `[snapshot ${node.base}] `
    const state = this.#down.has(node) ? 'is down' : stateOf(node).join(', ')
    this.told.push(`    node ${node.id} ${state}; log ${begins}${log}`)
  }
}

/** What is worth to be told when it changes. */
function stateOf(node: Node): string[] {
  const { role, term, leader, commit } = node.status
  const rank =
    role === 'LEADER'
      ? `leads term ${term}`
      : role === 'CANDIDATE'
        ? `is a candidate in term ${term}`
        : role === 'FOUNDING'
          ? 'is empty'
          : `follows ${leader ?? 'nobody'} in term ${term}`
  return [rank, `commits up to ${commit}`, `counts ${members(node.raft.configuration)}`]
}

function members(configuration: Configuration | null): string {
  if (configuration === null) return 'nobody'
  const ids = (list: readonly { id: NodeId }[]) => list.map(({ id }) => id).join(' ')
  const { voters, outgoing, learners } = configuration
  const before = outgoing === null ? '' : `, outgoing ${ids(outgoing)}`
  return `voters ${ids(voters)}${before}${learners.length > 0 ? `, learners ${ids(learners)}` : ''}`
}
