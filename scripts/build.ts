// npm run build: compiles src/ into dist/, which is what the published package runs.
import { rmSync } from 'node:fs'
import { runAll } from './run.ts'

rmSync('dist', { recursive: true, force: true })
runAll([['tsc', '-p', 'tsconfig.build.json']])
