/** The number that an option was given. Throws where it is none between the bounds; only minutes may have fractions. */
export function readNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  const whole = name === 'minutes' || Number.isInteger(value)
  if (text.trim() !== '' && value >= least && value <= most && whole) return value
  throw new Error(`--${name} is ${JSON.stringify(text)}; expected a number from ${least} to ${most}`)
}
