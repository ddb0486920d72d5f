import { InvalidArgumentError } from 'commander'

export type TopicPartition = { readonly topic: string; readonly partition: number }

/** `orders-3`: partition 3 of topic orders. Topic names may hold dashes; what follows the last one is the partition. */
export function partitionName(text: string): TopicPartition {
  const match = /^(.+)-(\d{1,9})$/.exec(text)
  if (match === null)
    throw new InvalidArgumentError(
      `${JSON.stringify(text)} is no partition; topic and number are expected, as orders-3.`,
    )
  return { topic: match[1]!, partition: Number(match[2]) }
}

/** Several, as they come one by one from a command line. */
export function partitionNames(text: string, before: readonly TopicPartition[] = []): TopicPartition[] {
  return [...before, partitionName(text)]
}

/** `101,102,103` */
export function brokerList(text: string): number[] {
  if (!/^\d{1,10}(,\d{1,10})*$/.test(text))
    throw new InvalidArgumentError(`${JSON.stringify(text)} is no list of brokers; 101,102,103 is expected.`)
  return text.split(',').map(Number)
}
