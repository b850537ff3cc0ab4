// node-postgres with pgvector's types. Usage: node test.js HOST PORT
const assert = require('node:assert')
const { Client } = require('pg')
const Cursor = require('pg-cursor')
const QueryStream = require('pg-query-stream')
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
  await cursors(client)
  await client.query('DROP TABLE node_items')
  await client.end()
  console.log('ok')
}

// Rows by portions: a portal that is executed with a row limit, suspended,
// executed again, closed early.
async function cursors (client) {
  const cursor = client.query(new Cursor('SELECT g, $1::text AS t FROM generate_series(1, 1000) g', ['x']))
  let portion = await cursor.read(100)
  assert.deepStrictEqual(portion[99], { g: 100, t: 'x' })
  portion = await cursor.read(1)
  assert.deepStrictEqual(portion, [{ g: 101, t: 'x' }])
  portion = await cursor.read(100000)
  assert.strictEqual(portion.length, 899)
  assert.deepStrictEqual(await cursor.read(1), [])
  await cursor.close()

  const early = client.query(new Cursor('SELECT g FROM generate_series(1, 100000000) g'))
  assert.strictEqual((await early.read(10)).length, 10)
  await early.close()
  assert.strictEqual((await client.query('SELECT 1 AS one')).rows[0].one, 1)

  const broken = client.query(new Cursor('SELECT 100 / (500 - g) AS q FROM generate_series(1, 1000) g'))
  await assert.rejects(async () => { while ((await broken.read(100)).length > 0); }, e => e.code === '22012')
  await broken.close()

  let sum = 0
  for await (const row of client.query(new QueryStream('SELECT id, embedding FROM node_items WHERE id > $1', [0], { batchSize: 2 }))) {
    assert.strictEqual(row.embedding.length, 3)
    sum += Number(row.id)
  }
  assert.strictEqual(sum, 6)
  // A stream that is left in the middle gives its connection back.
  for await (const row of client.query(new QueryStream('SELECT g FROM generate_series(1, 100000000) g', [], { batchSize: 100 }))) {
    if (row.g === 250) break
  }
  assert.strictEqual((await client.query('SELECT 2 AS two')).rows[0].two, 2)
}

main().catch(e => { console.error(e); process.exit(1) })
