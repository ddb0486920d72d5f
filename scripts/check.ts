// npm run check: types, lint and format. npm run format mends what can be mended.
import { runAll } from './run.ts'

const write = process.argv.includes('--write')
runAll([
  ['biome', 'check', '--error-on-warnings', ...(write ? ['--write'] : [])],
  ['tsc', '-p', 'tsconfig.json'],
])
