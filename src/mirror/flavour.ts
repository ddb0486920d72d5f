import { type Kysely, type RawBuilder, sql } from 'kysely'
import { portableJson } from './portable-json.ts'
import type { Row } from './rows.ts'
import type { ColumnType, Table } from './tables.ts'

/** Kysely's own word for a database of tables that the types do not know. */
// biome-ignore lint/suspicious/noExplicitAny: it is its word
export type Untyped = Kysely<any>

/** Where SQLite and PostgreSQL differ, for what the query builder has no word for. */
export type Flavour = {
  readonly types: Readonly<Record<ColumnType, string>>
  /** A SELECT of these rows, which travel as one JSON text: one parameter and one plan, however many rows there are. */
  readonly rows: (table: Table, rows: readonly Row[]) => RawBuilder<unknown>
  /** A SELECT of one column with these values. */
  readonly values: (type: 'integer' | 'text', values: readonly unknown[]) => RawBuilder<unknown>
  /** Where new tables go; null: there is one place only. */
  readonly schema: (database: Untyped) => Promise<string | null>
  /** Whether a SELECT can lock its rows; elsewhere the transaction has the database to itself. */
  readonly locksRows: boolean
}

export const SQLITE: Flavour = {
  schema: async () => null,
  types: { integer: 'integer', bigint: 'integer', text: 'text', integers: 'text', json: 'text' },
  rows({ columns }, rows) {
    const names = Object.keys(columns)
    const fields = names.map((_, i) => sql`value ->> ${sql.lit(i)}`)
    const json = portableJson(rows.map(row => names.map(name => row[name])))
    return sql`select ${sql.join(fields)} from json_each(${json}) where true`
  },
  values: (_type, values) => sql`select value from json_each(${portableJson(values)})`,
  locksRows: false,
}

export const POSTGRES: Flavour = {
  schema: currentSchema,
  types: { integer: 'integer', bigint: 'bigint', text: 'text', integers: 'integer[]', json: 'jsonb' },
  rows({ columns }, rows) {
    const fields = Object.entries(columns).map(
      ([name, type]) => sql`${sql.ref(name)} ${sql.raw(POSTGRES.types[type])}`,
    )
    const names = Object.keys(columns).map(name => sql.ref(name))
    // As text: declared as JSON, the driver would encode it once more.
    const json = sql`${portableJson(rows)}::text::json`
    return sql`select ${sql.join(names)} from json_to_recordset(${json}) as given (${sql.join(fields)})`
  },
  values: (type, values) =>
    sql`select value::${sql.raw(type)} from json_array_elements_text(${portableJson(values)}::text::json)`,
  locksRows: true,
}

async function currentSchema(database: Untyped): Promise<string> {
  const { rows } = await sql<{ schema: string | null }>`select current_schema() as schema`.execute(database)
  const schema = rows[0]?.schema ?? null
  if (schema === null) throw new Error('there is no such schema: make the one that search_path names')
  return schema
}
