// npm run bench -- NAME [ARG ...]: runs bench/NAME.ts. Without a name, lists what there is.
import { existsSync, globSync } from 'node:fs'
import { basename } from 'node:path'
import { runAll } from './run.ts'

const [name, ...args] = process.argv.slice(2)
if (name === undefined || !existsSync(`bench/${name}.ts`)) {
  const names = globSync('bench/*.ts').map(file => basename(file, '.ts'))
  console.error(`usage: npm run bench -- NAME, with NAME one of: ${names.sort().join(', ')}`)
  process.exit(2)
}
runAll([['node', `bench/${name}.ts`, ...args]])
