import { assertError, STORAGE, send, sendProved, stateOf } from '../contract.ts'
import { metadata, refused, storage } from './shared-cluster.ts'

refused('a storage node believes nobody without a proof, and no nonsense with one', async () => {
  const { clusterId, controller } = await stateOf(storage)
  const { term } = controller as { term: number }
  const update = {
    updateType: 'DELTA',
    clusterId,
    recoveryEpoch: 0,
    fromVersion: 0,
    version: 10 ** 6,
    timestamp: 0,
    controllerTerm: term,
    controllerId: 1,
    controllerUrl: metadata.url,
  }
  const path = `${STORAGE}/metadata`
  const snapshot = { version: 10 ** 6, stateHash: 'x', timestamp: 0, brokers: [], topics: [] }
  assertError(await send(storage, 'POST', path, JSON.stringify(update)), 'UNAUTHENTICATED')
  const commands = [
    { commandType: 'DeleteTopicCommand', commandData: 'no JSON' },
    { commandType: 'DeleteTopicCommand', commandData: '{"topicName":"kept"}' },
    { commandType: 'DropEverythingCommand', commandData: '{"time":1}' },
  ]
  for (const command of commands) {
    const body = { ...update, commands: [{ version: 10 ** 6, ...command }] }
    assertError(await sendProved(storage, 'POST', path, body), 'INVALID_REQUEST')
  }
  for (const wrong of [
    snapshot,
    null,
    1,
    'x',
    [],
    {},
    { ...snapshot, brokers: 1 },
    { ...snapshot, topics: [{}] },
  ]) {
    const body = { ...update, updateType: 'FULL_SNAPSHOT', snapshot: wrong }
    assertError(await sendProved(storage, 'POST', path, body), 'INVALID_REQUEST')
  }
  const foreign = { ...update, clusterId: 'another' }
  assertError(await sendProved(storage, 'POST', path, foreign), 'CLUSTER_ID_MISMATCH')
})
