/** Such as `1 partition`, `3 partitions`; `plural` where it is not the noun with an s. */
export function counted(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`
}
