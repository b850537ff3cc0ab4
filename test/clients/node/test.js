// node-postgres with pgvector's types. Usage: node test.js HOST PORT
const assert = require('node:assert')
const { Client } = require('pg')
const pgvector = require('pgvector/pg')

async function main () {
  const [host, port] = process.argv.slice(2)
  const client = new Client({ host, port: Number(port), user: 'postgres', database: 'postgres' })
  await client.connect()
  await client.query('CREATE EXTENSION IF NOT EXISTS vector')
  await pgvector.registerTypes(client)
  await client.query('DROP TABLE IF EXISTS node_items')
  await client.query('CREATE TABLE node_items (id bigserial PRIMARY KEY, name text, embedding vector(3), data jsonb)')

  for (const [name, v] of [['a', [1, 1, 1]], ['b', [2, 2, 2]], ['c', [1, 1, 2]]]) {
    const r = await client.query('INSERT INTO node_items (name, embedding, data) VALUES ($1, $2, $3) RETURNING id',
      [name, pgvector.toSql(v), { name }])
    assert.strictEqual(r.rowCount, 1)
  }
  const near = await client.query('SELECT name, embedding, data FROM node_items ORDER BY embedding <-> $1 LIMIT 2', [pgvector.toSql([1, 1, 1])])
  assert.deepStrictEqual(near.rows.map(r => r.name), ['a', 'c'])
  assert.deepStrictEqual(near.rows[1].embedding, [1, 1, 2])
  assert.deepStrictEqual(near.rows[0].data, { name: 'a' })

  await assert.rejects(client.query('INSERT INTO node_items (embedding) VALUES ($1)', ['[1,2]']), e => e.code === '22000')
  await assert.rejects(client.query('INSERT INTO node_items (id) VALUES (1)'), e => e.code === '23505' && e.detail === 'Key (id)=(1) already exists.' && e.constraint === 'node_items_pkey')
  await assert.rejects(client.query('SELECT * FROM nosuch'), e => e.code === '42P01')

  await client.query('BEGIN')
  await client.query('DELETE FROM node_items')
  await client.query('ROLLBACK')
  assert.strictEqual((await client.query('SELECT count(*)::int AS n FROM node_items')).rows[0].n, 3)

  // A named prepared statement, used twice; an array; a date; null.
  for (const id of [1, 2]) {
    const r = await client.query({ name: 'by-id', text: 'SELECT name, $2::int[] AS a, $3::timestamptz AS t, NULL AS n FROM node_items WHERE id = $1', values: [id, [1, 2], new Date(0)] })
    assert.deepStrictEqual(r.rows[0].a, [1, 2])
    assert.strictEqual(r.rows[0].t.getTime(), 0)
    assert.strictEqual(r.rows[0].n, null)
  }
  await client.query('DROP TABLE node_items')
  await client.end()
  console.log('ok')
}

main().catch(e => { console.error(e); process.exit(1) })
