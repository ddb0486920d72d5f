/** Chance, where the system needs it. */
export interface Random {
  /** In [0, 1). */
  fraction(): number
  uuid(): string
}
