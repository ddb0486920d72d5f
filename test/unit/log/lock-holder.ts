// A process that takes the lock of a folder, says whether it got it, and holds it until its input ends or it is killed.
import { nodeDisk } from '../../../src/io/node-disk.ts'
import { LockFile } from '../../../src/log/lock-file.ts'

try {
  const lock = LockFile.acquire(nodeDisk, process.argv[2]!)
  console.log('held')
  process.stdin.on('end', () => lock.release()).resume()
} catch (error) {
  console.log(`${error}`)
}
