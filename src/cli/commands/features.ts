import { type Command, InvalidArgumentError } from 'commander'
import { clusterOptions, inSession, wholeNumber } from '../session.ts'
import { table } from '../table.ts'

const PATH = '/api/v1/metadata/features'

type Feature = { feature: string; supported: { min: number; max: number }; finalized: number }
type Features = { features: Feature[] }

export function features(program: Command): void {
  const group = program.command('features').description('what the nodes of the cluster do alike, as levels')
  clusterOptions(group.command('list'))
    .alias('ls')
    .description('show which levels are supported, and which are in force')
    .addHelpText('after', '\nExample:\n  dmq features list')
    .action(async (_options: object, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const answer = await client.send<Features>({ method: 'GET', path: PATH })
        print(answer.features, () => featuresText(answer))
      })
    })
  clusterOptions(group.command('upgrade'))
    .argument('[feature]', 'which', featureName, 'metadata.version')
    .option('--to <level>', 'the new level, if not the highest that the controller supports', wholeNumber)
    .option('--dry-run', 'ask every node whether it supports it, change nothing')
    .description('raise a level, when every node runs the new release; it never goes down again')
    .addHelpText('after', '\nExamples:\n  dmq features upgrade --dry-run\n  dmq features upgrade')
    .action(async (feature: string, options: { to?: number; dryRun?: boolean }, command: Command) => {
      await inSession(command, async ({ client, print }) => {
        const before = await client.send<Features>({ method: 'GET', path: PATH })
        const known = before.features.find(each => each.feature === feature)
        const level = options.to ?? known?.supported.max ?? 1
        const validateOnly = options.dryRun === true
        const body = { features: { [feature]: level }, validateOnly }
        const answer = await client.send<Features>({ method: 'POST', path: PATH, body })
        print(answer.features, () =>
          validateOnly
            ? `every node supports ${feature} ${level}: nothing was changed`
            : featuresText(answer),
        )
      })
    })
}

function featureName(text: string): string {
  const [name, level] = text.split('=')
  if (level === undefined) return text
  throw new InvalidArgumentError(`the level is an option: dmq features upgrade ${name} --to ${level}`)
}

function featuresText({ features }: Features): string {
  const rows = features.map(({ feature, supported, finalized }) => [
    feature,
    `${supported.min} to ${supported.max}`,
    finalized,
  ])
  return table(['FEATURE', 'SUPPORTED', 'IN FORCE'], rows)
}
